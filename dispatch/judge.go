package dispatch

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
)

func (d *Dispatcher) judgeAll(a *agent, req *collections.ReportRequest) ([]*entry, error) {
	entries := make([]*entry, len(req.Jobs))
	for i := range req.Jobs {
		tame(&req.Jobs[i])
		e := &entry{JobReport: &req.Jobs[i]}
		if err := d.judge(a, req.StartID, e); err != nil {
			return nil, err
		}
		entries[i] = e
	}
	return entries, nil
}

// tame brings an agent's figures and words to what columns hold, so that one entry cannot spoil a report.
func tame(r *collections.JobReport) {
	for _, n := range []*int64{&r.SizeBytes, &r.DoneBytes, &r.StoredBytes, &r.Downloaded, &r.Uploaded} {
		*n = min(max(*n, 0), collections.MaxSizeBytes)
	}
	const maxCode = 64
	r.Code = r.Code[:min(len(r.Code), maxCode)]
	r.Message = text(r.Message)
}

// judge finds the entry's lease, or the reply for one that has none.
func (d *Dispatcher) judge(a *agent, startID string, e *entry) error {
	d.mu.Lock()
	if l := d.leases[e.JobID]; l != nil && l.agentID == a.id && l.agentStart == startID && l.attempt == e.Attempt && e.State != collections.AgentHeld {
		e.lease = l
		e.reply = collections.JobReply{JobID: e.JobID, Desired: collections.DesiredRun, Attempt: e.Attempt}
	}
	d.mu.Unlock()
	if e.lease != nil {
		return nil
	}
	job, err := d.App.FindRecordById("jobs", e.JobID)
	if isNoRows(err) {
		e.reply = collections.JobReply{JobID: e.JobID, Desired: collections.DesiredCancel, Attempt: e.Attempt, Code: d.endedCode(e.JobID)}
		return nil
	}
	if err != nil {
		return err
	}
	d.judgeRow(a, startID, e, job)
	return nil
}

func (d *Dispatcher) judgeRow(a *agent, startID string, e *entry, job *core.Record) {
	status := collections.Status(job.GetString("status"))
	e.lease = nil
	e.reply = collections.JobReply{JobID: e.JobID, Desired: collections.Desired(job.GetString("desired")), Attempt: job.GetInt64("attempt")}
	mine := job.GetString("agent_id") == a.id && job.GetString("agent_start") == startID && job.GetInt64("attempt") == e.Attempt
	switch {
	case status.Terminal():
		e.reply.Code = d.endedCode(e.JobID)
	case e.State == collections.AgentHeld:
	case !mine || !status.Running() && status != collections.StatusPaused:
		e.reply.Code = collections.CodeAttemptStale
	case status == collections.StatusPaused:
		e.paused = true
	default:
		d.mu.Lock()
		e.lease = d.adopt(job)
		d.mu.Unlock()
	}
}

// judgeIn judges anew by the row that the transaction sees.
func (d *Dispatcher) judgeIn(tx core.App, a *agent, startID string, e *entry) error {
	job, err := tx.FindRecordById("jobs", e.JobID)
	if isNoRows(err) {
		e.reply = collections.JobReply{JobID: e.JobID, Desired: collections.DesiredCancel, Attempt: e.Attempt, Code: d.endedCode(e.JobID)}
		return nil
	}
	if err == nil {
		d.judgeRow(a, startID, e, job)
	}
	return err
}

// replies adds the store's account where an agent needs it anew, until it has read such a reply.
func (d *Dispatcher) replies(a *agent, entries []*entry, seq int64) (collections.ReportReply, error) {
	reply := collections.ReportReply{Jobs: make([]collections.JobReply, len(entries))}
	for i, e := range entries {
		if e.lease != nil && d.needsStored(a, e.lease, seq) {
			stored, err := storedAccount(d.App, e.JobID)
			if err != nil {
				return collections.ReportReply{}, err
			}
			e.reply.Stored = &stored
		}
		reply.Jobs[i] = e.reply
	}
	return reply, nil
}

// needsStored takes the mark off the lease: whoever marks it again does so after the account was read.
func (d *Dispatcher) needsStored(a *agent, l *lease, seq int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if l.storedSeq > 0 && a.answered >= l.storedSeq {
		l.storedSeq = 0
	}
	if !l.needStored && l.storedSeq == 0 {
		return false
	}
	if l.needStored {
		l.needStored, l.storedSeq = false, seq
	}
	return true
}
