package dispatch

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// countTraffic adds what the attempt has moved since it was last counted to its owner's usage, inside ChangeJob. The row
// says how far that is, so that nothing is counted twice, whoever is started anew. What a job moves in the seconds
// before it is cancelled, or to peers before it is completed, is in no report that counts.
func (d *Dispatcher) countTraffic(tx core.App, job *core.Record, e *entry) error {
	if !d.trafficIsDue(job, e) {
		return nil
	}
	var down, up int64
	if job.GetInt64("counted_attempt") == e.Attempt {
		down, up = job.GetInt64("counted_down"), job.GetInt64("counted_up")
	}
	moved := hooks.Metrics{Downloaded: max(0, e.Downloaded-down), Uploaded: max(0, e.Uploaded-up)}
	if moved == (hooks.Metrics{}) {
		return nil
	}
	e.counted = true
	job.Set("counted_attempt", e.Attempt)
	job.Set("counted_down", max(e.Downloaded, down))
	job.Set("counted_up", max(e.Uploaded, up))
	return hooks.AddMetrics(tx, job.GetString("user_id"), d.Now(), moved)
}

// trafficIsDue spares parts that come many times a second a second write each.
func (d *Dispatcher) trafficIsDue(job *core.Record, e *entry) bool {
	if e.lease == nil || e.State == collections.AgentFailed || e.State == collections.AgentStopped ||
		e.State == collections.AgentUploading && job.GetString("status") == string(collections.StatusDownloading) {
		return true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.Now().Sub(e.lease.counted) >= collections.ProgressWrite
}
