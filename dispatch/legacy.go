package dispatch

import (
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
)

// legacy is what a job that runs no more left on its agent, for the job of the same torrent that runs there next: what was fetched
// and is not stored yet need not be fetched again. It is only as good as the memory: without it, that is done.
type legacy struct {
	agentID, jobID string
	until          time.Time
}

const legacyTime = 10 * time.Minute

// keepsData says whether the data of an attempt that ended are of use to the job itself or to another one.
func (d *Dispatcher) keepsData(l *lease, status collections.Status) bool {
	if status == collections.StatusCompleted || status == collections.StatusFailed { // what made a job fail may lie in its data
		return false
	}
	return d.bequeath(l) || !status.Terminal()
}

// bequeath leaves the data of an attempt to the jobs that now may run in its place; false when there are none.
func (d *Dispatcher) bequeath(l *lease) bool {
	d.mu.Lock()
	torrent := l.torrentID
	d.mu.Unlock()
	heirs, err := all[idRow](d.App, `SELECT id FROM jobs WHERE torrent_id = {:torrent} AND torrent_id != '' AND status = 'queued' AND id != {:job} LIMIT 100`,
		dbx.Params{"torrent": torrent, "job": l.jobID})
	if err != nil {
		d.Logger.Error("the jobs of a torrent could not be read", "job", l.jobID, "error", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.agents[l.agentID]
	if len(heirs) == 0 || a == nil {
		return false
	}
	d.legacies[torrent] = legacy{agentID: l.agentID, jobID: l.jobID, until: d.Now().Add(legacyTime)}
	for _, heir := range heirs {
		a.held[heir.ID] = true
	}
	return true
}

// inherit answers the job whose data a job takes over on the agent, "" for none. Whoever runs first of a torrent ends the legacy.
func (d *Dispatcher) inherit(a *agent, job *core.Record) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	left, there := d.legacies[job.GetString("torrent_id")]
	delete(d.legacies, job.GetString("torrent_id"))
	if !there || left.agentID != a.id || left.jobID == job.Id {
		return ""
	}
	delete(a.held, left.jobID)
	return left.jobID
}

// endedCode is the answer to an agent that tells of a job which has ended. What another job is to inherit, or of which that is not
// decided yet, it keeps: a stop or a later answer has it removed.
func (d *Dispatcher) endedCode(jobID string) collections.Code {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.leases[jobID] != nil {
		return collections.CodeAttemptStale
	}
	for torrent, left := range d.legacies {
		switch {
		case left.until.Before(d.Now()):
			delete(d.legacies, torrent)
		case left.jobID == jobID:
			return collections.CodeAttemptStale
		}
	}
	return collections.CodeJobEnded
}
