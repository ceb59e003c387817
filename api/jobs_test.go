package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/progress"
)

const magnetA = "magnet:?xt=urn:btih:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa&dn=Alpha"

func magnet(i int) string { return fmt.Sprintf("magnet:?xt=urn:btih:%040x&dn=job+%d", i+1, i) }

type testFile struct {
	path string
	size int64
}

// torrent answers a .torrent of files without their content.
func torrent(name string, files ...testFile) []byte {
	var list strings.Builder
	var total int64
	for _, f := range files {
		fmt.Fprintf(&list, "d6:lengthi%de4:pathl", f.size)
		for part := range strings.SplitSeq(f.path, "/") {
			fmt.Fprintf(&list, "%d:%s", len(part), part)
		}
		list.WriteString("ee")
		total += f.size
	}
	const pieceLength = 16 << 10
	pieces := strings.Repeat("x", int((total+pieceLength-1)/pieceLength)*20)
	info := fmt.Sprintf("d5:filesl%se4:name%d:%s12:piece lengthi%de6:pieces%d:%se", list.String(), len(name), name, pieceLength, len(pieces), pieces)
	return fmt.Appendf(nil, "d8:announce31:http://tracker.example/announce4:info%se", info)
}

func (b *browser) mustCreate(body any, change ...func(*http.Request)) progress.Job {
	b.s.t.Helper()
	var job progress.Job
	b.call("POST", "/jobs", body, change...).into(b.s.t, 201, &job)
	return job
}

func (b *browser) detail(id string) jobDetail {
	b.s.t.Helper()
	var d jobDetail
	b.call("GET", "/jobs/"+id, nil).into(b.s.t, 200, &d)
	return d
}

func (s *server) jobCount() int64 {
	s.t.Helper()
	n, err := s.app.CountRecords("jobs")
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

func TestSubmittingAMagnet(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	job := b.mustCreate(map[string]any{"magnet": magnetA, "label": "films", "engine": "anacrolix", "selection": []int{2, 0, 2}},
		header("X-Request-Id", "from-a-test"))
	if job.Name != "Alpha" || job.Infohash != strings.Repeat("a", 40) || job.Status != collections.StatusQueued ||
		job.Desired != collections.DesiredRun || job.UserID != b.user.ID || job.Label != "films" || job.Engine != "anacrolix" || job.Revision != 1 {
		t.Errorf("made %+v", job)
	}
	row, err := s.app.FindRecordById("jobs", job.ID)
	if err != nil {
		t.Fatal(err)
	}
	if row.GetString("request_id") != "from-a-test" || row.GetString("selection") != "[0,2]" {
		t.Errorf("stored request id %q, selection %s", row.GetString("request_id"), row.GetString("selection"))
	}
	d := b.detail(job.ID)
	if d.Progress != nil || d.Verdict != nil || d.FileCounts != (fileCounts{}) || len(d.Events) != 1 || d.Events[0].EventType != collections.EventCreated {
		t.Errorf("detail %+v", d)
	}
}

func TestSubmittingATorrent(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	b1 := torrent("Tree", testFile{"a/b/ünïcödé 🚢.txt", 5}, testFile{"a/c.bin", 20000}, testFile{"empty", 0})
	job := b.mustCreate(newForm("label", "x", "selection", "[0,2]", "engine", "").torrent(b1))
	if job.Name != "Tree" || job.SizeBytes != 5 || job.Status != collections.StatusQueued {
		t.Errorf("made %+v", job)
	}
	if m, err := collections.ParseMagnet(job.MagnetURI); err != nil || !slices.Equal(m.Trackers, []string{"http://tracker.example/announce"}) {
		t.Errorf("its magnet is %q: %v", job.MagnetURI, err)
	}
	if counts := b.detail(job.ID).FileCounts; counts != (fileCounts{Total: 3, Selected: 2}) {
		t.Errorf("files %+v", counts)
	}
}

func TestSubmissionsThatAreRefusedStoreNothing(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	good := torrent("T", testFile{"a", 1}, testFile{"b", 1})
	for _, tc := range []struct {
		name   string
		body   any
		status int
		code   collections.Code
	}{
		{"no magnet", map[string]any{}, 400, collections.CodeInvalidInput},
		{"a number for a magnet", map[string]any{"magnet": 7}, 400, collections.CodeInvalidInput},
		{"an empty magnet", map[string]any{"magnet": ""}, 400, collections.CodeInvalidMagnet},
		{"a web address", map[string]any{"magnet": "https://example.com"}, 400, collections.CodeInvalidMagnet},
		{"a short infohash", map[string]any{"magnet": "magnet:?xt=urn:btih:abc"}, 400, collections.CodeInvalidMagnet},
		{"a magnet over its limit", map[string]any{"magnet": magnetA + "&x=" + strings.Repeat("y", collections.MaxMagnetBytes)}, 413, collections.CodeTooLarge},
		{"a body over its limit", map[string]any{"magnet": magnetA + strings.Repeat("y", collections.MaxLargeJSONBytes)}, 413, collections.CodeTooLarge},
		{"an unknown field", map[string]any{"magnet": magnetA, "status": "completed"}, 400, collections.CodeInvalidInput},
		{"an empty selection", map[string]any{"magnet": magnetA, "selection": []int{}}, 400, collections.CodeInvalidInput},
		{"a negative index", map[string]any{"magnet": magnetA, "selection": []int{-1}}, 400, collections.CodeInvalidInput},
		{"a broken index", map[string]any{"magnet": magnetA, "selection": []float64{0.5}}, 400, collections.CodeInvalidInput},
		{"a word for a selection", map[string]any{"magnet": magnetA, "selection": "some"}, 400, collections.CodeInvalidInput},
		{"a selection and the wish to make one later", map[string]any{"magnet": magnetA, "selection": []int{0}, "select_files": true}, 400, collections.CodeInvalidInput},
		{"a path for an engine", map[string]any{"magnet": magnetA, "engine": "../x"}, 400, collections.CodeInvalidInput},
		{"a long label", map[string]any{"magnet": magnetA, "label": strings.Repeat("é", 200)}, 400, collections.CodeInvalidInput},
		{"a list", `[]`, 400, collections.CodeInvalidInput},
		{"nothing", ``, 400, collections.CodeInvalidInput},
		{"a form with nothing", newForm(), 400, collections.CodeInvalidInput},
		{"a form with both", newForm("magnet", magnetA).torrent(good), 400, collections.CodeInvalidInput},
		{"a form with an unknown field", newForm("status", "completed").torrent(good), 400, collections.CodeInvalidInput},
		{"a form with a field twice", newForm("label", "a", "label", "b").torrent(good), 400, collections.CodeInvalidInput},
		{"a form with a bad engine", newForm("engine", "../x").torrent(good), 400, collections.CodeInvalidInput},
		{"a form with a bad flag", newForm("select_files", "maybe").torrent(good), 400, collections.CodeInvalidInput},
		{"a form with a long label", newForm("label", strings.Repeat("x", 256)).torrent(good), 400, collections.CodeInvalidInput},
		{"an index the torrent does not have", newForm("selection", "[2]").torrent(good), 400, collections.CodeInvalidInput},
		{"a picture for a torrent", newForm().torrent([]byte("\x89PNG")), 400, collections.CodeInvalidTorrent},
		{"an empty torrent", newForm().torrent(nil), 400, collections.CodeInvalidTorrent},
		{"a torrent that leads out of its folder", newForm().torrent(torrent("T", testFile{"../../etc/passwd", 1})), 400, collections.CodeInvalidTorrent},
		{"a torrent over its limit", newForm().torrent(make([]byte, collections.MaxMetainfoBytes+1)), 413, collections.CodeTooLarge},
		{"a form over its limit", newForm().torrent(make([]byte, collections.MaxMetainfoBytes+2<<20)), 413, collections.CodeTooLarge},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b.call("POST", "/jobs", tc.body).want(t, tc.status, tc.code)
		})
	}
	torrents, _ := s.app.CountRecords("torrents")
	if n := s.jobCount(); n != 0 || torrents != 0 {
		t.Errorf("%d jobs and %d torrents were stored", n, torrents)
	}
}

func TestSecondJobForALiveTorrentIsRefused(t *testing.T) {
	s := newServer(t)
	ann, bob := s.signedIn("ann@example.com"), s.signedIn("bob@example.com")
	first := ann.mustCreate(map[string]any{"magnet": magnetA})
	got := ann.call("POST", "/jobs", map[string]any{"magnet": strings.ToUpper(magnetA[:60]) + magnetA[60:]})
	got.want(t, 409, collections.CodeDuplicateJob)
	if !strings.Contains(string(got.body), `"job_id":"`+first.ID+`"`) {
		t.Errorf("it does not name the job: %s", got.body)
	}
	bob.mustCreate(map[string]any{"magnet": magnetA})
	if got := ann.call("POST", "/jobs/"+first.ID+"/cancel", nil); got.status != 200 {
		t.Fatalf("%s", got.body)
	}
	ann.mustCreate(map[string]any{"magnet": magnetA})
}

func TestOfFiftyParallelSubmissionsOneMakesTheJob(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	made, refused := parallel(50, func() answer { return b.call("POST", "/jobs", map[string]any{"magnet": magnetA}) })
	if len(made) != 1 || len(refused) != 49 || s.jobCount() != 1 {
		t.Errorf("%d made, %d refused, %d stored", len(made), len(refused), s.jobCount())
	}
	for _, a := range refused {
		a.want(t, 409, collections.CodeDuplicateJob)
	}
}

func TestOneIdempotencyKeyMakesOneJob(t *testing.T) {
	s := newServer(t)
	ann, bob := s.signedIn("ann@example.com"), s.signedIn("bob@example.com")
	key := header("Idempotency-Key", "k-1")
	made, refused := parallel(30, func() answer { return ann.call("POST", "/jobs", map[string]any{"magnet": magnetA}, key) })
	if len(refused) != 0 || s.jobCount() != 1 {
		t.Fatalf("%d refused, %d stored", len(refused), s.jobCount())
	}
	for _, a := range made {
		if string(a.body) != string(made[0].body) {
			t.Errorf("answers differ: %s and %s", a.body, made[0].body)
		}
	}
	if other := ann.mustCreate(map[string]any{"magnet": magnet(5)}, key); other.Infohash != strings.Repeat("a", 40) {
		t.Errorf("the key made another job: %+v", other)
	}
	bob.mustCreate(map[string]any{"magnet": magnetA}, key)
	if n := s.jobCount(); n != 2 {
		t.Errorf("%d jobs", n)
	}
	ann.call("POST", "/jobs", map[string]any{"magnet": magnet(6)}, header("Idempotency-Key", strings.Repeat("k", 256))).want(t, 400, collections.CodeInvalidInput)
}

// parallel makes n calls at once and sorts the answers.
func parallel(n int, call func() answer) (made, refused []answer) {
	var mu sync.Mutex
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			a := call()
			mu.Lock()
			defer mu.Unlock()
			if a.status == 201 {
				made = append(made, a)
			} else {
				refused = append(refused, a)
			}
		})
	}
	all.Wait()
	return made, refused
}

func TestJobsOfOthersAreUnknown(t *testing.T) {
	s := newServer(t)
	ann, bob := s.signedIn("ann@example.com"), s.signedIn("bob@example.com")
	job := ann.mustCreate(newForm().torrent(torrent("T", testFile{"a", 1})))
	file, err := s.app.FindFirstRecordByData("files", "job_id", job.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, rt := range s.api.routes() {
		if !strings.Contains(rt.path, "{id}") || rt.who == admin {
			continue
		}
		id, body := job.ID, any(nil)
		if strings.HasPrefix(rt.path, "/files/") {
			id = file.Id
		}
		switch {
		case rt.method == "PATCH":
			body = map[string]string{"label": "mine"}
		case strings.HasSuffix(rt.path, "/select"):
			body = map[string]string{"selection": "all"}
		}
		path := strings.Replace(rt.path, "{id}", id, 1)
		bob.call(rt.method, path, body).want(t, 404, collections.CodeNotFound)
		bob.call(rt.method, strings.Replace(rt.path, "{id}", "zzzzzzzzzzzzzzz", 1), body).want(t, 404, collections.CodeNotFound)
		bob.call(rt.method, strings.Replace(rt.path, "{id}", "NO", 1), body).want(t, 400, collections.CodeInvalidInput)
	}
	if now := ann.detail(job.ID); now.Job != job {
		t.Errorf("the job was changed: %+v", now.Job)
	}
	var list jobPage
	bob.call("GET", "/jobs", nil).into(t, 200, &list)
	if len(list.Items) != 0 || list.TotalItems != 0 {
		t.Errorf("bob sees %+v", list)
	}
}

func TestPauseResumeCancel(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	id := b.mustCreate(map[string]any{"magnet": magnetA}).ID
	for _, step := range []struct {
		action  string
		status  collections.Status
		desired collections.Desired
	}{
		{"resume", collections.StatusQueued, collections.DesiredRun},
		{"pause", collections.StatusPaused, collections.DesiredPause},
		{"pause", collections.StatusPaused, collections.DesiredPause},
		{"resume", collections.StatusQueued, collections.DesiredRun},
		{"cancel", collections.StatusCancelled, collections.DesiredCancel},
		{"cancel", collections.StatusCancelled, collections.DesiredCancel},
	} {
		var job progress.Job
		b.call("POST", "/jobs/"+id+"/"+step.action, nil).into(t, 200, &job)
		if job.Status != step.status || job.Desired != step.desired {
			t.Errorf("after %s: %s, %s", step.action, job.Status, job.Desired)
		}
	}
	for _, action := range []string{"pause", "resume"} {
		b.call("POST", "/jobs/"+id+"/"+action, nil).want(t, 409, collections.CodeIllegalTransition)
	}
	var events page[jobEvent]
	b.call("GET", "/jobs/"+id+"/events?perPage=3", nil).into(t, 200, &events)
	if len(events.Items) != 3 || events.TotalItems <= 3 || events.Items[0].Seq != int64(events.TotalItems) {
		t.Errorf("events %+v", events)
	}
}

func TestLabelAndDeletion(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	id := b.mustCreate(newForm().torrent(torrent("T", testFile{"a", 1}))).ID
	var job progress.Job
	b.call("PATCH", "/jobs/"+id, map[string]string{"label": "films"}).into(t, 200, &job)
	if job.Label != "films" || job.Revision != 2 {
		t.Errorf("now %+v", job)
	}
	b.call("PATCH", "/jobs/"+id, map[string]string{}).want(t, 400, collections.CodeInvalidInput)
	b.call("PATCH", "/jobs/"+id, map[string]string{"label": "x", "status": "completed"}).want(t, 400, collections.CodeInvalidInput)
	b.call("PATCH", "/jobs/"+id, map[string]string{"label": strings.Repeat("é", 200)}).want(t, 400, collections.CodeInvalidInput)
	if got := b.call("DELETE", "/jobs/"+id, nil); got.status != 204 {
		t.Errorf("%d %s", got.status, got.body)
	}
	b.call("GET", "/jobs/"+id, nil).want(t, 404, collections.CodeNotFound)
	b.call("DELETE", "/jobs/"+id, nil).want(t, 404, collections.CodeNotFound)
	if n, _ := s.app.CountRecords("files", dbx.HashExp{"job_id": id}); n != 0 {
		t.Errorf("%d files are left", n)
	}
}

func TestAKeyThatWasUsedForAnotherTorrentAddsNoFiles(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	sameKey := func(r *http.Request) { r.Header.Set(idempotencyHeader, "k") }
	job := b.mustCreate(newForm().torrent(torrent("T", testFile{"a", 1})), sameKey)
	if again := b.mustCreate(newForm().torrent(many()), sameKey); again.ID != job.ID {
		t.Fatalf("another job: %+v", again)
	}
	if counts := b.detail(job.ID).FileCounts; counts.Total != 1 {
		t.Errorf("files %+v", counts)
	}
}

func TestLiveFiguresGoBeforeTheRows(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	id := b.mustCreate(map[string]any{"magnet": magnetA}).ID
	s.board.Report(b.user.ID, collections.Progress{JobID: id, Status: collections.StatusDownloading, DoneBytes: 70, StoredBytes: 30, SizeBytes: 100, At: time.Now()})
	s.board.SetVerdict(b.user.ID, id, progress.Verdict{Code: collections.CodeNoPeers, Message: "Nobody has it."})
	d := b.detail(id)
	if d.Job.DoneBytes != 70 || d.Job.StoredBytes != 30 || d.Progress == nil || d.Progress.Version == 0 || d.Verdict == nil || d.Verdict.Code != collections.CodeNoPeers {
		t.Errorf("detail %+v", d)
	}
	if _, err := hooks.Cancel(t.Context(), s.app, id); err != nil {
		t.Fatal(err)
	}
	s.board.Forget(id)
	if d := b.detail(id); d.Job.DoneBytes != 0 || d.Progress != nil || d.Verdict != nil {
		t.Errorf("after its end %+v", d)
	}
}
