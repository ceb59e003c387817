package dispatch

import (
	"context"
	"errors"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// pausedUploads is how long a paused job keeps what it has uploaded of unfinished files. R2 aborts such uploads after seven days
// (https://developers.cloudflare.com/r2/objects/multipart-objects/).
const pausedUploads = 6 * 24 * time.Hour

// pausedUpload is an upload that only jobs want which have been paused for too long.
type pausedUpload struct {
	ID       string `db:"id"`
	Key      string `db:"key"`
	UploadID string `db:"upload_id"`
	JobID    string `db:"job_id"`
	Bytes    int64  `db:"bytes"`
}

// giveUpPaused aborts uploads of jobs that were paused for days, before a store does so by itself, and the jobs say so.
func (d *Dispatcher) giveUpPaused(ctx context.Context) error {
	uploads, err := all[pausedUpload](d.App, `SELECT u.id, u.key, u.upload_id, j.id AS job_id,
			COALESCE((SELECT SUM(p.size_bytes) FROM upload_parts p WHERE p.upload = u.id), 0) AS bytes
		FROM jobs j JOIN files f ON f.job_id = j.id JOIN uploads u ON u.object_id = f.object_id
		WHERE j.status = 'paused' AND j.status_since != '' AND j.status_since < {:old} AND f.is_complete = FALSE AND f.object_id != '' AND u.upload_id != ''
			AND NOT EXISTS (SELECT 1 FROM files others JOIN jobs wanting ON wanting.id = others.job_id WHERE others.object_id = u.object_id
				AND wanting.status NOT IN ('completed', 'failed', 'cancelled') AND NOT (wanting.status = 'paused' AND wanting.status_since < {:old}))
		ORDER BY j.id`, dbx.Params{"old": stamp(d.Now().Add(-pausedUploads))})
	byJob := map[string][]pausedUpload{}
	for _, u := range uploads {
		byJob[u.JobID] = append(byJob[u.JobID], u)
	}
	for jobID, list := range byJob {
		if giveUpErr := d.giveUp(ctx, jobID, list); giveUpErr != nil && !isOver(giveUpErr) {
			err = errors.Join(err, giveUpErr)
		}
	}
	return err
}

// giveUp forgets first: what the store then keeps, no row names, and the sweeper ends it.
func (d *Dispatcher) giveUp(ctx context.Context, jobID string, uploads []pausedUpload) error {
	var bytes int64
	for _, u := range uploads {
		bytes += u.Bytes
	}
	_, err := hooks.ChangeJob(d.App, jobID, func(tx core.App, job *core.Record) error { //nolint:contextcheck // a change is not broken off
		if job.GetString("status") != string(collections.StatusPaused) {
			return errStale
		}
		for _, u := range uploads {
			if err := forgetUpload(tx, u.ID); err != nil {
				return err
			}
		}
		job.Set("stored_bytes", max(0, job.GetInt64("stored_bytes")-bytes))
		job.Set("error", "Paused for more than six days: what was uploaded of unfinished files will be uploaded again.")
		return hooks.AddEvent(tx, jobID, collections.EventUploadsGivenUp, map[string]any{"uploads": len(uploads), "bytes": bytes})
	})
	if err != nil {
		return err
	}
	d.Board.Forget(jobID) // its figures count what is gone
	for _, u := range uploads {
		err = errors.Join(err, d.Store.Abort(ctx, u.Key, u.UploadID))
	}
	return err
}
