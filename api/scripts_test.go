package api

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/progress"
	"github.com/longshore-project/longshore/script"
)

// scripted answers a server with hook scripts, and what they log.
func scripted(t *testing.T, scripts ...string) (*server, *lockedWriter) {
	t.Helper()
	dir := t.TempDir()
	for i, text := range scripts {
		must(t, os.WriteFile(filepath.Join(dir, fmt.Sprint(i, ".pb.js")), []byte(text), 0o600))
	}
	s := newServer(t)
	log := &lockedWriter{w: new(bytes.Buffer)}
	loaded, err := script.Load(script.Config{
		App: s.app, Dir: dir, Submit: s.api.SubmitFor, AllowPrivate: true, DecideLimit: 2 * time.Second, TellLimit: 5 * time.Second,
		Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
	must(t, err)
	t.Cleanup(func() {
		hooks.MomentsOf(s.app).Drain(t.Context())
		loaded.Stop(t.Context())
	})
	return s, log
}

func (l *lockedWriter) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.(*bytes.Buffer).String()
}

// example reads one of the scripts that Longshore comes with.
func example(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "pb_hooks", "examples", name+".pb.js"))
	must(t, err)
	return string(b)
}

func (a answer) message() string {
	_, rest, _ := strings.Cut(string(a.body), `"message":"`)
	message, _, _ := strings.Cut(rest, `","data"`)
	return strings.ReplaceAll(message, `\"`, `"`)
}

func TestTheExampleThatRefusesByName(t *testing.T) {
	s, _ := scripted(t, example(t, "refuse-by-name"))
	b := s.signedIn("ann@example.com")
	refused := b.call("POST", "/jobs", map[string]any{"magnet": "magnet:?xt=urn:btih:" + strings.Repeat("a", 40) + "&dn=Film.2020.CAM.x264"})
	refused.want(t, 403, collections.CodeRefusedByScript)
	if got := refused.message(); got != `"Film.2020.CAM.x264" is not wanted here.` {
		t.Errorf("the person reads %q", got)
	}
	b.call("POST", "/jobs", newForm().torrent(torrent("Film", testFile{"film.mkv", 5}, testFile{"codec/Setup.EXE", 5}))).want(t, 403, collections.CodeRefusedByScript)
	if n := s.jobCount(); n != 0 {
		t.Errorf("%d jobs were made", n)
	}
	b.mustCreate(map[string]any{"magnet": magnetA})
	b.mustCreate(newForm().torrent(torrent("Camera", testFile{"camera.mkv", 5})))
}

func TestTheExampleThatTagsByTracker(t *testing.T) {
	s, _ := scripted(t, example(t, "tag-by-tracker"))
	b := s.signedIn("ann@example.com")
	cases := []struct {
		tracker, label, want string
		priority             int
	}{
		{"http://tracker.debian.org:6969/announce", "", "linux", 0},
		{"udp://tracker.example.net:1337", "", "ours", 10},
		{"udp://tracker.example.net:1337", "mine", "mine", 10},
		{"https://elsewhere.example/announce", "", "", 0},
	}
	for i, c := range cases {
		job := b.mustCreate(map[string]any{"magnet": magnet(i) + "&tr=" + c.tracker, "label": c.label})
		row, err := s.app.FindRecordById("jobs", job.ID)
		must(t, err)
		if job.Label != c.want || row.GetInt("priority") != c.priority {
			t.Errorf("%s: label %q, priority %d", c.tracker, job.Label, row.GetInt("priority"))
		}
	}
}

func TestTheExampleThatNotifiesAWebhook(t *testing.T) {
	got := make(chan string, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- string(body)
	}))
	defer receiver.Close()
	t.Setenv("WEBHOOK_URL", receiver.URL)
	s, _ := scripted(t, example(t, "notify-webhook"))
	b := s.signedIn("ann@example.com")
	job := b.mustCreate(map[string]any{"magnet": magnetA, "label": "films"})
	for _, status := range []collections.Status{collections.StatusDownloading, collections.StatusUploading, collections.StatusCompleted} {
		s.change(job.ID, map[string]any{"status": string(status)})
	}
	want := fmt.Sprintf(`{"event":"job.completed","job":{"id":%q,"name":"Alpha","label":"films","size_bytes":0,"error":""},"user":"ann@example.com"}`, job.ID)
	if body := <-got; body != want {
		t.Errorf("got %s", body)
	}
	hooks.MomentsOf(s.app).Drain(t.Context())
	if len(got) > 0 {
		t.Errorf("also got %s", <-got)
	}
}

func TestAScriptThatCannotBeAskedLetsNothingIn(t *testing.T) {
	s, log := scripted(t, `onJobSubmit((e) => { e.label = "x"; if (e.name === "Alpha") e.name.nothing.more })`)
	b := s.signedIn("ann@example.com")
	b.call("POST", "/jobs", map[string]any{"magnet": magnetA}).want(t, 503, collections.CodeUnavailable)
	if n := s.jobCount(); n != 0 {
		t.Errorf("%d jobs were made", n)
	}
	if !strings.Contains(log.String(), "0.pb.js") {
		t.Errorf("the log says %s", log)
	}
	if job := b.mustCreate(map[string]any{"magnet": magnet(1)}); job.Label != "x" {
		t.Errorf("label %q", job.Label)
	}
}

func TestARepeatedSubmitIsNotAskedAgain(t *testing.T) {
	s, log := scripted(t, `onJobSubmit((e) => console.log("asked"))`)
	b := s.signedIn("ann@example.com")
	for range 3 {
		b.mustCreate(map[string]any{"magnet": magnetA}, header("Idempotency-Key", "k"))
	}
	if n := strings.Count(log.String(), "asked"); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestTwoHundredSubmitsWithAScript(t *testing.T) {
	s, _ := scripted(t, `onJobSubmit((e) => { e.label = e.user.email.split("@")[0] + " " + e.name })`)
	b := s.signedIn("ann@example.com")
	var group sync.WaitGroup
	for i := range 200 {
		group.Go(func() {
			var job progress.Job
			if got := b.call("POST", "/jobs", map[string]any{"magnet": magnet(i)}); got.status != 201 {
				t.Errorf("answered %d %s", got.status, got.body)
			} else if got.into(t, 201, &job); job.Label != fmt.Sprint("ann job ", i) {
				t.Errorf("label %q", job.Label)
			}
		})
	}
	group.Wait()
}

// TestAThousandLinksAskOnce: a call per file would cost a request of 1,000 files seconds.
func TestAThousandLinksAskOnce(t *testing.T) {
	s, log := scripted(t, `onLinkSign((e) => { console.log("asked about", e.files.length, e.files.filter((f) => f.path.endsWith("7")).length, e.job.name) })
		onLinkSign((e) => { if (e.files.some((f) => f.path === "T/13")) throw new ForbiddenError("Thirteen.") })`)
	b := s.signedIn("ann@example.com")
	files := make([]testFile, collections.WholeTreeFiles)
	for i := range files {
		files[i] = testFile{fmt.Sprint(i), 1}
	}
	job := b.mustCreate(newForm().torrent(torrent("T", files...)))
	complete(t, s, job.ID, "T/13")
	var list page[fileLink]
	b.call("POST", "/jobs/"+job.ID+"/signed-urls", nil).into(t, 200, &list)
	if len(list.Items) != len(files)-1 || strings.Count(log.String(), "asked about") != 1 || !strings.Contains(log.String(), "asked about 999 100 T") {
		t.Errorf("%d links; the log says %.500s", len(list.Items), log)
	}
	complete(t, s, job.ID, "")
	refused := b.call("POST", "/jobs/"+job.ID+"/signed-urls", nil)
	refused.want(t, 403, collections.CodeRefusedByScript)
	if refused.message() != "Thirteen." {
		t.Errorf("the person reads %q", refused.message())
	}
	for _, node := range b.tree(job.ID, "").Items[0].Children {
		want := 200
		if node.Path == "T/13" {
			want = 403
		} else if node.Index > 20 {
			continue
		}
		if got := b.call("POST", "/files/"+node.ID+"/signed-url", nil); got.status != want {
			t.Errorf("%s: answered %d %s", node.Path, got.status, got.body)
		}
	}
}

// complete makes all files of a job complete but the one of a path.
func complete(t *testing.T, s *server, jobID, but string) {
	t.Helper()
	for _, change := range []string{
		`UPDATE objects SET state = 'stored', key = 'objects/' || id || '/1-a' WHERE id IN (SELECT object_id FROM files WHERE job_id = {:job} AND path != {:but})`,
		`UPDATE files SET is_complete = TRUE WHERE job_id = {:job} AND path != {:but}`,
	} {
		_, err := s.app.NonconcurrentDB().NewQuery(change).Bind(dbx.Params{"job": jobID, "but": but}).Execute()
		must(t, err)
	}
}

func TestSubmitForIsJudgedAsTheAPIDoes(t *testing.T) {
	s, _ := scripted(t, `onJobSubmit((e) => { if (e.name === "Alpha") throw new ForbiddenError("No Alpha."); e.label = "asked" })`)
	b := s.signedIn("ann@example.com")
	user := func() *core.Record { return s.find("ann@example.com") }
	submit := func(change func(*hooks.Submission)) (*core.Record, error) {
		in := hooks.Submission{Magnet: magnet(7)}
		change(&in)
		return s.api.SubmitFor(t.Context(), user(), in)
	}
	cases := []struct {
		name   string
		change func(*hooks.Submission)
		code   collections.Code
	}{
		{"a magnet that is none", func(in *hooks.Submission) { in.Magnet = "x" }, collections.CodeInvalidMagnet},
		{"a label that is too long", func(in *hooks.Submission) { in.Label = strings.Repeat("x", 300) }, collections.CodeInvalidInput},
		{"an engine with a path", func(in *hooks.Submission) { in.Engine = "../x" }, collections.CodeInvalidInput},
		{"a negative index", func(in *hooks.Submission) { in.Selection = []int{-1} }, collections.CodeInvalidInput},
		{"what a script refuses", func(in *hooks.Submission) { in.Magnet = magnetA }, collections.CodeRefusedByScript},
		{"a blocked infohash", func(in *hooks.Submission) { in.Magnet = magnet(8) }, collections.CodeInfohashBlocked},
	}
	root := s.signedInAs("root@example.com", collections.RoleAdmin)
	root.block(fmt.Sprintf("%040x", 9))
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if _, err := submit(c.change); collections.CodeOf(err) != c.code {
				t.Errorf("answered %v", err)
			}
		})
	}
	job, err := submit(func(in *hooks.Submission) { in.Priority, in.Selection = 5, []int{3, 1} })
	if err != nil || job.GetString("label") != "asked" || job.GetInt("priority") != 5 || job.GetString("selection") != "[1,3]" || job.GetString("user_id") != b.user.ID {
		t.Errorf("made %v, %v", job, err)
	}
	if _, err := submit(func(*hooks.Submission) {}); collections.CodeOf(err) != collections.CodeDuplicateJob {
		t.Errorf("twice: %v", err)
	}
	s.mustLimit(b.user.ID, func(plan *collections.Plan) { plan.MaxJobs = 1 })
	if _, err := submit(func(in *hooks.Submission) { in.Magnet = magnet(20) }); collections.CodeOf(err) != collections.CodeQuotaJobs {
		t.Errorf("above the plan: %v", err)
	}
	s.disable("ann@example.com")
	if _, err := submit(func(in *hooks.Submission) { in.Magnet = magnet(21) }); collections.CodeOf(err) != collections.CodeForbidden {
		t.Errorf("disabled: %v", err)
	}
}
