package hooks_test

import (
	"context"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

func TestASaveFromElsewhere(t *testing.T) {
	app, user := newApp(t)
	for name, c := range map[string]struct {
		set  map[string]any
		want bool
	}{
		"may change a label":             {map[string]any{"label": "x"}, true},
		"may take an edge":               {map[string]any{"status": "cancelled"}, true},
		"cannot leave the table":         {map[string]any{"status": "uploading"}, false},
		"cannot start a job":             {map[string]any{"status": "downloading"}, false},
		"cannot complete a job":          {map[string]any{"status": "completed"}, false},
		"cannot set the attempt":         {map[string]any{"attempt": 7}, false},
		"cannot set the lease":           {map[string]any{"lease_until": "2030-01-01 00:00:00.000Z"}, false},
		"cannot set the agent":           {map[string]any{"agent_id": "x"}, false},
		"cannot give the job to another": {map[string]any{"user_id": "x"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			job := mustFind(t, app, "jobs", hookstest.MustCreateJob(t, app, user, nil).Id)
			job.Load(c.set)
			if err := app.Save(job); (err == nil) != c.want {
				t.Fatalf("got %v", err)
			}
			want := 1
			if c.want {
				want = 2
			}
			row := mustFind(t, app, "jobs", job.Id)
			if row.GetInt("revision") != want || string(fold(t, events(t, app, job.Id))) != row.GetString("status") {
				t.Fatalf("revision %d, status %s", row.GetInt("revision"), row.GetString("status"))
			}
		})
	}
}

func TestAnOldRecordSavedLateChangesOnlyWhatItMeant(t *testing.T) {
	app, user := newApp(t)
	old := mustFind(t, app, "jobs", hookstest.MustCreateJob(t, app, user, nil).Id)
	_, err := hooks.ChangeJob(app, old.Id, func(_ core.App, job *core.Record) error {
		job.Set("status", string(collections.StatusDownloading))
		job.Set("attempt", 1)
		job.Set("agent_id", "agent")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	old.Set("label", "late")
	if err := app.Save(old); err != nil {
		t.Fatal(err)
	}
	row := mustFind(t, app, "jobs", old.Id)
	if row.GetString("status") != "downloading" || row.GetInt("attempt") != 1 || row.GetString("agent_id") != "agent" ||
		row.GetString("label") != "late" || row.GetInt("revision") != 3 {
		t.Fatalf("got %v", row.PublicExport())
	}
	if old.GetString("status") != "downloading" {
		t.Fatalf("the saved record tells browsers %s", old.GetString("status"))
	}
}

func TestIntents(t *testing.T) {
	app, user := newApp(t)
	for _, c := range []struct {
		name string
		do   func(context.Context, core.App, string) (*core.Record, error)
		from collections.Status
		want collections.Status // "" for illegal_transition
	}{
		{"pause a running job", hooks.Pause, collections.StatusDownloading, collections.StatusPaused},
		{"pause a paused job", hooks.Pause, collections.StatusPaused, ""},
		{"pause a completed job", hooks.Pause, collections.StatusCompleted, ""},
		{"resume a paused job", hooks.Resume, collections.StatusPaused, collections.StatusQueued},
		{"resume a running job", hooks.Resume, collections.StatusDownloading, ""},
		{"cancel a queued job", hooks.Cancel, collections.StatusQueued, collections.StatusCancelled},
		{"cancel a cancelled job", hooks.Cancel, collections.StatusCancelled, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			job := hookstest.MustCreateJob(t, app, user, func(job *core.Record) { job.Set("status", string(c.from)) })
			changed, err := c.do(t.Context(), app, job.Id)
			if c.want == "" {
				if collections.CodeOf(err) != collections.CodeIllegalTransition {
					t.Fatalf("got %v", err)
				}
				return
			}
			if err != nil || changed.GetString("status") != string(c.want) {
				t.Fatalf("got %v, %v", changed, err)
			}
		})
	}
}

// mustAttach gives the job a file and an object in that state.
func mustAttach(t *testing.T, app core.App, job *core.Record, index int, state collections.ObjectState) (file, object *core.Record) {
	t.Helper()
	object = mustSave(t, app, "objects", map[string]any{
		"torrent_id": "torrent", "file_index": index, "scope": job.Id, "size_bytes": 1, "state": string(state),
	})
	file = mustSave(t, app, "files", map[string]any{
		"job_id": job.Id, "user_id": job.GetString("user_id"), "object_id": object.Id, "file_index": index, "path": "a",
		"selected": true, "is_complete": state == collections.ObjectStored,
	})
	return file, object
}

func mustSave(t *testing.T, app core.App, table string, data map[string]any) *core.Record {
	t.Helper()
	c, err := app.FindCollectionByNameOrId(table)
	if err != nil {
		t.Fatal(err)
	}
	record := core.NewRecord(c)
	record.Load(data)
	if err := app.Save(record); err != nil {
		t.Fatal(err)
	}
	return record
}

func TestACancelledJobKeepsWhatIsStoredWhole(t *testing.T) {
	app, user := newApp(t)
	job := hookstest.MustCreateJob(t, app, user, nil)
	_, whole := mustAttach(t, app, job, 0, collections.ObjectStored)
	file, part := mustAttach(t, app, job, 1, collections.ObjectUploading)
	if _, err := hooks.Cancel(t.Context(), app, job.Id); err != nil {
		t.Fatal(err)
	}
	if got := mustFind(t, app, "objects", whole.Id).GetString("state"); got != "stored" {
		t.Errorf("the whole object is %s", got)
	}
	if got := mustFind(t, app, "objects", part.Id).GetString("state"); got != "deleting" {
		t.Errorf("the unfinished object is %s", got)
	}
	if got := mustFind(t, app, "files", file.Id).GetString("object_id"); got != "" {
		t.Errorf("the unfinished file still names %s", got)
	}
}

func TestADeletedJobLeavesNothingButDeletingObjects(t *testing.T) {
	app, user := newApp(t)
	job, other := hookstest.MustCreateJob(t, app, user, nil), hookstest.MustCreateJob(t, app, user, nil)
	_, own := mustAttach(t, app, job, 0, collections.ObjectStored)
	_, shared := mustAttach(t, app, job, 1, collections.ObjectStored)
	mustSave(t, app, "files", map[string]any{"job_id": other.Id, "user_id": user.Id, "object_id": shared.Id, "is_complete": true})
	if err := app.Delete(job); err != nil {
		t.Fatal(err)
	}
	if got := mustFind(t, app, "objects", own.Id).GetString("state"); got != "deleting" {
		t.Errorf("its object is %s", got)
	}
	if got := mustFind(t, app, "objects", shared.Id).GetString("state"); got != "stored" {
		t.Errorf("the shared object is %s", got)
	}
	for _, table := range []string{"files", "job_events"} {
		if n, err := app.CountRecords(table, dbx.HashExp{"job_id": job.Id}); n != 0 || err != nil {
			t.Errorf("%d rows of %s are left, %v", n, table, err)
		}
	}
}

func TestADeletedUserTakesJobsAndSessionsAlong(t *testing.T) {
	app, user := newApp(t)
	job := hookstest.MustCreateJob(t, app, user, nil)
	_, object := mustAttach(t, app, job, 0, collections.ObjectStored)
	mustSave(t, app, "sessions", map[string]any{"user_id": user.Id, "token_hash": "x"})
	if err := app.Delete(user); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"jobs", "files", "sessions"} {
		if n, err := app.CountRecords(table); n != 0 || err != nil {
			t.Errorf("%d rows of %s are left, %v", n, table, err)
		}
	}
	if got := mustFind(t, app, "objects", object.Id).GetString("state"); got != "deleting" {
		t.Errorf("the object is %s", got)
	}
}

func TestWishAndStateOfASaveFromElsewhereAgree(t *testing.T) {
	app, user := newApp(t)
	for _, c := range []struct {
		name          string
		from          string
		set           map[string]any
		want, desired string
	}{
		{"a wished pause pauses", "downloading", map[string]any{"desired": "pause"}, "paused", "pause"},
		{"a wished cancel cancels", "queued", map[string]any{"desired": "cancel"}, "cancelled", "cancel"},
		{"a wished run resumes", "paused", map[string]any{"desired": "run"}, "queued", "run"},
		{"a state of paused is a wish", "downloading", map[string]any{"status": "paused"}, "paused", "pause"},
		{"a state of cancelled is a wish", "downloading", map[string]any{"status": "cancelled"}, "cancelled", "cancel"},
	} {
		t.Run(c.name, func(t *testing.T) {
			job := mustFind(t, app, "jobs", hookstest.MustCreateJob(t, app, user, func(job *core.Record) {
				job.Set("status", c.from)
				if c.from == "paused" {
					job.Set("desired", "pause")
				}
			}).Id)
			job.Load(c.set)
			if err := app.Save(job); err != nil {
				t.Fatal(err)
			}
			row := mustFind(t, app, "jobs", job.Id)
			if row.GetString("status") != c.want || row.GetString("desired") != c.desired || string(fold(t, events(t, app, job.Id))) != c.want {
				t.Fatalf("got %s, %s", row.GetString("status"), row.GetString("desired"))
			}
		})
	}
}

func TestARecordCanBeSavedAgain(t *testing.T) {
	app, user := newApp(t)
	job := hookstest.MustCreateJob(t, app, user, nil)
	for _, status := range []collections.Status{collections.StatusPaused, collections.StatusQueued, collections.StatusPaused} {
		job.Set("status", string(status))
		if err := app.Save(job); err != nil {
			t.Fatalf("%s: %v", status, err)
		}
	}
	if row := mustFind(t, app, "jobs", job.Id); row.GetString("status") != string(collections.StatusPaused) || row.GetInt("revision") != 4 {
		t.Errorf("the row is %s at revision %d", row.GetString("status"), row.GetInt("revision"))
	}
}
