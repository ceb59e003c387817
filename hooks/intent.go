package hooks

import (
	"context"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
)

// Pause makes a job paused at its owner's wish. Its attempt stays on record, so that parts that were on
// their way still count; the dispatcher stops the agent after the commit. illegal_transition, not_found.
func Pause(ctx context.Context, app core.App, jobID string) (*core.Record, error) {
	return ChangeJobAs(ctx, app, jobID, func(_ core.App, job *core.Record) error {
		return wish(job, collections.DesiredPause, collections.StatusPaused)
	})
}

// Resume queues a paused job. illegal_transition, not_found.
func Resume(ctx context.Context, app core.App, jobID string) (*core.Record, error) {
	return ChangeJobAs(ctx, app, jobID, func(_ core.App, job *core.Record) error {
		if from := collections.Status(job.GetString("status")); from != collections.StatusPaused {
			return illegalTransition(from, collections.StatusQueued)
		}
		job.Set("next_attempt_at", "")
		job.Set("retries", 0)
		return wish(job, collections.DesiredRun, collections.StatusQueued)
	})
}

// Cancel ends a job at its owner's wish. Files that are complete can be fetched until the job is deleted.
// illegal_transition, not_found.
func Cancel(ctx context.Context, app core.App, jobID string) (*core.Record, error) {
	return ChangeJobAs(ctx, app, jobID, func(_ core.App, job *core.Record) error {
		return wish(job, collections.DesiredCancel, collections.StatusCancelled)
	})
}

func wish(job *core.Record, desired collections.Desired, status collections.Status) error {
	if from := collections.Status(job.GetString("status")); !from.CanBecome(status) {
		return illegalTransition(from, status)
	}
	job.Set("desired", string(desired))
	job.Set("status", string(status))
	job.Set("error", "")
	job.Set("error_code", "")
	return nil
}
