package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/longshore-project/longshore/plugins/enginetest"
)

// house uses the moments that the examples do not, and one of PocketBase's hooks.
const house = `
onFileComplete((e) => { $longshore.notify($os.getenv("WEBHOOK_URL"), { event: "file", file: e.file.path }) })
onLinkSign((e) => { if (e.files.some((f) => f.path.endsWith(".secret"))) throw new ForbiddenError("Secrets stay here.") })
onRecordAfterUpdateSuccess((e) => {
	if (e.record.get("status") === "uploading") $longshore.notify($os.getenv("WEBHOOK_URL"), { event: "hook", status: "uploading" })
	e.next()
}, "jobs")`

// webhooks is a server that takes webhooks.
type webhooks struct {
	*httptest.Server
	mu  sync.Mutex
	got []string // the event, and what it is about
}

func newWebhooks(t testing.TB) *webhooks {
	w := new(webhooks)
	w.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var in struct {
			Event, File, Status, User string
			Job                       job
		}
		body, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(body, &in); err != nil {
			t.Errorf("a webhook of %s: %v", body, err)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.got = append(w.got, strings.TrimSpace(fmt.Sprint(in.Event, " ", in.File, in.Status, in.Job.ID, " ", in.User)))
	}))
	t.Cleanup(w.Close)
	return w
}

func (w *webhooks) sorted() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	got := slices.Sorted(slices.Values(w.got))
	// A record's hook hears of every save, and a job that uploads may be saved more than once.
	return slices.CompactFunc(got, func(a, b string) bool { return a == b && a == "hook uploading" })
}

// mustScript lays the examples and a script of the house into the data folder. Label and priority go by the tracker's host.
func (s *server) mustScript(t testing.TB) {
	t.Helper()
	dir := filepath.Join(s.dir, "pb_hooks")
	scripts := map[string]string{"house.pb.js": house}
	names, err := filepath.Glob("../pb_hooks/examples/*.pb.js")
	if err != nil || len(names) < 3 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		scripts[filepath.Base(name)] = strings.ReplaceAll(string(text), "tracker.example.net", "127.0.0.1")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range scripts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestHookScripts lets the scripts in DIR/pb_hooks judge, tag and tell of a job that is really downloaded.
func TestHookScripts(t *testing.T) {
	p := enginetest.NewPayload(t, enginetest.PayloadFile{Name: "a.bin", Size: 300_000}, enginetest.PayloadFile{Name: "b.secret", Size: 10})
	tracker := enginetest.NewTracker(t)
	seed := enginetest.NewSeeder(t, p, enginetest.SeederOptions{Trackers: []string{tracker.URL}})
	t.Cleanup(seed.Close)
	hooks := newWebhooks(t)
	s := startServer(t, []string{"WEBHOOK_URL=" + hooks.URL})
	s.end()
	s.mustScript(t)
	s.start(t)
	user := signIn(t, s)

	var refusal struct{ Code, Message string }
	user.mustJSON("POST", "/jobs", map[string]any{"magnet": strings.Replace(p.Magnet(tracker.URL), "dn="+p.Name, "dn=setup.exe", 1)}, 403, &refusal)
	if refusal.Code != "refused_by_script" || refusal.Message != `"setup.exe" is not wanted here.` {
		t.Errorf("refused as %+v", refusal)
	}

	var tagged struct{ ID, Label string }
	user.mustJSON("POST", "/jobs", map[string]any{"magnet": p.Magnet(tracker.URL)}, 201, &tagged)
	if tagged.Label != "ours" {
		t.Errorf("the job's label is %q", tagged.Label)
	}
	user.waitStatus(tagged.ID, "completed", time.Minute)
	want := []string{
		"file " + p.Name + "/a.bin", "file " + p.Name + "/b.secret", "hook uploading", "job.completed " + tagged.ID + " " + email,
	}
	eventually(t, "the webhooks", 20*time.Second, func() error {
		if got := hooks.sorted(); !slices.Equal(got, want) {
			return fmt.Errorf("got %q, want %q", got, want)
		}
		return nil
	})

	var refused struct{ Message string }
	user.mustJSON("POST", "/jobs/"+tagged.ID+"/signed-urls", nil, 403, &refused)
	if refused.Message != "Secrets stay here." {
		t.Errorf("the links are refused with %q", refused.Message)
	}
	s.mustPassDoctor(t)
	s.end()
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("serve ended with %d", code)
	}
}
