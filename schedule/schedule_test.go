package schedule

import (
	"archive/zip"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

const hourly = "@every 1h"

func newScheduler(t *testing.T, app core.App) *Scheduler {
	t.Helper()
	s := New(app, slog.New(slog.DiscardHandler))
	t.Cleanup(s.Stop)
	return s
}

func mustAdd(t *testing.T, s *Scheduler, name, spec string, run func(context.Context) error) {
	t.Helper()
	if err := s.Add(name, spec, run); err != nil {
		t.Fatal(err)
	}
}

func mustStart(t *testing.T, s *Scheduler) {
	t.Helper()
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
}

// ran waits for the end of a run and answers how it went.
func ran(t *testing.T, s *Scheduler, name string) State {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		i := slices.IndexFunc(s.List(), func(state State) bool { return state.Name == name })
		if state := s.List()[i]; state.LastOutcome != "" && !state.Running {
			return state
		}
	}
	t.Fatalf("%s has not run", name)
	return State{}
}

func TestARunIsNotedWithItsOutcome(t *testing.T) {
	app := hookstest.NewApp(t)
	s := newScheduler(t, app)
	for name, run := range map[string]func(context.Context) error{
		"good":     func(context.Context) error { return nil },
		"bad":      func(context.Context) error { return errors.New("the bucket is away") },
		"panicked": func(context.Context) error { panic("a bug") },
	} {
		mustAdd(t, s, name, hourly, run)
	}
	mustStart(t, s)
	for name, want := range map[string]string{"good": "", "bad": "the bucket is away", "panicked": "a bug"} {
		if err := s.RunNow(name); err != nil {
			t.Fatal(err)
		}
		state := ran(t, s, name)
		if (state.LastOutcome == OK) != (want == "") || !strings.Contains(state.LastError, want) || state.Next.IsZero() || state.LastStarted.IsZero() {
			t.Errorf("%s: %+v", name, state)
		}
		var r row
		if err := app.DB().Select().From("schedules").Where(dbx.HashExp{"name": name}).One(&r); err != nil || r.Outcome != state.LastOutcome {
			t.Errorf("the row of %s says %q, %v", name, r.Outcome, err)
		}
	}
}

func TestItRunsByItself(t *testing.T) {
	s := newScheduler(t, hookstest.NewApp(t))
	runs := make(chan struct{}, 10)
	run := func(context.Context) error {
		runs <- struct{}{}
		return nil
	}
	mustAdd(t, s, "every second", "* * * * * *", run)
	s.Every("more often", 10*time.Millisecond, run)
	mustStart(t, s)
	for range 5 {
		select {
		case <-runs:
		case <-time.After(10 * time.Second):
			t.Fatal("it did not run")
		}
	}
}

func TestOneRunAtATime(t *testing.T) {
	s := newScheduler(t, hookstest.NewApp(t))
	var running atomic.Int32
	mustAdd(t, s, "slow", hourly, func(ctx context.Context) error {
		running.Add(1)
		<-ctx.Done()
		return ctx.Err()
	})
	mustStart(t, s)
	if err := s.RunNow("slow"); err != nil {
		t.Fatal(err)
	}
	if err := s.RunNow("slow"); collections.CodeOf(err) != collections.CodeIllegalTransition {
		t.Errorf("a second run: %v", err)
	}
	if err := s.RunNow("none"); collections.CodeOf(err) != collections.CodeNotFound {
		t.Errorf("an unknown one: %v", err)
	}
	s.Stop()
	if n := running.Load(); n != 1 {
		t.Errorf("it ran %d times", n)
	}
	if err := s.RunNow("slow"); collections.CodeOf(err) != collections.CodeUnavailable {
		t.Errorf("after the end: %v", err)
	}
}

func TestARestartKnowsTheLastRun(t *testing.T) {
	app := hookstest.NewApp(t)
	first := newScheduler(t, app)
	mustAdd(t, first, "kept", hourly, func(context.Context) error { return errors.New("no") })
	mustAdd(t, first, "dropped", hourly, func(context.Context) error { return nil })
	mustStart(t, first)
	if err := first.RunNow("kept"); err != nil {
		t.Fatal(err)
	}
	ran(t, first, "kept")
	first.Stop()

	second := newScheduler(t, app)
	mustAdd(t, second, "kept", hourly, func(context.Context) error { return nil })
	mustStart(t, second)
	if state := second.List()[0]; state.LastOutcome != Failed || state.LastError != "no" || state.LastStarted.IsZero() {
		t.Errorf("%+v", state)
	}
	if n, err := app.CountRecords("schedules"); n != 1 || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}
}

func TestASpecificationThatIsNone(t *testing.T) {
	s := newScheduler(t, hookstest.NewApp(t))
	for _, spec := range []string{"", "every day", "61 * * * *", "* * * * * * *", "@every x"} {
		if err := s.Add("x", spec, nil); err == nil {
			t.Errorf("%q was taken", spec)
		}
	}
	if len(s.List()) != 0 {
		t.Error("one is there")
	}
}

func TestABackupLeavesObjectsOutAndKeepsAFew(t *testing.T) {
	app := hookstest.NewApp(t)
	app.Settings().Backups.CronMaxKeep = 2
	ExcludeFromBackups(app, "store")
	for _, name := range []string{"store/object", "secret"} {
		path := filepath.Join(app.DataDir(), name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("x"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for range 3 {
		if err := Backup(t.Context(), app, at); err != nil {
			t.Fatal(err)
		}
		at = at.AddDate(0, 0, 1)
	}
	backups, err := filepath.Glob(filepath.Join(app.DataDir(), core.LocalBackupsDirName, "*.zip"))
	if err != nil || len(backups) != 2 || !strings.HasSuffix(backups[0], "20260102_000000.zip") {
		t.Fatalf("%q, %v", backups, err)
	}
	archive, err := zip.OpenReader(backups[1])
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	var names []string
	for _, f := range archive.File {
		names = append(names, f.Name)
	}
	if !slices.Contains(names, "data.db") || !slices.Contains(names, "secret") || slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, "store") }) {
		t.Errorf("it holds %q", names)
	}
}
