package dispatch

import (
	"context"
	"errors"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/hooks"
)

const reapBatch = 100

// doomed is an object in state deleting with what the store may have of it.
type doomed struct {
	ID        string `db:"id"`
	Key       string `db:"key"`
	Upload    string `db:"upload"`
	UploadID  string `db:"upload_id"`
	UploadKey string `db:"upload_key"`
}

// reapLoop empties the store of deleting objects as soon as a commit makes some, and at the start.
func (d *Dispatcher) reapLoop() {
	for {
		select {
		case <-d.ctx.Done():
			return
		case <-d.reap:
			if err := errors.Join(d.finishRemovals(), d.reapDeleting(d.ctx)); err != nil && d.ctx.Err() == nil {
				d.Logger.Warn("objects could not be removed yet; the sweeper tries again", "error", err)
			}
		}
	}
}

// finishRemovals goes on with jobs that had more files than one transaction takes.
func (d *Dispatcher) finishRemovals() error {
	for more := true; more && d.ctx.Err() == nil; {
		var err error
		if more, err = hooks.ContinueRemoval(d.App); err != nil {
			return err
		}
		if more {
			poke(d.wait.wake)
		}
	}
	return nil
}

// reapDeleting aborts and removes, first at the store, then in the rows. One object's failure does not keep the
// others, but a store that refuses a whole batch is left alone.
func (d *Dispatcher) reapDeleting(ctx context.Context) error {
	var failed error
	after := ""
	for {
		batch, err := all[doomed](d.App, `SELECT o.id, o.key, COALESCE(u.id, '') AS upload, COALESCE(u.upload_id, '') AS upload_id, COALESCE(u.key, '') AS upload_key
			FROM objects o LEFT JOIN uploads u ON u.object_id = o.id WHERE o.state = 'deleting' AND o.id > {:after} ORDER BY o.id LIMIT {:limit}`,
			dbx.Params{"after": after, "limit": reapBatch})
		if err != nil || len(batch) == 0 {
			return errors.Join(failed, err)
		}
		after = batch[len(batch)-1].ID
		removed, err := d.reapBatch(ctx, batch)
		failed = errors.Join(failed, err)
		if removed == 0 {
			return failed
		}
	}
}

func (d *Dispatcher) reapBatch(ctx context.Context, batch []doomed) (removed int, err error) {
	var failed error
	var empty []doomed
	for _, o := range batch {
		if err := d.removeFromStore(ctx, &o); err != nil {
			failed = err
			continue
		}
		empty = append(empty, o)
	}
	err = hooks.InTransaction(d.App, func(tx core.App) error { return dropObjects(tx, empty) })
	return len(empty), errors.Join(failed, err)
}

func (d *Dispatcher) removeFromStore(ctx context.Context, o *doomed) error {
	if o.UploadID != "" {
		if err := d.Store.Abort(ctx, o.UploadKey, o.UploadID); err != nil {
			return err
		}
	}
	for _, key := range []string{o.UploadKey, o.Key} {
		if key == "" {
			continue
		}
		if err := d.Store.Delete(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

func dropObjects(tx core.App, objects []doomed) error {
	for _, o := range objects {
		if o.Upload != "" {
			if err := forgetUpload(tx, o.Upload); err != nil {
				return err
			}
		}
		if _, err := exec(tx, `DELETE FROM objects WHERE id = {:id} AND state = 'deleting'`, dbx.Params{"id": o.ID}); err != nil {
			return err
		}
	}
	return nil
}
