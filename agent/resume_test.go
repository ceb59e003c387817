package agent

import (
	"bytes"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/plugins"
	"github.com/longshore-project/longshore/plugins/enginetest"
	"github.com/longshore-project/longshore/plugins/fake"
)

func TestAnAgentThatStartsAgainGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	torrent := makeScript(t, fake.Params{Mode: fake.Complete, Size: 40 * mib, Rate: 40 * mib})
	j := cp.job("job1")
	dir := t.TempDir()
	first := cp.agent(dir)
	first.mustStart(torrent.start("job1", 1))
	cp.await("two parts are recorded", func() bool { return len(j.done) >= 2 })
	address := first.identity.Listen
	first.stop()

	recorded := map[collections.PartRef]bool{}
	req := torrent.start("job1", 2)
	cp.with(func() {
		j.states, j.attempt = nil, 2
		req.Metainfo, req.Stored = torrent.Torrent, j.account()
		for ref := range j.done {
			recorded[ref] = true
		}
	})
	second := cp.agent(dir)
	if second.startID == first.startID || second.identity.AgentID != first.identity.AgentID || second.identity.Listen != address {
		t.Error("the second start has to have a new start id, the same identity and the same address")
	}
	cp.await("the scratch data are told", func() bool { return slices.Contains(j.states, collections.AgentHeld) })
	second.mustStart(req)
	cp.await("the job is complete", func() bool { return j.ended })
	j = cp.see(j)
	cp.checkStored(j, torrent)
	for ref := range recorded {
		if j.puts[ref] != 1 {
			t.Errorf("part %v, which was recorded, was PUT %d times", ref, j.puts[ref])
		}
	}
	if j.last.Downloaded > torrent.TotalSize-16*mib {
		t.Errorf("%d bytes were fetched although 16 MiB were there", j.last.Downloaded)
	}
}

func TestAStopThatKeepsDataLosesNothing(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	torrent := makeScript(t, fake.Params{Mode: fake.Complete, Size: 40 * mib, Rate: 40 * mib})
	j := cp.job("job1")
	a := cp.agent(t.TempDir())
	a.mustStart(torrent.start("job1", 1))
	cp.await("a part is recorded", func() bool { return len(j.done) > 0 })
	cp.with(func() { j.desired = collections.DesiredPause })
	cp.await("the stop is told", func() bool { return j.last.State == collections.AgentStopped })
	eventually(t, "the job has ended", func() bool { return len(a.active()) == 0 })
	if held, _ := a.scratch.held(); len(held) != 1 {
		t.Fatal("the data are gone")
	}
	var req collections.StartRequest
	var before int64
	var recorded map[collections.PartRef]collections.PartDone
	cp.with(func() {
		recorded = maps.Clone(j.done)
		j.desired, j.attempt = collections.DesiredRun, 2
		req = torrent.start("job1", 2)
		req.Stored, before = j.account(), j.last.DoneBytes
	})
	a.mustStart(req)
	cp.await("the job is complete", func() bool { return j.ended })
	j = cp.see(j)
	cp.checkStored(j, torrent)
	cp.with(func() {
		for ref := range recorded {
			if j.puts[ref] != 1 {
				t.Errorf("part %v, which was recorded, was PUT %d times", ref, j.puts[ref])
			}
		}
		if fetched := j.last.Downloaded; fetched > torrent.TotalSize-before {
			t.Errorf("the second attempt fetched %d bytes although %d of %d were there", fetched, before, torrent.TotalSize)
		}
	})
}

func TestAJobGoesOnWithTheDataOfAnother(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	torrent := makeScript(t, fake.Params{Mode: fake.Complete, Size: 40 * mib, Rate: 40 * mib})
	first, second := cp.job("job1"), cp.job("job2")
	a := cp.agent(t.TempDir())
	a.mustStart(torrent.start("job1", 1))
	cp.await("something is fetched", func() bool { return first.last.DoneBytes > 8*mib })
	cp.with(func() { first.desired = collections.DesiredPause })
	eventually(t, "the first has ended", func() bool { return len(a.active()) == 0 })
	req := torrent.start("job2", 1)
	req.Inherit = "job1"
	a.mustStart(req)
	cp.await("the second is complete", func() bool { return second.ended })
	cp.checkStored(cp.see(second), torrent)
	cp.with(func() {
		if second.last.Downloaded > torrent.TotalSize-first.last.DoneBytes {
			t.Errorf("the second fetched %d bytes although %d of %d were there", second.last.Downloaded, first.last.DoneBytes, torrent.TotalSize)
		}
	})
}

func TestDataAreInheritedOfTheSameTorrentOnly(t *testing.T) {
	s := &scratch{dir: t.TempDir()}
	open := func(job, infohash, file string) {
		t.Helper()
		data, err := s.open(heldJob{JobID: job, Attempt: 1, Infohash: collections.Infohash(strings.Repeat(infohash, 40))})
		if err == nil {
			err = os.WriteFile(filepath.Join(data, file), nil, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	open("same", "a", "of-same")
	open("other", "b", "of-other")
	open("own", "a", "of-own")
	for _, c := range []struct{ job, from, file string }{
		{"own", "same", "of-own"}, {"heir", "other", ""}, {"heir", "gone", ""}, {"heir", "same", "of-same"},
	} {
		if err := s.inherit(c.job, c.from, collections.Infohash(strings.Repeat("a", 40))); err != nil {
			t.Errorf("%s from %s: %v", c.job, c.from, err)
		}
		found, _ := filepath.Glob(filepath.Join(s.dir, c.job, dataDir, "*"))
		if got := strings.Join(found, " "); filepath.Base(got) != filepath.Base(c.file) {
			t.Errorf("%s from %s has %q", c.job, c.from, got)
		}
	}
}

func TestACancelRemovesTheData(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	torrent := makeScript(t, fake.Params{Mode: fake.Stall, Size: 4 * mib, At: 50})
	j := cp.job("job1")
	a := cp.agent(t.TempDir())
	a.mustStart(torrent.start("job1", 1))
	cp.await("the job runs", func() bool { return j.last.DoneBytes > 0 })
	cp.with(func() { j.desired = collections.DesiredCancel })
	eventually(t, "job and data are gone", a.idle)
}

func TestAStaleAttemptEndsAndLeavesItsData(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	torrent := makeScript(t, fake.Params{Mode: fake.Stall, Size: 4 * mib, At: 50})
	j := cp.job("job1")
	a := cp.agent(t.TempDir())
	a.mustStart(torrent.start("job1", 1))
	cp.await("the job runs", func() bool { return j.last.State == collections.AgentDownloading })
	cp.with(func() { j.attempt = 2 })
	eventually(t, "the attempt has ended", func() bool { return len(a.active()) == 0 })
	if held, _ := a.scratch.held(); len(held) != 1 {
		t.Errorf("held: %v", held)
	}
}

func TestScratchOfAnEndedJobIsRemovedAtTheNextStart(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	torrent := makeScript(t, fake.Params{Mode: fake.Stall, Size: 4 * mib, At: 50})
	j := cp.job("job1")
	dir := t.TempDir()
	first := cp.agent(dir)
	first.mustStart(torrent.start("job1", 1))
	cp.await("the job runs", func() bool { return j.last.State == collections.AgentDownloading })
	first.stop()
	cp.with(func() { j.ended = true })
	second := cp.agent(dir)
	eventually(t, "the data are gone", second.idle)
}

// swarm is a torrent that a real engine fetches from a real seeder on loopback.
type swarm struct {
	*enginetest.Payload
	seeder *enginetest.Seeder
}

func newSwarm(t *testing.T, options enginetest.SeederOptions, files ...enginetest.PayloadFile) swarm {
	t.Helper()
	p := enginetest.MakePayload(t, enginetest.PayloadSpec{Files: files, PieceLength: 256 << 10})
	return swarm{p, enginetest.NewSeeder(t, p, options)}
}

func (s swarm) start(job string, attempt int64) collections.StartRequest {
	return collections.StartRequest{
		JobID: job, Attempt: attempt, Infohash: string(s.Infohash),
		Magnet: s.Magnet() + "&x.pe=" + s.seeder.Addr(),
	}
}

func realAgent(cp *controlPlane, dir string, change ...func(*Agent)) *runningAgent {
	return cp.agentWith(Config{Dir: dir, Engines: []plugins.Spec{realEngine()}}, change...)
}

func TestAKilledEngineCostsNoVerifiedPiece(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	s := newSwarm(t, enginetest.SeederOptions{Rate: 20 * mib},
		enginetest.PayloadFile{Name: "big.bin", Size: 24 * mib}, enginetest.PayloadFile{Name: "folder/small ☃.txt", Size: 77_777},
		enginetest.PayloadFile{Name: "empty", Size: 0})
	j := cp.job("job1")
	a := realAgent(cp, t.TempDir())
	a.mustStart(s.start("job1", 1))
	cp.await("half is verified", func() bool { return j.last.DoneBytes > s.TotalSize/2 })
	signalEngine(t, a.Agent, syscall.SIGKILL)
	cp.await("the job is complete", func() bool { return j.ended })
	j = cp.see(j)
	cp.checkStored(j, s)
	cp.with(func() {
		if j.attempt != 1 || j.last.Attempt != 1 {
			t.Errorf("the job had to be given out again")
		}
		// A few pieces were under way when the engine died.
		if sent := s.seeder.Sent(); sent > s.TotalSize+6*mib {
			t.Errorf("the seeder sent %d bytes of a torrent of %d", sent, s.TotalSize)
		}
		for ref, n := range j.puts {
			if n > 1 {
				t.Errorf("part %v was PUT %d times", ref, n)
			}
		}
	})
}

// signalEngine sends a signal to the agent's first engine.
func signalEngine(t *testing.T, a *Agent, signal syscall.Signal) {
	t.Helper()
	h := a.engines[0]
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.session == nil {
		t.Fatal("the engine does not run")
	}
	if err := syscall.Kill(h.session.process.Pid(), signal); err != nil {
		t.Fatal(err)
	}
}

func TestBytesThatChangedOnDiskAreNotUploaded(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	s := newSwarm(t, enginetest.SeederOptions{Rate: 16 * mib}, enginetest.PayloadFile{Name: "big.bin", Size: 24 * mib}, enginetest.PayloadFile{Name: "b", Size: 9999})
	j := cp.job("job1")
	j.finishes = false
	dir := t.TempDir()
	cp.with(func() {
		cp.refuse = func(*testJob, collections.PartRef, string) int { return http.StatusServiceUnavailable }
	})
	first := realAgent(cp, dir)
	first.mustStart(s.start("job1", 1))
	cp.await("all is verified", func() bool { return j.last.State == collections.AgentUploading })
	first.stop()

	corrupt(t, filepath.Join(dir, "scratch", "job1", "data"), 5*mib)
	cp.with(func() { j.attempt, j.finishes, cp.refuse = 2, true, nil })
	before := s.seeder.Sent()
	second := realAgent(cp, dir)
	second.mustStart(s.start("job1", 2))
	cp.await("the job is complete", func() bool { return j.ended })
	cp.checkStored(j, s)
	if again := s.seeder.Sent() - before; again == 0 || again > 4*mib {
		t.Errorf("%d bytes were fetched again to mend 4 KiB", again)
	}
}

// corrupt changes 4 KiB at offset of the largest file below dir; its times stay.
func corrupt(t *testing.T, dir string, offset int64) {
	t.Helper()
	var path string
	var largest os.FileInfo
	err := filepath.Walk(dir, func(p string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() && !strings.HasPrefix(info.Name(), resumePrefix) && (largest == nil || info.Size() > largest.Size()) {
			path, largest = p, info
		}
		return err
	})
	if err != nil || largest == nil {
		t.Fatal("no file to corrupt", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(bytes.Repeat([]byte("wrong"), 4096/5), offset); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Time{}, largest.ModTime()); err != nil {
		t.Fatal(err)
	}
}
