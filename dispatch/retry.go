package dispatch

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// ending says why an attempt ends before its job does.
type ending struct {
	code    collections.Code
	message string
	counted bool // as a failure: backoff, and after MaxRetries a dead letter
	later   bool // not counted, but not at once either
	final   bool // trying again is of no use
	moved   bool // not counted: it got no further there, and another agent is to try
}

// errStale says that the row has left the attempt in question.
var errStale = errors.New("dispatch: the attempt is over")

// isOver says whether err means that there is nothing left to do: the attempt is over, or the job gone.
func isOver(err error) bool {
	return errors.Is(err, errStale) || err != nil && collections.CodeOf(err) == collections.CodeNotFound
}

// endAttempt ends a running attempt: the job goes back to the queue or fails. An attempt that is over already is left alone.
func (d *Dispatcher) endAttempt(app core.App, jobID string, attempt int64, why ending) {
	_, err := hooks.ChangeJob(app, jobID, func(tx core.App, job *core.Record) error {
		if !runs(job, attempt) {
			return errStale
		}
		return d.leave(tx, job, why)
	})
	if err != nil && !isOver(err) {
		d.Logger.Error("an attempt could not be ended", "job", jobID, "error", err)
	}
}

func runs(job *core.Record, attempt int64) bool {
	return job.GetInt64("attempt") == attempt && collections.Status(job.GetString("status")).Running()
}

// leave sets the fields of a job whose attempt ends; for use inside ChangeJob.
func (d *Dispatcher) leave(tx core.App, job *core.Record, why ending) error {
	job.Set("error", text(why.message))
	job.Set("error_code", string(why.code))
	retries := job.GetInt("retries")
	if why.counted && !why.final {
		retries++
	}
	dead := retries > d.MaxRetries
	if why.final || dead {
		job.Set("status", string(collections.StatusFailed))
		job.Set("dead_letter", dead)
		return nil
	}
	agentID := job.GetString("agent_id")
	if why.counted || why.moved {
		job.Set("avoid_agents", avoiding(job.GetString("avoid_agents"), agentID))
	}
	if why.moved {
		job.Set("failovers", job.GetInt("failovers")+1)
		job.Set("progressed_at", "") // the other one gets the whole time
	}
	leaveAgent(job, collections.StatusQueued)
	job.Set("retries", retries)
	next := ""
	if why.counted || why.later {
		next = stamp(d.Now().Add(d.backoff(max(1, retries))))
	}
	job.Set("next_attempt_at", next)
	return hooks.AddEvent(tx, job.Id, collections.EventRetry, map[string]any{
		"attempt": job.GetInt64("attempt"), "agent": agentID, "retries": retries, "code": why.code, "message": text(why.message), "next_attempt_at": next,
	})
}

// gotOn notes when something new came; for use inside ChangeJob. What failed before is forgotten.
func gotOn(job *core.Record, at time.Time) {
	job.Set("progressed_at", stamp(at))
	job.Set("retries", 0)
	job.Set("failovers", 0)
	job.Set("avoid_agents", "")
}

// backoff doubles with each retry; the jitter keeps jobs that fell together from rising together.
func (d *Dispatcher) backoff(retries int) time.Duration {
	full := d.RetryBase << min(retries-1, 20)
	if full > d.RetryMax || full <= 0 {
		full = d.RetryMax
	}
	return full/2 + rand.N(full/2+1)
}

// endOlderStarts ends the leases that an earlier start of the agent held, at once: its engines died with it.
func (d *Dispatcher) endOlderStarts(a *agent) {
	d.mu.Lock()
	var ended []lease
	for _, l := range d.leases {
		if l.agentID == a.id && l.agentStart != a.startID {
			ended = append(ended, *l)
		}
	}
	d.mu.Unlock()
	for _, l := range ended {
		d.endAttempt(d.App, l.jobID, l.attempt, ending{code: collections.CodeAgentLost, message: "The agent was started anew."})
	}
}
