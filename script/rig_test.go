package script

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

// The limit of regular expressions is one for the process.
func TestMain(m *testing.M) {
	limitRegexps(500 * time.Millisecond)
	os.Exit(m.Run())
}

// impatient makes the limits so short that a test can wait for them.
func impatient(cfg *Config) {
	cfg.DecideLimit, cfg.TellLimit = 100*time.Millisecond, 100*time.Millisecond
}

// rig is a real application with scripts.
type rig struct {
	t       testing.TB
	app     core.App
	user    *core.Record
	scripts *Scripts
	log     *logbook
	clock   *clock
}

// clock stands until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// logbook keeps what is logged.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// load loads one script into a new application.
func load(t testing.TB, text string, change ...func(*Config)) *rig {
	t.Helper()
	r, err := tryLoad(t, map[string]string{"test.pb.js": text}, change...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func tryLoad(t testing.TB, texts map[string]string, change ...func(*Config)) (*rig, error) {
	t.Helper()
	r := &rig{t: t, app: hookstest.NewApp(t)}
	hooks.Bind(r.app)
	r.user = hookstest.MustCreateUser(t, r.app, "ada@example.com", collections.RoleUser)
	return r, r.load(texts, change...)
}

// with answers the application with another script instead.
func (r *rig) with(t *testing.T, text string, change ...func(*Config)) *rig {
	t.Helper()
	other := &rig{t: t, app: r.app, user: r.user}
	moments := hooks.MomentsOf(r.app)
	moments.JobSubmit.UnbindAll()
	moments.JobStatus.UnbindAll()
	if err := other.load(map[string]string{"test.pb.js": text}, change...); err != nil {
		t.Fatal(err)
	}
	return other
}

func (r *rig) load(texts map[string]string, change ...func(*Config)) (err error) {
	r.log, r.clock = new(logbook), &clock{at: time.Now()}
	cfg := Config{
		App: r.app, Dir: r.t.TempDir(), DecideLimit: 3 * time.Second, TellLimit: 10 * time.Second, Submit: r.submitPlainly, AllowPrivate: true,
		Now: r.clock.now, Logger: slog.New(slog.NewTextHandler(r.log, nil)),
	}
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(cfg.Dir, name), []byte(text), 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
	for _, fn := range change {
		fn(&cfg)
	}
	if r.scripts, err = Load(cfg); err != nil {
		return err
	}
	r.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		hooks.MomentsOf(r.app).Drain(ctx)
		r.scripts.Stop(ctx)
	})
	return nil
}

// submitPlainly stores a job without any judgement; the api package's tests submit as people do.
func (r *rig) submitPlainly(_ context.Context, user *core.Record, in hooks.Submission) (*core.Record, error) {
	if _, err := collections.ParseMagnet(in.Magnet); err != nil {
		return nil, err
	}
	return hookstest.MustCreateJob(r.t, r.app, user, func(job *core.Record) {
		job.Set("label", in.Label)
		job.Set("priority", in.Priority)
		job.Set("engine", in.Engine)
		job.Set("selection", in.Selection)
	}), nil
}

// submit asks the scripts about a job and answers what became of it.
func (r *rig) submit(change ...func(*hooks.JobSubmitEvent)) (*hooks.JobSubmitEvent, error) {
	e := &hooks.JobSubmitEvent{
		App: r.app, User: r.user, Name: "Some Film", Infohash: strings.Repeat("a", 40), Magnet: "magnet:?xt=urn:btih:" + strings.Repeat("a", 40),
		Trackers: []string{"udp://tracker.example.net:6969/announce"}, Files: []string{"Some Film/film.mkv", "Some Film/readme.txt"}, SizeBytes: 1 << 33,
		Label: "mine", Priority: 3,
	}
	for _, fn := range change {
		fn(e)
	}
	return e, hooks.MomentsOf(r.app).JobSubmit.Trigger(e)
}

// drained answers the log once everything was told.
func (r *rig) drained() string {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if left := hooks.MomentsOf(r.app).Drain(ctx); left > 0 {
		r.t.Fatalf("%d moments were not told: %s", left, r.log)
	}
	return r.log.String()
}

func (r *rig) job() *core.Record {
	r.t.Helper()
	return hookstest.MustCreateJob(r.t, r.app, r.user, nil)
}

func (r *rig) become(jobID string, status collections.Status) *core.Record {
	r.t.Helper()
	job, err := change(r, jobID, status)
	if err != nil {
		r.t.Fatal(err)
	}
	return job
}

func change(r *rig, jobID string, status collections.Status) (*core.Record, error) {
	return hooks.ChangeJob(r.app, jobID, func(_ core.App, job *core.Record) error {
		job.Set("status", string(status))
		return nil
	})
}
