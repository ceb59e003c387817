package dispatch

import (
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/progress"
)

// quotaHook names our handlers: a hook keeps one of each name.
const quotaHook = "longshore.dispatch.quota"

// waiters gives jobs that wait for their owner's quota what they need as soon as there is room.
type waiters struct {
	d    *Dispatcher
	wake chan struct{}
	told map[string]string // owners of the jobs, by job, whose verdict says that they wait; the loop's own
}

func newWaiters(d *Dispatcher) *waiters {
	return &waiters{d: d, wake: make(chan struct{}, 1), told: map[string]string{}}
}

// listen learns of commits that may make room: jobs that end, shrink or go, and other plans. What expires, or another
// process commits, is seen at the next sweep.
func (w *waiters) listen() {
	on := func(h *hook.TaggedHook[*core.RecordEvent]) {
		h.Bind(&hook.Handler[*core.RecordEvent]{Id: quotaHook, Func: func(e *core.RecordEvent) error {
			if mayMakeRoom(e.Record) {
				poke(w.wake)
			}
			return e.Next()
		}})
	}
	tables := []string{"jobs", "plans", "user_plan_assignments"}
	on(w.d.App.OnRecordAfterCreateSuccess(tables...))
	on(w.d.App.OnRecordAfterUpdateSuccess(tables...))
	on(w.d.App.OnRecordAfterDeleteSuccess(tables...))
}

func (w *waiters) deafen() {
	w.d.App.OnRecordAfterCreateSuccess().Unbind(quotaHook)
	w.d.App.OnRecordAfterUpdateSuccess().Unbind(quotaHook)
	w.d.App.OnRecordAfterDeleteSuccess().Unbind(quotaHook)
}

// mayMakeRoom leaves out what running jobs write all the time.
func mayMakeRoom(r *core.Record) bool {
	return r.Collection().Name != "jobs" || r.GetBool("wait_for_quota") || collections.Status(r.GetString("status")).Terminal()
}

func (w *waiters) loop() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-w.d.ctx.Done():
			return
		case <-w.wake:
		case <-timer.C:
		}
		if err := w.look(); err != nil {
			w.d.Logger.Error("jobs that wait for a quota could not be judged", "error", err)
		}
		timer.Reset(w.d.Sweep)
	}
}

type waitingJob struct {
	ID    string `db:"id"`
	Owner string `db:"user_id"`
	Size  int64  `db:"size_bytes"`
	Retry string `db:"retry_of"`
}

// look takes the jobs in turn, oldest first; one that needs little need not wait behind one that needs much.
func (w *waiters) look() error {
	jobs, err := all[waitingJob](w.d.App, `SELECT id, user_id, size_bytes, retry_of FROM jobs WHERE status = 'queued' AND wait_for_quota = TRUE
		AND desired = 'run' AND NOT `+hooks.WithStorage+` ORDER BY created_at, id`, nil)
	if err != nil {
		return err
	}
	before := w.told
	w.told = map[string]string{}
	rooms := map[string]hooks.Room{}
	for _, job := range jobs {
		if err := w.try(job, rooms); err != nil {
			return err
		}
	}
	for id, owner := range before {
		if v, _ := w.d.Board.Verdict(id); w.told[id] == "" && v.Code == collections.CodeQuotaStorage {
			w.d.Board.SetVerdict(owner, id, noVerdict)
		}
	}
	return nil
}

// try looks first, so that a job for which there is no room costs no write transaction.
func (w *waiters) try(job waitingJob, rooms map[string]hooks.Room) (err error) {
	room, known := rooms[job.Owner]
	if !known {
		if room, err = hooks.RoomOf(w.d.App, job.Owner); err != nil {
			return err
		}
		rooms[job.Owner] = room
	}
	why := room.Judge(job.Size)
	if why == nil || job.Retry != "" {
		delete(rooms, job.Owner)
		if why, err = w.d.admitQueued(job.ID); err != nil {
			return err
		}
	}
	if why != nil {
		w.told[job.ID] = job.Owner
		w.d.Board.SetVerdict(job.Owner, job.ID, progress.Verdict{Code: collections.CodeOf(why), Message: "Waiting for storage. " + why.Error()})
	}
	return nil
}

// admitQueued reserves what a queued job needs, fails it when that is refused for good, or answers why it waits.
func (d *Dispatcher) admitQueued(jobID string) (why, err error) {
	job, err := d.App.FindRecordById("jobs", jobID)
	if isNoRows(err) || err == nil && !hooks.Unreserved(job) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m, err := metainfoOfJob(d.App, job)
	if err != nil {
		return nil, err
	}
	_, err = hooks.ChangeJob(d.App, jobID, func(tx core.App, job *core.Record) error {
		if job.GetString("status") != string(collections.StatusQueued) || !hooks.Unreserved(job) {
			return errStale
		}
		why = d.judgeWants(tx, job, m)
		return d.obey(job, why)
	})
	if isOver(err) {
		err = nil
	}
	if !waitsFor(job, why) {
		why = nil
	}
	return why, err
}

// admit judges a job whose metadata has come, inside ChangeJob.
func (d *Dispatcher) admit(tx core.App, job *core.Record, m *collections.Metainfo) error {
	return d.obey(job, d.judgeWants(tx, job, m))
}

func (d *Dispatcher) judgeWants(tx core.App, job *core.Record, m *collections.Metainfo) error {
	selection := selectionOf(job)
	return hooks.AdmitMetadata(tx, job, hooks.Wants{
		Known: true, SizeBytes: SelectedSize(m, selection), LargestFile: LargestFile(m, selection), Infohash: m.Infohash, InfohashV2: m.InfohashV2,
	})
}

// obey fails a job that is refused, or sends it back to the queue when its owner would rather wait.
func (d *Dispatcher) obey(job *core.Record, refusal error) error {
	code := collections.CodeOf(refusal)
	switch {
	case refusal == nil:
		return nil
	case code == collections.CodeInternal:
		return refusal
	case waitsFor(job, refusal):
		leaveAgent(job, collections.StatusQueued)
		return nil
	}
	job.Set("status", string(collections.StatusFailed))
	job.Set("error", text(refusal.Error()))
	job.Set("error_code", string(code))
	return nil
}

// waitsFor says whether the job's owner would rather wait than be refused for that reason.
func waitsFor(job *core.Record, refusal error) bool {
	return job.GetBool("wait_for_quota") && refusal != nil && collections.CodeOf(refusal) == collections.CodeQuotaStorage
}

// mayRun reserves what a job still lacks before it is given to an agent; errStale when it may not run.
func (d *Dispatcher) mayRun(job *core.Record) error {
	if !hooks.Unreserved(job) {
		return nil
	}
	why, err := d.admitQueued(job.Id)
	if err != nil {
		return err
	}
	n, err := d.App.CountRecords("jobs", dbx.HashExp{"id": job.Id, "status": string(collections.StatusQueued)})
	if err == nil && (why != nil || n == 0) {
		err = errStale
	}
	return err
}
