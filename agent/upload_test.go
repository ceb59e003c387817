package agent

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/plugins"
	"github.com/longshore-project/longshore/plugins/fake"
)

func TestRefusedURLsAreReplacedByNewOnes(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusForbidden, http.StatusNotFound} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			cp := newControlPlane(t)
			torrent := makeScript(t, fake.Params{Mode: fake.Complete, Size: 21 * mib})
			j := cp.job("job1")
			refused := map[string]bool{} // each part's first URL is worthless
			used := map[string]int{}
			cp.refuse = func(_ *testJob, ref collections.PartRef, url string) int {
				cp.mu.Lock()
				defer cp.mu.Unlock()
				used[url]++
				if part := fmt.Sprint(ref); !refused[part] {
					refused[part] = true
					return status
				}
				return 0
			}
			a := cp.agent(t.TempDir(), eager)
			a.mustStart(torrent.start("job1", 1))
			cp.await("the job is complete", func() bool { return j.ended })
			cp.checkStored(j, torrent)
			for url, n := range used {
				if n > 1 {
					t.Errorf("%s was used %d times", url, n)
				}
			}
		})
	}
}

func TestExpiredURLsAreNotUsed(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, test := range []struct {
		name string
		held heldURL
		want bool
	}{
		{"one that ends in an hour", heldURL{collections.URL{ExpiresAt: now.Add(time.Hour)}, now}, true},
		{"one without an end", heldURL{collections.URL{}, now.Add(-time.Hour)}, true},
		{"one that ends in ten seconds", heldURL{collections.URL{ExpiresAt: now.Add(10 * time.Second)}, now.Add(-time.Hour)}, false},
		{"one that just came, though our clock calls it expired", heldURL{collections.URL{ExpiresAt: now.Add(-time.Hour)}, now}, true},
	} {
		if got := test.held.usable(now); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

func TestURLsOfPartsThatDoNotComeMakeWayForThoseThatDid(t *testing.T) {
	t.Parallel()
	j := &job{parts: newParts(makeMeta(t, 16<<10, slices.Repeat([]int64{16 << 10}, maxURLsHeld+2)...), nil, never)}
	j.upload = newUpload(time.Second, nil)
	for i := range maxURLsHeld + 1 {
		j.upload.hold([]collections.URL{{File: i, Number: 1}})
	}
	if j.pruneURLs() {
		t.Error("URLs are dropped although none is needed")
	}
	verified := j.parts.verify(maxURLsHeld + 1)
	j.upload.ready = append(j.upload.ready, verified[0].ref)
	if !j.pruneURLs() {
		t.Errorf("%d URLs are held while a verified part lacks one", len(j.upload.urls))
	}
}

func TestAStoreThatIsDownHoldsTheJobUpAndNoMore(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	torrent := makeScript(t, fake.Params{Mode: fake.Complete, Size: 21 * mib})
	j := cp.job("job1")
	var down atomic.Bool
	down.Store(true)
	cp.refuse = func(*testJob, collections.PartRef, string) int {
		if down.Load() {
			return http.StatusServiceUnavailable
		}
		return 0
	}
	a := cp.agent(t.TempDir(), eager)
	a.mustStart(torrent.start("job1", 1))
	cp.await("the trouble is told", func() bool { return j.last.Code == collections.CodeUploadFailed })
	if told := cp.see(j).last; told.State == collections.AgentFailed || !strings.Contains(told.Message, "503") {
		t.Errorf("told was %s: %q", told.State, told.Message)
	}
	down.Store(false)
	cp.await("the job is complete", func() bool { return j.ended })
	j = cp.see(j)
	if j.last.Code != "" {
		t.Errorf("the last report still has the code %s", j.last.Code)
	}
	cp.checkStored(j, torrent)
}

func TestARefusedPutOfAStaleAttemptEndsIt(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	torrent := makeScript(t, fake.Params{Mode: fake.Complete, Size: 21 * mib})
	j := cp.job("job1")
	cp.refuse = func(*testJob, collections.PartRef, string) int {
		cp.with(func() { j.attempt = 2 })
		return http.StatusForbidden
	}
	a := cp.agent(t.TempDir(), eager)
	a.mustStart(torrent.start("job1", 1))
	eventually(t, "the attempt has ended", func() bool { return len(a.active()) == 0 })
	j = cp.see(j)
	if len(j.puts) != 0 {
		t.Errorf("PUT were %v", j.puts)
	}
}

func TestNothingIsLostWhileTheControlPlaneIsAway(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	torrent := makeScript(t, fake.Params{Mode: fake.Complete, Size: 24 * mib, Rate: 48 * mib})
	j := cp.job("job1")
	a := cp.agent(t.TempDir(), eager)
	a.mustStart(torrent.start("job1", 1))
	cp.await("a part is in the store", func() bool { return len(j.puts) > 0 })
	cp.with(func() { cp.away = true })
	eventually(t, "the download goes on to its end", func() bool {
		status, err := a.reports.status("job1")
		return err == nil && status.DoneBytes == torrent.TotalSize
	})
	cp.with(func() { cp.away = false })
	cp.await("the job is complete", func() bool { return j.ended })
	j = cp.see(j)
	cp.checkStored(j, torrent)
	for ref, n := range j.puts {
		if n != 1 {
			t.Errorf("part %v was PUT %d times", ref, n)
		}
	}
	cp.with(func() { checkSequence(t, cp.reports) })
}

// checkSequence holds the reports' numbers against the rule: from 1, growing by each report of one start.
func checkSequence(t *testing.T, reports []collections.ReportRequest) {
	t.Helper()
	last := map[string]int64{}
	for _, report := range reports {
		if report.Seq <= last[report.StartID] {
			t.Errorf("report %d came after %d", report.Seq, last[report.StartID])
		}
		last[report.StartID] = report.Seq
	}
}

func TestWhatTheStoreLostIsUploadedAgain(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	torrent := makeScript(t, fake.Params{Mode: fake.Complete, Size: 21 * mib})
	j := cp.job("job1")
	j.finishes = false
	a := cp.agent(t.TempDir())
	a.mustStart(torrent.start("job1", 1))
	cp.await("all is told", func() bool { return len(j.done) == 3 })
	lost := collections.PartRef{File: 0, Number: 2}
	cp.with(func() {
		delete(j.done, lost)
		stored := j.account()
		j.stored, j.finishes = &stored, true
	})
	cp.await("the job is complete", func() bool { return j.ended })
	j = cp.see(j)
	if j.puts[lost] != 2 || len(j.puts) != 3 {
		t.Errorf("PUT were %v", j.puts)
	}
	cp.checkStored(j, torrent)
}

func TestWhatTheStoreLostIsFetchedAgainWhenItIsNotOnDisk(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	torrent := makeScript(t, fake.Params{Mode: fake.Complete, Size: 21 * mib})
	j := cp.job("job1")
	j.finishes = false
	a := cp.agent(t.TempDir())
	a.mustStart(torrent.start("job1", 1))
	cp.await("all is told", func() bool { return len(j.done) == 3 })
	status, body := a.call(http.MethodPost, "/stop", collections.StopRequest{JobID: "job1", Attempt: 1})
	if status != http.StatusOK {
		t.Fatalf("stop: %d %s", status, body)
	}
	req := torrent.start("job1", 2)
	cp.with(func() {
		j.attempt = 2
		delete(j.done, collections.PartRef{File: 0, Number: 3})
		req.Metainfo, req.Stored = torrent.Torrent, j.account()
	})
	a.mustStart(req)
	cp.await("all is told again", func() bool { return len(j.done) == 3 })
	if fetched := cp.see(j).last.Downloaded; fetched > 6*mib {
		t.Errorf("%d bytes were fetched for a part of 5 MiB", fetched)
	}
	cp.with(func() {
		delete(j.done, collections.PartRef{File: 0, Number: 1})
		stored := j.account()
		j.stored, j.finishes = &stored, true
	})
	cp.await("the job is complete", func() bool { return j.ended })
	cp.checkStored(j, torrent)
}

func TestFinishedFilesAreLinkedIntoALocalStore(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	torrent := makeScript(t, fake.Params{Mode: fake.Complete, Size: 30 * mib, Files: 3, PieceLength: 256 << 10})
	j := cp.job("job1")
	base := t.TempDir()
	cp.linkDir = filepath.Join(base, "store")
	if err := os.Mkdir(cp.linkDir, 0o700); err != nil {
		t.Fatal(err)
	}
	a := cp.agentWith(Config{Dir: filepath.Join(base, "agent"), Link: true, Engines: []plugins.Spec{fakeEngine()}})
	a.mustStart(torrent.start("job1", 1))
	cp.await("the job is complete", func() bool { return j.ended })
	eventually(t, "scratch data are gone", a.idle)
	j = cp.see(j)
	cp.checkStored(j, torrent)
	if len(j.done) != 3 || len(j.puts) != 0 {
		t.Errorf("told were %v; PUT were %v", j.done, j.puts)
	}
	for _, done := range j.done {
		path := j.linked[done.Key]
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != linkedMode || info.Sys().(*syscall.Stat_t).Nlink != 1 {
			t.Errorf("%s: %v %v", path, info, err)
		}
	}
	if left, _ := os.ReadDir(cp.linkDir); len(left) != 3 {
		t.Errorf("the store's folder holds %v", left)
	}
}

func TestWithoutLinksPartsAreUploaded(t *testing.T) {
	t.Parallel()
	for name, linkDir := range map[string]string{"none are offered": "", "the offered ones do not work": "/nowhere/at/all"} {
		t.Run(name, func(t *testing.T) {
			cp := newControlPlane(t)
			cp.linkDir = linkDir
			torrent := makeScript(t, fake.Params{Mode: fake.Complete, Size: 21 * mib, Files: 2})
			j := cp.job("job1")
			a := cp.agentWith(Config{Dir: t.TempDir(), Link: true, Engines: []plugins.Spec{fakeEngine()}})
			a.mustStart(torrent.start("job1", 1))
			cp.await("the job is complete", func() bool { return j.ended })
			j = cp.see(j)
			cp.checkStored(j, torrent)
			if len(j.puts) != 4 {
				t.Errorf("PUT were %v", j.puts)
			}
		})
	}
}

func TestAFileBegunInPartsIsNotLinked(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	cp.linkDir = t.TempDir()
	torrent := makeScript(t, fake.Params{Mode: fake.Complete, Size: 42 * mib, Files: 2})
	j := cp.job("job1")
	a := cp.agentWith(Config{Dir: t.TempDir(), Link: true, Engines: []plugins.Spec{fakeEngine()}})
	req := torrent.start("job1", 1)
	req.Metainfo = torrent.Torrent
	req.Stored = collections.Stored{Parts: []collections.StoredParts{{File: 0, Numbers: []int{1}}}}
	cp.with(func() {
		j.meta, j.finishes = torrent.Metainfo, false
	})
	a.mustStart(req)
	cp.await("all is told", func() bool { return len(j.done) == 3 })
	j = cp.see(j)
	var refs []string
	for ref := range j.done {
		refs = append(refs, fmt.Sprintf("%d.%d", ref.File, ref.Number))
	}
	slices.Sort(refs)
	if got := strings.Join(refs, " "); got != "0.2 0.3 1.0" {
		t.Errorf("told were %s", got)
	}
}

func TestJobsShareTheUploadsFairly(t *testing.T) {
	u := newUploader()
	first, second := &job{}, &job{}
	var order []string
	for i := range 3 {
		u.submit(first, func() { order = append(order, fmt.Sprint("first", i)) })
	}
	for i := range 2 {
		u.submit(second, func() { order = append(order, fmt.Sprint("second", i)) })
	}
	for range 5 {
		u.next()()
	}
	if got := strings.Join(order, " "); got != "first0 second0 first1 second1 first2" {
		t.Errorf("the order was %s", got)
	}
	u.submit(first, func() { t.Error("a dropped task ran") })
	u.drop(first)
	u.close()
	if u.next() != nil {
		t.Error("a closed uploader has a task")
	}
}
