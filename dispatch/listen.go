package dispatch

import (
	"database/sql"
	"errors"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/longshore-project/longshore/collections"
)

// jobHook and agentHook name our handlers: a hook keeps one of each name.
const (
	jobHook   = "longshore.dispatch.jobs"
	agentHook = "longshore.dispatch.agents"
)

// listen learns of commits: new jobs, changed wishes, deletions.
func (d *Dispatcher) listen() {
	on := func(h *hook.TaggedHook[*core.RecordEvent], id string, fn func(*core.Record)) {
		h.Bind(&hook.Handler[*core.RecordEvent]{Id: id, Func: func(e *core.RecordEvent) error {
			fn(e.Record)
			return e.Next()
		}})
	}
	on(d.App.OnRecordAfterCreateSuccess("jobs"), jobHook, d.jobChanged)
	on(d.App.OnRecordAfterUpdateSuccess("jobs"), jobHook, d.jobChanged)
	on(d.App.OnRecordAfterDeleteSuccess("jobs"), jobHook, func(job *core.Record) { d.jobDeleted(job.Id) })
	agents := func(*core.Record) { d.agentsChanged() }
	on(d.App.OnRecordAfterUpdateSuccess("agents"), agentHook, agents)
	on(d.App.OnRecordAfterDeleteSuccess("agents"), agentHook, agents)
	on(d.App.OnRecordAfterCreateSuccess("blocklist"), blocklistHook, d.blocklistChanged)
	on(d.App.OnRecordAfterUpdateSuccess("blocklist"), blocklistHook, d.blocklistChanged)
}

func (d *Dispatcher) deafen() {
	d.App.OnRecordAfterCreateSuccess().Unbind(jobHook, blocklistHook)
	d.App.OnRecordAfterUpdateSuccess().Unbind(jobHook, agentHook, blocklistHook)
	d.App.OnRecordAfterDeleteSuccess().Unbind(jobHook, agentHook)
}

func (d *Dispatcher) agentsChanged() {
	if err := d.loadAgents(); err != nil {
		d.Logger.Error("the agents could not be read", "error", err)
	}
	d.endOrphans()
	poke(d.wake)
}

// jobChanged acts on a committed row: a lease it no longer agrees with ends, and the agent is told to stop.
func (d *Dispatcher) jobChanged(job *core.Record) {
	status := collections.Status(job.GetString("status"))
	d.mu.Lock()
	l := d.leases[job.Id]
	if l != nil && l.of(job) {
		l.follow(job)
		d.mu.Unlock()
		return
	}
	if l != nil && job.GetInt64("attempt") < l.attempt { // an older commit, heard late
		d.mu.Unlock()
		return
	}
	d.mu.Unlock()
	if l != nil && d.endLease(l, d.keepsData(l, status)) {
		d.leaseEnded(l, status)
	}
	switch {
	case status == collections.StatusQueued:
		d.set.add(job.Id)
		poke(d.wake)
	case status.Terminal():
		d.Board.Forget(job.Id)
		poke(d.reap)
	}
}

// endLease takes a lease back and has the agent stop, in one step: nothing is placed there in between. False when it was over.
func (d *Dispatcher) endLease(l *lease, keepData bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.leases[l.jobID] != l {
		return false
	}
	delete(d.leases, l.jobID)
	d.stopAttempt(l, keepData)
	return true
}

// leaseEnded tells browsers.
func (d *Dispatcher) leaseEnded(l *lease, status collections.Status) {
	d.log(l).Info("an attempt ended", "status", string(status))
	if l.last.JobID != "" {
		still := l.last
		still.Status, still.At = status, d.Now()
		still.DownloadRate, still.UploadRate, still.ETASeconds, still.Peers, still.Seeds = 0, 0, -1, 0, 0
		d.Board.Report(l.owner, still)
	}
	if l.standing {
		d.Board.SetVerdict(l.owner, l.jobID, noVerdict)
	}
	poke(d.wake)
}

func (d *Dispatcher) jobDeleted(jobID string) {
	d.mu.Lock()
	l := d.leases[jobID]
	d.mu.Unlock()
	d.Board.Forget(jobID)
	if l != nil {
		d.endLease(l, d.bequeath(l))
	}
	poke(d.reap)
	poke(d.wake)
}

// stopAttempt posts /stop. When it is lost, the answer to the agent's next report says the same. The caller holds mu.
func (d *Dispatcher) stopAttempt(l *lease, keepData bool) {
	a := d.agents[l.agentID]
	if a == nil {
		a, keepData = d.removed[l.agentID], false
	}
	if a == nil || a.startID != l.agentStart || d.ctx.Err() != nil {
		return
	}
	a.stopping[l.jobID] = l.infohash
	if keepData {
		a.held[l.jobID] = true
	}
	d.work.Go(func() {
		err := d.post(d.ctx, a, "/stop", collections.StopRequest{JobID: l.jobID, Attempt: l.attempt, KeepData: keepData, RequestID: l.requestID})
		if err != nil {
			d.log(l).Warn("an agent did not take a stop", "error", err)
		}
		d.mu.Lock()
		delete(a.stopping, l.jobID)
		d.mu.Unlock()
		poke(d.wake)
	})
}

func isNoRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }

func inStatus(statuses ...collections.Status) dbx.Expression {
	values := make([]any, len(statuses))
	for i, s := range statuses {
		values[i] = string(s)
	}
	return dbx.HashExp{"status": values}
}
