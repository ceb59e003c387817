package api

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/dispatch"
	"github.com/longshore-project/longshore/hooks"
)

// wish is something that the owner of a job wants. In a state where it is fulfilled already nothing happens, so that a
// request may be sent again.
type wish struct {
	do        func(ctx context.Context, app core.App, jobID string) (*core.Record, error)
	fulfilled []collections.Status
	submits   bool // it makes a job
}

var (
	paused = wish{do: hooks.Pause, fulfilled: []collections.Status{collections.StatusPaused}}
	// A job that runs or waits has no need to be resumed.
	resumed = wish{do: hooks.Resume, fulfilled: []collections.Status{
		collections.StatusQueued, collections.StatusFetchingMetadata, collections.StatusAwaitingSelection, collections.StatusDownloading, collections.StatusUploading,
	}}
	cancelled = wish{do: hooks.Cancel, fulfilled: []collections.Status{collections.StatusCancelled}}
	deleted   = wish{do: removeJob}
	retried   = wish{do: dispatch.RetryJob, submits: true}
)

// labelled is the wish for a label, which checkLabel has judged.
func labelled(label string) wish {
	return wish{do: func(ctx context.Context, app core.App, jobID string) (*core.Record, error) {
		return hooks.ChangeJobAs(ctx, app, jobID, func(_ core.App, job *core.Record) error {
			job.Set("label", label)
			return nil
		})
	}}
}

func checkLabel(label string) error {
	if len(label) > collections.MaxLabelBytes {
		return invalid("label", fmt.Sprintf("A label may have at most %d bytes.", collections.MaxLabelBytes))
	}
	return nil
}

// removeJob deletes a job in one transaction. Hooks take along what belongs to it.
func removeJob(ctx context.Context, app core.App, jobID string) (*core.Record, error) {
	var job *core.Record
	err := hooks.InTransaction(app, func(tx core.App) (err error) {
		job, err = tx.FindRecordById("jobs", jobID)
		if errors.Is(err, sql.ErrNoRows) {
			return collections.Errorf(collections.CodeNotFound, "There is no such job.")
		}
		if err != nil {
			return err
		}
		return tx.DeleteWithContext(ctx, job)
	})
	return job, err
}

// carryOut answers the job as it is now; of a retry the new one.
func (w wish) carryOut(ctx context.Context, app core.App, job *core.Record) (*core.Record, error) {
	if w.isFulfilled(job) {
		return job, nil
	}
	changed, err := w.do(ctx, app, job.Id)
	if collections.CodeOf(err) == collections.CodeIllegalTransition { // perhaps the same wish was quicker
		if now, findErr := app.FindRecordById("jobs", job.Id); findErr == nil && w.isFulfilled(now) {
			return now, nil
		}
	}
	return changed, err
}

func (w wish) isFulfilled(job *core.Record) bool {
	return slices.Contains(w.fulfilled, collections.Status(job.GetString("status")))
}
