package dispatch

import (
	"context"
	"errors"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/storage"
)

const (
	sweepInterval = 10 * time.Minute
	pausedUploads = 6 * 24 * time.Hour // R2 aborts unfinished uploads after seven days
)

// RunSweep removes deleting objects, unfinished uploads and objects that no row names, and enrolment tokens out of date.
func (d *Dispatcher) RunSweep(ctx context.Context) (storage.SweepResult, error) {
	reaped := errors.Join(d.finishRemovals(), d.reapDeleting(ctx))
	_, tokens := exec(d.App, `DELETE FROM agent_tokens WHERE expires_at < {:now}`, dbx.Params{"now": stamp(d.Now())})
	result, swept := storage.Sweep(ctx, d.Store, known{d}, d.Now(), storage.SweepAge)
	return result, errors.Join(reaped, tokens, d.giveUpPaused(ctx), swept)
}

// known answers the sweeper which keys and uploads rows name.
type known struct{ d *Dispatcher }

// KnownKeys answers which of the keys belong to an object or to an upload on its way.
func (k known) KnownKeys(_ context.Context, keys []string) (map[string]bool, error) {
	found := map[string]bool{}
	return found, errors.Join(
		k.find(found, "key", "objects", keys, dbx.Not(dbx.HashExp{"state": string(collections.ObjectDeleting)})),
		k.find(found, "key", "uploads", keys, nil))
}

// KnownUploads answers which of the store's uploads are on record.
func (k known) KnownUploads(_ context.Context, uploadIDs []string) (map[string]bool, error) {
	found := map[string]bool{}
	return found, k.find(found, "upload_id", "uploads", uploadIDs, nil)
}

func (k known) find(found map[string]bool, column, table string, values []string, also dbx.Expression) error {
	in := make([]any, len(values))
	for i, v := range values {
		in[i] = v
	}
	var rows []string
	err := k.d.App.ConcurrentDB().Select(column).From(table).Where(dbx.In(column, in...)).AndWhere(also).Column(&rows)
	for _, row := range rows {
		found[row] = true
	}
	return err
}

// giveUpPaused aborts uploads of paused jobs before a store does so by itself, and the job says so.
func (d *Dispatcher) giveUpPaused(ctx context.Context) error {
	old, err := all[struct {
		ID       string `db:"id"`
		Key      string `db:"key"`
		UploadID string `db:"upload_id"`
		JobID    string `db:"job_id"`
	}](d.App, `SELECT u.id, u.key, u.upload_id, j.id AS job_id FROM uploads u JOIN files f ON f.object_id = u.object_id JOIN jobs j ON j.id = f.job_id
		WHERE u.upload_id != '' AND u.created_at < {:old} AND j.status = 'paused'
		AND NOT EXISTS (SELECT 1 FROM files others JOIN jobs wanting ON wanting.id = others.job_id WHERE others.object_id = u.object_id
			AND wanting.status NOT IN ('paused', 'completed', 'failed', 'cancelled'))`, dbx.Params{"old": stamp(d.Now().Add(-pausedUploads))})
	for _, u := range old {
		if abortErr := d.Store.Abort(ctx, u.Key, u.UploadID); abortErr != nil {
			err = errors.Join(err, abortErr)
			continue
		}
		_, changeErr := hooks.ChangeJob(d.App, u.JobID, func(tx core.App, job *core.Record) error {
			job.Set("error", "Paused for more than six days: what was uploaded of unfinished files will be uploaded again.")
			return forgetUpload(tx, u.ID)
		})
		err = errors.Join(err, changeErr)
	}
	return err
}
