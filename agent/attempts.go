package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/longshore-project/longshore/collections"
)

// Why an attempt ends on this agent: the cause its context is cancelled with. A cancellation without one of them is the agent's own end.
var (
	errPaused    = errors.New("stopped, data kept")
	errCancelled = errors.New("stopped, data removed")
	errStale     = errors.New("the attempt is no longer current") // data kept, nothing reported
	errEnded     = errors.New("the job has ended")                // data removed, nothing reported
)

// maxEnded bounds what is remembered of ended attempts; the control plane never starts one twice by itself.
const maxEnded = 4096

func stale(jobID string) error {
	e := collections.Errorf(collections.CodeAttemptStale, "This attempt of the job is no longer current.")
	e.Data = map[string]any{"job_id": jobID}
	return e
}

// start takes up an attempt, or answers where it stands when it is there already. A
// higher attempt replaces a lower one as soon as that one has ended.
func (a *Agent) start(req collections.StartRequest) (collections.AgentStatus, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	old := a.jobs[req.JobID]
	if old != nil && old.req.Attempt == req.Attempt {
		return a.reports.status(req.JobID)
	}
	if req.Attempt <= a.ended[req.JobID] || old != nil && req.Attempt < old.req.Attempt {
		return collections.AgentStatus{}, stale(req.JobID)
	}
	if a.ctx.Err() != nil {
		return collections.AgentStatus{}, collections.Errorf(collections.CodeUnavailable, "The agent is shutting down.")
	}
	if old == nil && a.slotsUsed() >= a.cfg.Slots {
		return collections.AgentStatus{}, collections.Errorf(collections.CodeUnavailable, "All %d slots are taken.", a.cfg.Slots)
	}
	a.inherit(&req)
	j := a.newJob(req, old)
	a.jobs[req.JobID] = j
	if old != nil {
		old.cancel(errStale)
	}
	status := j.report()
	a.reports.begin(status)
	go j.run()
	return status, nil
}

// inherit gives a job the data of one that does not run any more. Without them it begins anew. The caller holds mu.
func (a *Agent) inherit(req *collections.StartRequest) {
	if req.Inherit == "" || a.jobs[req.Inherit] != nil {
		return
	}
	if err := a.scratch.inherit(req.JobID, req.Inherit, collections.Infohash(req.Infohash)); err != nil {
		a.log.Warn("the data of another job cannot be taken over", "job", req.JobID, "from", req.Inherit, "error", err)
	}
}

// stop ends an attempt and waits until it has ended. It is no error when there is none; its data are removed all the same when they are not to be kept.
func (a *Agent) stop(ctx context.Context, req collections.StopRequest) error {
	a.mu.Lock()
	j := a.jobs[req.JobID]
	if j != nil && req.Attempt < j.req.Attempt {
		a.mu.Unlock()
		return stale(req.JobID)
	}
	a.endedAt(req.JobID, req.Attempt)
	a.mu.Unlock()
	if j != nil {
		if req.KeepData {
			j.cancel(errPaused)
		} else {
			j.cancel(errCancelled)
		}
		select {
		case <-j.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if req.KeepData {
		return nil
	}
	return a.discard(req.JobID)
}

func (a *Agent) endedAt(jobID string, attempt int64) {
	if len(a.ended) >= maxEnded {
		clear(a.ended)
	}
	a.ended[jobID] = max(a.ended[jobID], attempt)
}

// forget is the last thing an attempt does.
func (a *Agent) forget(j *job) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.jobs[j.req.JobID] == j {
		delete(a.jobs, j.req.JobID)
		a.endedAt(j.req.JobID, j.req.Attempt)
	}
}

// discard removes the data of a job that does not run here.
func (a *Agent) discard(jobID string) error {
	a.mu.Lock()
	if a.jobs[jobID] != nil {
		a.mu.Unlock()
		return nil
	}
	trash, err := a.scratch.moveAway(jobID)
	a.mu.Unlock()
	if err != nil {
		return fmt.Errorf("removing the data of job %s: %w", jobID, err)
	}
	return a.scratch.empty(trash)
}

func (a *Agent) find(jobID string) *job {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.jobs[jobID]
}

func (a *Agent) active() []*job {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := make([]*job, 0, len(a.jobs))
	for _, j := range a.jobs {
		all = append(all, j)
	}
	return all
}

// slotsUsed counts the attempts that have not failed.
func (a *Agent) slotsUsed() int {
	used := 0
	for _, j := range a.jobs {
		if !j.failed.Load() {
			used++
		}
	}
	return used
}

// heldReports tells of scratch data that no attempt uses now.
func (a *Agent) heldReports() []collections.JobReport {
	all, err := a.scratch.held()
	if err != nil {
		a.log.Error("scratch space cannot be read", "error", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	all = slices.DeleteFunc(all, func(h heldJob) bool { return a.jobs[h.JobID] != nil })
	reports := make([]collections.JobReport, len(all))
	for i, h := range all {
		reports[i] = collections.JobReport{JobID: h.JobID, Attempt: h.Attempt, State: collections.AgentHeld, ETASeconds: -1}
	}
	return reports
}

// handleReply does what the control plane answered about one entry of a report.
func (a *Agent) handleReply(sent collections.JobReport, reply collections.JobReply) {
	j := a.find(sent.JobID)
	if j != nil && j.req.Attempt == sent.Attempt && sent.State != collections.AgentHeld {
		j.post(func() { j.handleReply(sent.Parts, reply) })
		return
	}
	if reply.Code == collections.CodeJobEnded {
		if err := a.discard(sent.JobID); err != nil {
			a.log.Error("data of an ended job stay", "job", sent.JobID, "error", err)
		}
	}
}
