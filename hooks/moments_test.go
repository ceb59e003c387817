package hooks_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

// heard notes the status moments of each job.
type heard struct {
	mu    sync.Mutex
	byJob map[string][]string
}

func hear(app core.App) *heard {
	h := &heard{byJob: map[string][]string{}}
	hooks.MomentsOf(app).JobStatus.BindFunc(func(e *hooks.JobStatusEvent) error {
		h.mu.Lock()
		defer h.mu.Unlock()
		told := fmt.Sprintf("%s>%s@%d", e.From, e.To, e.Job.GetInt("revision"))
		if e.App.IsTransactional() || e.Job.GetString("status") != string(e.To) {
			told = "wrong " + told
		}
		h.byJob[e.Job.Id] = append(h.byJob[e.Job.Id], told)
		return e.Next()
	})
	return h
}

func (h *heard) of(jobID string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.byJob[jobID], " ")
}

func drain(t *testing.T, app core.App) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if left := hooks.MomentsOf(app).Drain(ctx); left > 0 {
		t.Fatalf("%d moments were not told", left)
	}
}

func TestStatusMoments(t *testing.T) {
	undo := errors.New("undo")
	change := func(app core.App, id string, to collections.Status) error {
		_, err := hooks.ChangeJob(app, id, setStatus(to))
		return err
	}
	cases := []struct {
		name string
		do   func(app core.App, id string) error
		want string
	}{
		{"a new job alone", func(core.App, string) error { return nil }, ">queued@1"},
		{"a change", func(app core.App, id string) error { return change(app, id, collections.StatusDownloading) }, ">queued@1 queued>downloading@2"},
		{"a change that is none", func(app core.App, id string) error { return change(app, id, collections.StatusQueued) }, ">queued@1"},
		{"a change of something else", func(app core.App, id string) error {
			_, err := hooks.ChangeJob(app, id, func(_ core.App, job *core.Record) error { job.Set("label", "x"); return nil })
			return err
		}, ">queued@1"},
		{"an illegal change", func(app core.App, id string) error {
			if err := change(app, id, collections.StatusUploading); collections.CodeOf(err) != collections.CodeIllegalTransition {
				return fmt.Errorf("answered %w", err)
			}
			return nil
		}, ">queued@1"},
		{"a change that is rolled back, and another", func(app core.App, id string) error {
			err := hooks.InTransaction(app, func(tx core.App) error {
				return errors.Join(change(tx, id, collections.StatusDownloading), undo)
			})
			if !errors.Is(err, undo) {
				return fmt.Errorf("answered %w", err)
			}
			return change(app, id, collections.StatusPaused)
		}, ">queued@1 queued>paused@2"},
		{"two changes in one transaction", func(app core.App, id string) error {
			return hooks.InTransaction(app, func(tx core.App) error {
				return errors.Join(change(tx, id, collections.StatusDownloading), change(tx, id, collections.StatusUploading))
			})
		}, ">queued@1 queued>downloading@2 downloading>uploading@3"},
		{"a transaction that panics, and a change", func(app core.App, id string) error {
			func() {
				defer func() { _ = recover() }()
				_ = app.RunInTransaction(func(tx core.App) error {
					_ = change(tx, id, collections.StatusDownloading)
					panic("boom")
				})
			}()
			return change(app, id, collections.StatusPaused)
		}, ">queued@1 queued>paused@2"},
		{"a save of the dashboard", func(app core.App, id string) error {
			job, err := app.FindRecordById("jobs", id)
			if err != nil {
				return err
			}
			job.Set("status", string(collections.StatusPaused))
			return app.Save(job)
		}, ">queued@1 queued>paused@2"},
		{"a handler that panics", func(app core.App, id string) error {
			hooks.MomentsOf(app).JobStatus.BindFunc(func(e *hooks.JobStatusEvent) error { panic("boom") })
			return errors.Join(change(app, id, collections.StatusDownloading), change(app, id, collections.StatusUploading))
		}, ">queued@1 queued>downloading@2 downloading>uploading@3"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			app, user := newApp(t)
			h := hear(app)
			job := hookstest.MustCreateJob(t, app, user, nil)
			drain(t, app)
			if err := c.do(app, job.Id); err != nil {
				t.Fatal(err)
			}
			drain(t, app)
			if got := h.of(job.Id); got != c.want {
				t.Errorf("heard %q, want %q", got, c.want)
			}
		})
	}
}

// TestStatusMomentsOfParallelChanges lets many change the same jobs, some in transactions that roll back, and compares
// what was told with the events, which are written in the transactions.
func TestStatusMomentsOfParallelChanges(t *testing.T) {
	app, user := newApp(t)
	h := hear(app)
	var jobs []string
	for range 3 {
		jobs = append(jobs, hookstest.MustCreateJob(t, app, user, nil).Id)
	}
	var group sync.WaitGroup
	for i := range 240 {
		group.Go(func() { toggle(t, app, jobs[i%len(jobs)], i%5 == 0) })
	}
	group.Wait()
	drain(t, app)
	for _, id := range jobs {
		got, want := strings.Fields(h.of(id)), told(t, app, id)
		for i, moment := range got {
			got[i], _, _ = strings.Cut(moment, "@")
		}
		if !slices.Equal(got, want) {
			t.Errorf("heard %v, the events are %v", got, want)
		}
		if len(want) < 50 {
			t.Errorf("only %d changes", len(want))
		}
	}
}

// TestALaterCommitDoesNotOvertake keeps PocketBase from reporting the first of two commits until the second is told.
func TestALaterCommitDoesNotOvertake(t *testing.T) {
	app, user := newApp(t)
	h := hear(app)
	job := hookstest.MustCreateJob(t, app, user, nil)
	release, committed, ended := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		ended <- app.RunInTransaction(func(tx core.App) error {
			tx.TxInfo().OnComplete(func(error) error {
				close(committed)
				<-release
				return nil
			})
			_, err := hooks.ChangeJob(tx, job.Id, setStatus(collections.StatusDownloading))
			return err
		})
	}()
	<-committed
	if _, err := hooks.ChangeJob(app, job.Id, setStatus(collections.StatusUploading)); err != nil {
		t.Fatal(err)
	}
	drain(t, app)
	close(release)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	drain(t, app)
	if got, want := h.of(job.Id), ">queued@1 queued>downloading@2 downloading>uploading@3"; got != want {
		t.Errorf("heard %q, want %q", got, want)
	}
}

// toggle pauses or queues a job; undone does so in a transaction that rolls back.
func toggle(t *testing.T, app core.App, id string, undone bool) {
	undo := errors.New("undo")
	err := hooks.InTransaction(app, func(tx core.App) error {
		_, err := hooks.ChangeJob(tx, id, func(_ core.App, job *core.Record) error {
			next := collections.StatusPaused
			if job.GetString("status") == string(next) {
				next = collections.StatusQueued
			}
			job.Set("status", string(next))
			return nil
		})
		if err == nil && undone {
			return undo
		}
		return err
	})
	if err != nil && !errors.Is(err, undo) {
		t.Error(err)
	}
}

// told answers the changes of status that a job's events tell of.
func told(t *testing.T, app core.App, id string) []string {
	t.Helper()
	var changes []string
	var from collections.Status
	for i, row := range events(t, app, id) {
		status := fold(t, events(t, app, id)[:i+1])
		if row.Type == string(collections.EventCreated) || row.Type == string(collections.EventStatus) {
			changes = append(changes, fmt.Sprintf("%s>%s", from, status))
		}
		from = status
	}
	return changes
}

func TestDrainEndsWithItsBound(t *testing.T) {
	app, user := newApp(t)
	release := make(chan struct{})
	hooks.MomentsOf(app).JobStatus.BindFunc(func(e *hooks.JobStatusEvent) error {
		<-release
		return e.Next()
	})
	hookstest.MustCreateJob(t, app, user, nil)
	over, cancel := context.WithCancel(context.Background())
	cancel()
	if left := hooks.MomentsOf(app).Drain(over); left != 1 {
		t.Errorf("%d moments are left", left)
	}
	close(release)
	drain(t, app)
}

func TestCompletedFilesAreToldInTheirOrder(t *testing.T) {
	app, user := newApp(t)
	job := hookstest.MustCreateJob(t, app, user, nil)
	var mu sync.Mutex
	var paths []string
	hooks.MomentsOf(app).FileComplete.BindFunc(func(e *hooks.FileCompleteEvent) error {
		mu.Lock()
		defer mu.Unlock()
		paths = append(paths, fmt.Sprintf("%s %s %d", e.Job.Id, e.File.Path, e.File.SizeBytes))
		return e.Next()
	})
	files, err := app.FindCollectionByNameOrId("files")
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for i := range 3 {
		file := core.NewRecord(files)
		file.Load(map[string]any{"job_id": job.Id, "user_id": user.Id, "file_index": i, "path": fmt.Sprintf("file %d", i), "size_bytes": 10 * i, "is_complete": i != 1})
		if err := app.Save(file); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, file.Id)
	}
	slices.Reverse(ids)
	undo := errors.New("undo")
	err = hooks.InTransaction(app, func(tx core.App) error {
		hooks.FilesCompleted(tx, job.Id, ids)
		return undo
	})
	if !errors.Is(err, undo) {
		t.Fatal(err)
	}
	drain(t, app)
	if len(paths) > 0 {
		t.Errorf("heard %v of a transaction that was rolled back", paths)
	}
	err = hooks.InTransaction(app, func(tx core.App) error {
		hooks.FilesCompleted(tx, job.Id, append(ids, "gone"))
		if _, err := hooks.ChangeJob(tx, job.Id, setStatus(collections.StatusDownloading)); err != nil {
			return err
		}
		if len(paths) > 0 {
			t.Errorf("heard %v before the commit", paths)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	hooks.FilesCompleted(app, "nosuchjob", ids)
	drain(t, app)
	want := fmt.Sprintf("[%[1]s file 0 0 %[1]s file 2 20]", job.Id)
	if got := fmt.Sprint(paths); got != want {
		t.Errorf("heard %s, want %s", got, want)
	}
}
