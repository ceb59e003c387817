package dispatch

import (
	"context"
	"errors"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/storage"
)

// forgetDiffering drops the recorded parts that the store does not confirm, so that they are uploaded again.
func (f *finisher) forgetDiffering(ctx context.Context, u *core.Record, recorded []storage.Part) error {
	listed, err := f.d.Store.ListParts(ctx, u.GetString("key"), u.GetString("upload_id"))
	if errors.Is(err, storage.ErrNoUpload) {
		return f.forget(u)
	}
	if err != nil {
		return err
	}
	confirmed := map[int]storage.Part{}
	for _, p := range listed {
		confirmed[p.Number] = p
	}
	var gone []storage.Part
	for _, p := range recorded {
		if c, ok := confirmed[p.Number]; !ok || c.Size != p.Size || !storage.SameETag(c.ETag, p.ETag) {
			gone = append(gone, p)
		}
	}
	if len(gone) == 0 { // the store refuses what it lists: begin anew
		return f.forget(u)
	}
	err = hooks.InTransaction(f.d.App, func(tx core.App) error { return forgetParts(tx, u.Id, gone) })
	if err == nil {
		f.d.Logger.Warn("parts differ in the store and are uploaded again", "upload", u.Id, "parts", len(gone))
		f.d.markStored(u.GetString("object_id"))
	}
	return err
}

var errCameAnew = errors.New("dispatch: the parts were uploaded again meanwhile")

// forgetParts drops the parts that are still as they were recorded; errCameAnew when none is.
func forgetParts(tx core.App, upload string, parts []storage.Part) error {
	var dropped int64
	for _, p := range parts {
		n, err := exec(tx, `DELETE FROM upload_parts WHERE upload = {:upload} AND number = {:number} AND etag = {:etag}`,
			dbx.Params{"upload": upload, "number": p.Number, "etag": p.ETag})
		if err != nil {
			return err
		}
		dropped += n
	}
	if dropped == 0 {
		return errCameAnew
	}
	return nil
}

// forget drops the whole upload: the store lost it, or has other bytes.
func (f *finisher) forget(u *core.Record) error {
	err := hooks.InTransaction(f.d.App, func(tx core.App) error { return forgetUpload(tx, u.Id) })
	if err == nil {
		f.d.Logger.Warn("an upload is not in the store as recorded and is made again", "upload", u.Id)
		f.d.markStored(u.GetString("object_id"))
	}
	return err
}

// markStored makes the next reply to the agents of the object's jobs carry the whole account.
func (d *Dispatcher) markStored(objectID string) {
	jobs, err := jobsOf(d.App, objectID)
	if err != nil {
		d.Logger.Error("the jobs of an object could not be read", "error", err)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, job := range jobs {
		if l := d.leases[job.ID]; l != nil {
			l.needStored = true
		}
	}
}

type ownedJob struct {
	ID    string `db:"job_id"`
	Owner string `db:"user_id"`
}

func jobsOf(app core.App, objectID string) ([]ownedJob, error) {
	return all[ownedJob](app, `SELECT job_id, user_id FROM files WHERE object_id = {:object}`, dbx.Params{"object": objectID})
}
