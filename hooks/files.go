package hooks

import (
	"context"
	"database/sql"
	"errors"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
)

// RemoveFile takes one file of a job that has ended out of its owner's storage: the row stays with removed_at, and its
// object goes unless another file needs it. It is one transaction with the event and the audit row. It answers false
// when the file is removed already. illegal_transition while the job has not ended, since a file that is missing
// would be fetched again; file_incomplete for one that the job never had; not_found.
func RemoveFile(ctx context.Context, app core.App, jobID, fileID string) (removed bool, err error) {
	quiet := WithActor(ctx, Actor{Kind: ActorSystem}) // the audit has a row of the file, not of the job's figures
	err = InTransaction(app, func(tx core.App) error {
		_, err := ChangeJobAs(quiet, tx, jobID, func(tx core.App, job *core.Record) error {
			file, err := findRemovable(tx, job, fileID)
			if err != nil || file.Removed {
				return err
			}
			removed = true
			return file.remove(ctx, tx, job)
		})
		return err
	})
	return removed && err == nil, err
}

type removable struct {
	ID       string `db:"id"`
	Path     string `db:"path"`
	Size     int64  `db:"size_bytes"`
	Complete bool   `db:"is_complete"`
	Removed  bool   `db:"removed"`
}

func findRemovable(tx core.App, job *core.Record, fileID string) (*removable, error) {
	var file removable
	err := tx.DB().NewQuery(`SELECT id, path, size_bytes, is_complete, removed_at != '' AS removed FROM files WHERE id = {:file} AND job_id = {:job}`).
		Bind(dbx.Params{"file": fileID, "job": job.Id}).One(&file)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, collections.Errorf(collections.CodeNotFound, "There is no such file.")
	case err != nil || file.Removed:
		return &file, err
	case !collections.Status(job.GetString("status")).Terminal():
		return nil, collections.Errorf(collections.CodeIllegalTransition, "A file can be removed when its job has ended: it is %s.", job.GetString("status"))
	case !file.Complete:
		return nil, collections.Errorf(collections.CodeFileIncomplete, "The job does not have this file.")
	}
	return &file, nil
}

func (f *removable) remove(ctx context.Context, tx core.App, job *core.Record) error {
	err := execAll(tx, dbx.Params{"file": f.ID, "now": stamp(Now(tx))},
		`UPDATE objects SET state = 'deleting' WHERE id = (SELECT object_id FROM files WHERE id = {:file})
			AND NOT EXISTS (SELECT 1 FROM files WHERE files.object_id = objects.id AND files.id != {:file})`,
		`UPDATE files SET object_id = '', is_complete = FALSE, removed_at = {:now}, updated_at = {:now}, revision = revision + 1 WHERE id = {:file}`)
	if err != nil {
		return err
	}
	bytes, err := count(tx, job.Id)
	if err != nil {
		return err
	}
	job.Set("reserved_bytes", bytes)
	if err := AddEvent(tx, job.Id, collections.EventFileRemoved, map[string]any{"file_id": f.ID, "path": f.Path}); err != nil {
		return err
	}
	return Audit(ctx, tx, "file.delete", "files", f.ID, map[string]any{"job": job.Id, "path": f.Path, "size_bytes": f.Size})
}
