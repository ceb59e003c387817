package dispatch

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/progress"
)

// entry is one job of a report on its way to a reply.
type entry struct {
	*collections.JobReport
	lease   *lease // nil when the attempt does not run
	paused  bool   // the attempt was paused and its parts still count
	counted bool   // its traffic was added to the owner's usage
	changed *core.Record
	parts   recorded
	reply   collections.JobReply
}

// Report takes what an agent tells of its jobs, each judged by itself: a stale entry changes nothing and is answered
// attempt_stale, one of an ended or unknown job job_ended, the others count. A report not above
// the last one taken of the same start changes nothing and is answered as things stand. CodeUnauthorized.
func (d *Dispatcher) Report(_ context.Context, agentID string, req collections.ReportRequest) (collections.ReportReply, error) {
	a, err := d.agent(agentID)
	if err != nil {
		return collections.ReportReply{}, err
	}
	a.reporting.Lock()
	defer a.reporting.Unlock()
	fresh, restarted := d.begin(a, &req)
	if restarted {
		d.endOlderStarts(a)
	}
	entries, err := d.judgeAll(a, &req)
	if err != nil {
		return collections.ReportReply{}, err
	}
	if fresh {
		if err := d.take(a, &req, entries); err != nil {
			return collections.ReportReply{}, err
		}
	}
	return d.replies(a, entries, req.Seq)
}

// take writes what the report changes in one transaction, and then tells the memory and the browsers.
func (d *Dispatcher) take(a *agent, req *collections.ReportRequest, entries []*entry) error {
	row := d.Now().Sub(a.written) >= collections.ProgressWrite
	writes := row
	for _, e := range entries {
		writes = writes || d.needsWrite(e)
	}
	if writes {
		err := hooks.InTransaction(d.App, func(tx core.App) error { return d.write(tx, a, req, entries) })
		if err != nil {
			return err
		}
		a.written = d.Now()
	}
	d.mu.Lock()
	a.seq = req.Seq
	d.mu.Unlock()
	for _, e := range entries {
		d.tell(e)
	}
	return nil
}

func (d *Dispatcher) write(tx core.App, a *agent, req *collections.ReportRequest, entries []*entry) error {
	for _, e := range entries {
		if !d.needsWrite(e) {
			continue
		}
		err := apart(tx, func() error { return d.writeEntry(tx, a, req.StartID, e) })
		if err != nil {
			d.logEntry(e).Error("an entry of a report could not be written", "agent", a.id, "error", err)
			e.changed, e.counted, e.parts = nil, false, recorded{misfit: true}
		}
	}
	health, err := json.Marshal(req.Health)
	if err != nil {
		return err
	}
	_, err = exec(tx, `UPDATE agents SET start_id = {:start}, report_seq = {:seq}, last_seen_at = {:now}, health = {:health}, address = {:address} WHERE id = {:id}`,
		dbx.Params{"start": req.StartID, "seq": req.Seq, "now": stamp(d.Now()), "health": string(health), "address": d.addressOf(a), "id": a.id})
	return err
}

// needsWrite says whether the entry says more than the memory can hold.
func (d *Dispatcher) needsWrite(e *entry) bool {
	if e.lease == nil {
		return e.paused && (len(e.Parts) > 0 || e.State == collections.AgentStopped)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	l := e.lease
	return len(e.Parts) > 0 || e.State == collections.AgentFailed || e.State == collections.AgentStopped ||
		e.State == collections.AgentUploading && l.status == collections.StatusDownloading ||
		d.Now().Sub(l.written) >= collections.ProgressWrite ||
		l.retries > 0 && e.DoneBytes > l.bestDone
}

// writeEntry records parts and changes the row along an edge, if the attempt is still current inside the transaction.
func (d *Dispatcher) writeEntry(tx core.App, a *agent, startID string, e *entry) error {
	job, err := hooks.ChangeJob(tx, e.JobID, func(tx core.App, job *core.Record) (err error) {
		if job.GetString("agent_id") != a.id || job.GetString("agent_start") != startID || job.GetInt64("attempt") != e.Attempt {
			return errStale
		}
		status := collections.Status(job.GetString("status"))
		if !status.Running() && status != collections.StatusPaused {
			return errStale
		}
		if e.parts, err = recordParts(tx, e.JobReport); err != nil {
			return err
		}
		if err := d.countTraffic(tx, job, e); err != nil || !status.Running() {
			return err
		}
		return d.advance(tx, job, e)
	})
	if isOver(err) {
		e.lease, e.paused = nil, false
		return d.judgeIn(tx, a, startID, e)
	}
	e.changed = job
	return err
}

// advance sets the fields of a running job that the entry changes.
func (d *Dispatcher) advance(tx core.App, job *core.Record, e *entry) error {
	progressed := e.parts.new > 0 || e.DoneBytes > job.GetInt64("done_bytes") || e.StoredBytes > job.GetInt64("stored_bytes")
	job.Set("done_bytes", max(e.DoneBytes, e.lease.knownDone))
	job.Set("stored_bytes", max(e.StoredBytes, e.lease.knownStored))
	job.Set("lease_until", stamp(d.Now().Add(d.Lease)))
	if progressed {
		gotOn(job, d.grewAt(e))
	}
	switch e.State {
	case collections.AgentUploading:
		if job.GetString("status") == string(collections.StatusDownloading) {
			job.Set("status", string(collections.StatusUploading))
		}
	case collections.AgentFailed:
		return d.leave(tx, job, ending{code: failureCode(e.Code), message: e.Message, counted: true, final: e.Final})
	case collections.AgentStopped:
		return d.leave(tx, job, ending{code: e.Code, message: e.Message, later: true})
	}
	return nil
}

func grew(is, was *collections.Progress) bool {
	return is.DoneBytes > was.DoneBytes || is.StoredBytes > was.StoredBytes
}

// grewAt answers when the bytes came that the row does not know of.
func (d *Dispatcher) grewAt(e *entry) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := e.lease
	if is := l.live(e.JobReport, d.Now()); e.parts.new == 0 && !grew(&is, &l.last) && !l.progressed.IsZero() {
		return l.progressed
	}
	return d.Now()
}

func failureCode(code collections.Code) collections.Code {
	if code == "" {
		return collections.CodeEngineFailed
	}
	return code
}

// tell brings lease, browsers and finisher up to date after the commit.
func (d *Dispatcher) tell(e *entry) {
	d.fin.add(e.parts.whole...)
	if e.changed != nil && !collections.Status(e.changed.GetString("status")).Running() {
		e.lease = nil
		d.answerEnded(e)
		return
	}
	if e.lease == nil {
		return
	}
	d.renew(e)
	if e.changed != nil && e.changed.GetString("status") == string(collections.StatusUploading) {
		d.completeIfStored(e.JobID)
	}
}

// answerEnded replies to an entry that itself ended its attempt.
func (d *Dispatcher) answerEnded(e *entry) {
	status := collections.Status(e.changed.GetString("status"))
	e.reply.Desired = collections.Desired(e.changed.GetString("desired"))
	if status.Terminal() {
		e.reply.Code = collections.CodeJobEnded
	} else if status != collections.StatusPaused {
		e.reply.Code = collections.CodeAttemptStale
	}
}

// renew extends the lease and tells browsers its figures, unless it ended meanwhile: nothing is told after the end.
func (d *Dispatcher) renew(e *entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := e.lease
	if d.leases[l.jobID] != l {
		return
	}
	l.until = d.Now().Add(d.Lease)
	l.needStored = l.needStored || e.parts.misfit
	if e.changed != nil {
		l.written = d.Now()
		l.follow(e.changed)
	}
	if e.counted {
		l.counted = d.Now()
	}
	was := l.last
	l.last = l.live(e.JobReport, d.Now())
	if grew(&l.last, &was) {
		l.progressed = d.Now()
	}
	l.seen.add(e.JobReport)
	d.Board.Report(l.owner, l.last)
	d.setVerdict(l, e.Code, e.Message)
}

func (d *Dispatcher) setVerdict(l *lease, code collections.Code, message string) {
	if code != "" {
		d.Board.SetVerdict(l.owner, l.jobID, progress.Verdict{Code: code, Message: message})
	} else if l.standing {
		d.Board.SetVerdict(l.owner, l.jobID, noVerdict)
	}
	l.standing = code != ""
}

func (d *Dispatcher) logEntry(e *entry) *slog.Logger {
	if e.lease != nil {
		return d.log(e.lease)
	}
	return d.Logger.With("job", e.JobID, "attempt", e.Attempt)
}
