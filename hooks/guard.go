package hooks

import (
	"slices"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
)

// dispatchFields are the columns of a job that only ChangeJob writes.
var dispatchFields = []string{
	"attempt", "agent_id", "agent_start", "lease_until", "retries", "revision", "completed_at", "user_id", "infohash", "reserved_bytes", "waits_for",
}

// foreignTargets are the states that a save from elsewhere may ask for. To run or to complete is a fact, not a wish.
var foreignTargets = []collections.Status{
	collections.StatusQueued, collections.StatusPaused, collections.StatusFailed, collections.StatusCancelled,
}

// guardForeignSave judges a save that ChangeJob did not make: the dashboard's, a
// script's. Its record may carry an old state, so only what it changed is written.
func guardForeignSave(job *core.Record, row *storedJob) error {
	loaded := job.Original()
	for _, name := range dispatchFields {
		if job.GetString(name) != loaded.GetString(name) {
			return validation.Errors{name: validation.NewError(string(collections.CodeForbidden), "Only the dispatcher sets this.")}
		}
	}
	job.IgnoreUnchangedFields(true)
	newStatus, newDesired := job.GetString("status") != loaded.GetString("status"), job.GetString("desired") != loaded.GetString("desired")
	if !newStatus {
		job.Set("status", string(row.Status))
	}
	if !newDesired {
		job.Set("desired", string(row.Desired))
	}
	row.refresh(job)
	switch {
	case newStatus:
		followStatus(job)
	case newDesired:
		followDesired(job, row.Status)
	}
	return guardForeignStatus(row.Status, collections.Status(job.GetString("status")))
}

// followStatus makes the wish agree with a state that was asked for.
func followStatus(job *core.Record) {
	wishes := map[collections.Status]collections.Desired{
		collections.StatusQueued: collections.DesiredRun, collections.StatusPaused: collections.DesiredPause, collections.StatusCancelled: collections.DesiredCancel,
	}
	if desired, ok := wishes[collections.Status(job.GetString("status"))]; ok {
		job.Set("desired", string(desired))
	}
}

// followDesired does what a changed wish means.
func followDesired(job *core.Record, status collections.Status) {
	switch desired := collections.Desired(job.GetString("desired")); {
	case desired == collections.DesiredPause && status != collections.StatusPaused:
		job.Set("status", string(collections.StatusPaused))
	case desired == collections.DesiredCancel && status != collections.StatusCancelled:
		job.Set("status", string(collections.StatusCancelled))
	case desired == collections.DesiredRun && status == collections.StatusPaused:
		job.Set("status", string(collections.StatusQueued))
	}
}

func guardForeignStatus(from, to collections.Status) error {
	if from == to || from.CanBecome(to) && slices.Contains(foreignTargets, to) {
		return nil
	}
	err := illegalTransition(from, to)
	return validation.Errors{"status": validation.NewError(string(err.Code), err.Message)}
}

// refresh brings the columns that others write up to date, so that hooks and browsers see one state.
func (row *storedJob) refresh(job *core.Record) {
	for name, value := range map[string]any{
		"attempt": row.Attempt, "retries": row.Retries, "agent_id": row.AgentID, "agent_start": row.AgentStart,
		"lease_until": row.LeaseUntil, "completed_at": row.CompletedAt, "status_since": row.StatusSince, "progressed_at": row.Progressed,
	} {
		job.Set(name, value)
	}
}
