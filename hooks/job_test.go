package hooks_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

func newApp(t *testing.T) (core.App, *core.Record) {
	t.Helper()
	app := hookstest.NewApp(t)
	hooks.Bind(app)
	return app, hookstest.MustCreateUser(t, app, "a@example.com", collections.RoleUser)
}

func setStatus(status collections.Status) func(core.App, *core.Record) error {
	return func(_ core.App, job *core.Record) error {
		job.Set("status", string(status))
		return nil
	}
}

func mustFind(t *testing.T, app core.App, table, id string) *core.Record {
	t.Helper()
	record, err := app.FindRecordById(table, id)
	if err != nil {
		t.Fatal(err)
	}
	return record
}

type event struct {
	Seq     int64  `db:"seq"`
	Type    string `db:"event_type"`
	Payload string `db:"payload"`
}

func events(t *testing.T, app core.App, jobID string) []event {
	t.Helper()
	var rows []event
	err := app.DB().Select("seq", "event_type", "payload").From("job_events").Where(dbx.HashExp{"job_id": jobID}).OrderBy("seq").All(&rows)
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range rows {
		if row.Seq != int64(i+1) {
			t.Fatalf("event %d has seq %d", i+1, row.Seq)
		}
	}
	return rows
}

// fold answers the status that the events lead to.
func fold(t *testing.T, rows []event) collections.Status {
	t.Helper()
	var status collections.Status
	for _, row := range rows {
		var p struct{ Status, From, To collections.Status }
		if err := json.Unmarshal([]byte(row.Payload), &p); err != nil {
			t.Fatal(err)
		}
		switch collections.EventType(row.Type) {
		case collections.EventCreated:
			status = p.Status
		case collections.EventStatus:
			if p.From != status {
				t.Fatalf("event %d leaves %s, the job was %s", row.Seq, p.From, status)
			}
			status = p.To
		}
	}
	return status
}

func TestEveryEdgeOfTheTableAndNoOther(t *testing.T) {
	app, user := newApp(t)
	for _, from := range collections.Statuses() {
		for _, to := range collections.Statuses() {
			job := hookstest.MustCreateJob(t, app, user, func(job *core.Record) { job.Set("status", string(from)) })
			changed, err := hooks.ChangeJob(app, job.Id, setStatus(to))
			legal := from == to || from.CanBecome(to)
			if legal != (err == nil) {
				t.Fatalf("%s to %s: %v", from, to, err)
			}
			if err != nil && collections.CodeOf(err) != collections.CodeIllegalTransition {
				t.Fatalf("%s to %s: code %s", from, to, collections.CodeOf(err))
			}
			row := mustFind(t, app, "jobs", job.Id)
			if got := collections.Status(row.GetString("status")); got != fold(t, events(t, app, job.Id)) || legal && got != to {
				t.Fatalf("%s to %s: the row says %s", from, to, got)
			}
			if to.Terminal() && legal && row.GetString("completed_at") == "" {
				t.Fatalf("%s to %s: completed_at is empty", from, to)
			}
			if legal && changed.GetInt("revision") != row.GetInt("revision") {
				t.Fatalf("%s to %s: answered revision %d, the row has %d", from, to, changed.GetInt("revision"), row.GetInt("revision"))
			}
			if err := app.Delete(row); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestChangeJobIsOneTransaction(t *testing.T) {
	app, user := newApp(t)
	job := hookstest.MustCreateJob(t, app, user, nil)
	boom := errors.New("boom")
	_, err := hooks.ChangeJob(app, job.Id, func(tx core.App, job *core.Record) error {
		job.Set("status", string(collections.StatusDownloading))
		if err := hooks.AddEvent(tx, job.Id, collections.EventRetry, map[string]any{}); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Fatalf("got %v", err)
	}
	if n := len(events(t, app, job.Id)); n != 1 {
		t.Fatalf("%d events after a roll-back", n)
	}
	if _, err := hooks.ChangeJob(app, "nosuchjob", setStatus(collections.StatusPaused)); collections.CodeOf(err) != collections.CodeNotFound {
		t.Fatalf("unknown job: %v", err)
	}
}

func TestAnUnchangedJobIsNotWritten(t *testing.T) {
	app, user := newApp(t)
	job := hookstest.MustCreateJob(t, app, user, nil)
	if _, err := hooks.ChangeJob(app, job.Id, setStatus(collections.StatusQueued)); err != nil {
		t.Fatal(err)
	}
	if got := mustFind(t, app, "jobs", job.Id).GetInt("revision"); got != 1 {
		t.Fatalf("revision %d", got)
	}
}

func TestAHookThatFailsAfterTheCommitIsNotAFailedChange(t *testing.T) {
	app, user := newApp(t)
	job := hookstest.MustCreateJob(t, app, user, nil)
	app.OnRecordAfterUpdateSuccess("jobs").BindFunc(func(e *core.RecordEvent) error {
		return errors.Join(e.Next(), errors.New("a script's mistake"))
	})
	changed, err := hooks.ChangeJob(app, job.Id, setStatus(collections.StatusDownloading))
	if err != nil {
		t.Fatal(err)
	}
	if row := mustFind(t, app, "jobs", job.Id); row.GetString("status") != changed.GetString("status") {
		t.Fatalf("the row says %s", row.GetString("status"))
	}
}

func TestChangeJobInsideATransactionOfTheCaller(t *testing.T) {
	app, user := newApp(t)
	a, b := hookstest.MustCreateJob(t, app, user, nil), hookstest.MustCreateJob(t, app, user, nil)
	undo := errors.New("undo")
	both := func(end error) error {
		return hooks.InTransaction(app, func(tx core.App) error {
			for _, job := range []*core.Record{a, b} {
				if _, err := hooks.ChangeJob(tx, job.Id, setStatus(collections.StatusDownloading)); err != nil {
					return err
				}
			}
			return end
		})
	}
	if err := both(undo); !errors.Is(err, undo) {
		t.Fatalf("got %v", err)
	}
	if got := mustFind(t, app, "jobs", a.Id).GetString("status"); got != string(collections.StatusQueued) {
		t.Fatalf("after the roll-back the job is %s", got)
	}
	if err := both(nil); err != nil {
		t.Fatal(err)
	}
	for _, job := range []*core.Record{a, b} {
		if got := fold(t, events(t, app, job.Id)); got != collections.StatusDownloading {
			t.Fatalf("events lead to %s", got)
		}
	}
}

func TestTwoHundredParallelChangesFromTwoProcesses(t *testing.T) {
	app, user := newApp(t)
	second := hookstest.SecondApp(t, app)
	hooks.Bind(second)
	job := hookstest.MustCreateJob(t, app, user, nil)
	var group sync.WaitGroup
	errs := make(chan error, 200)
	for i := range 200 {
		from := app
		if i%2 == 1 {
			from = second
		}
		group.Go(func() {
			_, err := hooks.ChangeJob(from, job.Id, func(_ core.App, job *core.Record) error {
				job.Set("done_bytes", job.GetInt("done_bytes")+1)
				next := collections.StatusPaused
				if job.GetString("status") == string(collections.StatusPaused) {
					next = collections.StatusQueued
				}
				job.Set("status", string(next))
				return nil
			})
			errs <- err
		})
	}
	group.Wait()
	for range 200 {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	row := mustFind(t, app, "jobs", job.Id)
	rows := events(t, app, job.Id)
	got := fmt.Sprintln(row.GetInt("done_bytes"), row.GetInt("revision"), len(rows), fold(t, rows))
	if got != "200 201 201 queued\n" {
		t.Fatalf("done, revision, events, status: %s", got)
	}
}
