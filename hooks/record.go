package hooks

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/longshore-project/longshore/collections"
)

const boundKey = "longshore.hooks"

// Bind puts what must hold on every change of a record into app's hooks.
func Bind(app core.App) {
	app.OnRecordCreateExecute("jobs").BindFunc(inTransaction(createJob))
	app.OnRecordUpdateExecute("jobs").BindFunc(inTransaction(updateJob))
	app.OnRecordDeleteExecute("jobs").BindFunc(inTransaction(deleteJob))
	app.OnRecordAfterCreateSuccess("jobs").Bind(&hook.Handler[*core.RecordEvent]{Func: savedJob, Priority: beforeAll})
	app.OnRecordAfterUpdateSuccess("jobs").Bind(&hook.Handler[*core.RecordEvent]{Func: savedJob, Priority: beforeAll})
	app.OnRecordValidate("users").BindFunc(foldAddress)
	app.OnRecordValidate("users", core.CollectionNameSuperusers).BindFunc(judgePassword)
	app.OnRecordUpdateExecute("users").BindFunc(inTransaction(updateUser))
	app.OnRecordDeleteExecute("users").BindFunc(inTransaction(deleteUser))
	bindBlocklist(app)
	bindPlans(app)
	bindTotals(app)
	bindAudit(app)
	MomentsOf(app).app = app
	app.Store().Set(boundKey, true)
}

func bound(app core.App) bool {
	yes, _ := app.Store().Get(boundKey).(bool)
	return yes
}

// inTransaction makes sure that h and the write it goes with are one transaction.
func inTransaction(h func(e *core.RecordEvent) error) func(e *core.RecordEvent) error {
	return func(e *core.RecordEvent) error {
		if e.App.IsTransactional() {
			return h(e)
		}
		outer := e.App
		defer func() { e.App = outer }()
		return outer.RunInTransaction(func(tx core.App) error {
			e.App = tx
			return h(e)
		})
	}
}

func createJob(e *core.RecordEvent) error {
	if err := guardForeignCreate(e.Context, e.App, e.Record); err != nil {
		return err
	}
	status := collections.Status(e.Record.GetString("status"))
	e.Record.Set("revision", 1)
	e.Record.Set("status_since", Now(e.App))
	if status.Terminal() {
		e.Record.Set("completed_at", types.NowDateTime())
	}
	if err := e.Next(); err != nil {
		return err
	}
	noteStatus(e.App, e.Record, "")
	return AddEvent(e.App, e.Record.Id, collections.EventCreated, map[string]any{"status": status})
}

const beforeAll = math.MinInt32

// savedJob makes a record that was saved one that can be changed and saved again: PocketBase leaves what it was loaded
// with, which is what the guard compares. Other hooks hear first, with the old state.
func savedJob(e *core.RecordEvent) error {
	return errors.Join(e.Next(), e.Record.PostScan())
}

// storedJob is what the row says inside the transaction, whatever the record was loaded with.
type storedJob struct {
	Status      collections.Status  `db:"status"`
	Desired     collections.Desired `db:"desired"`
	Attempt     int64               `db:"attempt"`
	Retries     int64               `db:"retries"`
	AgentID     string              `db:"agent_id"`
	AgentStart  string              `db:"agent_start"`
	LeaseUntil  string              `db:"lease_until"`
	CompletedAt string              `db:"completed_at"`
	UserID      string              `db:"user_id"`
	Infohash    string              `db:"infohash"`
	Revision    int64               `db:"revision"`
	Reserved    int64               `db:"reserved_bytes"`
	StatusSince string              `db:"status_since"`
	Progressed  string              `db:"progressed_at"`
}

func updateJob(e *core.RecordEvent) error {
	var row storedJob
	err := e.App.ConcurrentDB().Select("status", "desired", "attempt", "retries", "agent_id", "agent_start", "lease_until",
		"completed_at", "user_id", "infohash", "revision", "reserved_bytes", "status_since", "progressed_at").From("jobs").Where(dbx.HashExp{"id": e.Record.Id}).One(&row)
	if err != nil {
		return err
	}
	if _, changing := ours.Load(e.Record); !changing {
		if err := guardForeignSave(e.Record, &row); err != nil {
			return err
		}
	}
	if err := takeEdge(e, &row); err != nil {
		return err
	}
	e.Record.Set("revision", row.Revision+1)
	if err := e.Next(); err != nil {
		return err
	}
	if err := passTurn(e.App, e.Record, row.Status); err != nil {
		return err
	}
	if ended := collections.Status(e.Record.GetString("status")); ended.Terminal() && ended != row.Status {
		if err := countEnded(e.App, e.Record, row.Reserved); err != nil {
			return err
		}
	}
	noteStatus(e.App, e.Record, row.Status)
	return jobEvents(e.App, e.Record, &row)
}

// takeEdge checks a change of status and does what follows from it.
func takeEdge(e *core.RecordEvent, row *storedJob) error {
	from, to := row.Status, collections.Status(e.Record.GetString("status"))
	if from == to {
		return nil
	}
	if !from.CanBecome(to) {
		return illegalTransition(from, to)
	}
	sinceNow(e.Record, row, Now(e.App))
	if to.Terminal() {
		e.Record.Set("completed_at", types.NowDateTime())
	}
	if err := queueJobFinished(e.App, e.Record, to); err != nil {
		return err
	}
	if !to.Running() {
		e.Record.Set("lease_until", "")
	}
	if to == collections.StatusFailed || to == collections.StatusCancelled {
		return beginRemoval(e.App, e.Record.Id, removeUnfinished)
	}
	return nil
}

// sinceNow notes when the job took its status. The time that it did not run is no time without progress: it is taken out, unless
// progressed_at is being set anew.
func sinceNow(job *core.Record, row *storedJob, now time.Time) {
	since, progressed := job.GetDateTime("status_since").Time(), job.GetDateTime("progressed_at").Time()
	waited := !row.Status.Running() && !since.IsZero() && now.After(since)
	if waited && !progressed.IsZero() && job.GetString("progressed_at") == row.Progressed {
		job.Set("progressed_at", progressed.Add(now.Sub(since)))
	}
	job.Set("status_since", now)
}

func illegalTransition(from, to collections.Status) *collections.Error {
	return &collections.Error{
		Code:    collections.CodeIllegalTransition,
		Message: fmt.Sprintf("A job that is %s cannot become %s.", from, to),
		Data:    map[string]any{"from": from, "to": to},
	}
}

func jobEvents(tx core.App, job *core.Record, was *storedJob) error {
	if desired := job.GetString("desired"); desired != string(was.Desired) {
		if err := AddEvent(tx, job.Id, collections.EventDesired, map[string]any{"desired": desired}); err != nil {
			return err
		}
	}
	status := collections.Status(job.GetString("status"))
	if status == was.Status {
		return nil
	}
	payload := map[string]any{"from": was.Status, "to": status, "attempt": job.GetInt64("attempt")}
	if code := job.GetString("error_code"); code != "" {
		payload["code"] = code
	}
	return AddEvent(tx, job.Id, collections.EventStatus, payload)
}

// AddEvent writes the next event of a job. It must run inside the transaction of the change it tells of.
func AddEvent(tx core.App, jobID string, event collections.EventType, payload map[string]any) error {
	body, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	_, err = tx.NonconcurrentDB().NewQuery(`INSERT INTO job_events (id, job_id, seq, event_type, payload, created_at, updated_at)
		SELECT {:id}, {:job}, COALESCE(MAX(seq), 0) + 1, {:type}, {:payload}, {:now}, {:now} FROM job_events WHERE job_id = {:job}`).
		Bind(dbx.Params{"id": core.GenerateDefaultRandomId(), "job": jobID, "type": string(event), "payload": string(body), "now": types.NowDateTime().String()}).
		Execute()
	return err
}
