package hooks

import (
	"database/sql"
	"errors"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/longshore-project/longshore/collections"
)

// removal takes from the files of a job what an end or a deletion leaves without use, FileRowsPerTx files a transaction:
// a job may have 100,000, and for that long nobody else could write. What the first transaction left is a row of removals.
type removal struct {
	ID      string `db:"id"`
	JobID   string `db:"job_id"`
	UserID  string `db:"user_id"`     // of a deleted user, all of whose jobs go; then there is no job
	Whole   bool   `db:"whole"`       // the job is deleted; else its row and those of its files stay
	Expired bool   `db:"expired"`     // what it stored whole goes; else that is what stays
	After   int64  `db:"after_index"` // files up to this one are done
}

// The kinds of removal.
var (
	removeUnfinished = removal{}
	removeKept       = removal{Expired: true}
	removeWhole      = removal{Whole: true}
)

// beginRemoval does the first step in the transaction that ends, expires or deletes the job.
func beginRemoval(tx core.App, jobID string, kind removal) error {
	r := kind
	r.ID, r.JobID, r.After = core.GenerateDefaultRandomId(), jobID, -1
	more, err := r.step(tx)
	if err != nil || !more {
		return err
	}
	return execAll(tx, r.params(), `INSERT INTO removals (id, job_id, whole, expired, after_index) VALUES ({:id}, {:job}, {:whole}, {:expired}, {:after})`)
}

// ContinueRemoval does one step, in a transaction of its own, of what was left to be removed; false when nothing was.
func ContinueRemoval(app core.App) (more bool, err error) {
	err = InTransaction(app, func(tx core.App) error {
		var r removal
		err := tx.NonconcurrentDB().NewQuery(`SELECT id, job_id, user_id, whole, expired, after_index FROM removals ORDER BY rowid LIMIT 1`).One(&r)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		more = true
		return r.proceed(tx)
	})
	return more && err == nil, err
}

func (r *removal) proceed(tx core.App) error {
	more, err := r.step(tx)
	if err != nil {
		return err
	}
	if more {
		return execAll(tx, r.params(), `UPDATE removals SET after_index = {:after} WHERE id = {:id}`)
	}
	if err := execAll(tx, r.params(), `DELETE FROM removals WHERE id = {:id}`); err != nil {
		return err
	}
	return r.finish(tx)
}

// finish has a job that has ended count what its files are now.
func (r *removal) finish(tx core.App) error {
	if r.Whole || r.UserID != "" {
		return nil
	}
	_, err := count(tx, r.JobID)
	if errors.Is(err, sql.ErrNoRows) { // it was deleted meanwhile
		return nil
	}
	return err
}

// step treats the next files; false when they were the last.
func (r *removal) step(tx core.App) (more bool, err error) {
	if r.UserID != "" {
		return r.stepUser(tx)
	}
	var next struct {
		Upto  int64 `db:"upto"`
		Files int   `db:"files"`
	}
	err = tx.NonconcurrentDB().NewQuery(`SELECT COALESCE(MAX(file_index), -1) AS upto, COUNT(*) AS files FROM
		(SELECT file_index FROM files WHERE job_id = {:job} AND file_index > {:after} ORDER BY file_index LIMIT {:limit})`).Bind(r.params()).One(&next)
	if err != nil {
		return false, err
	}
	statements := releaseUnfinished
	switch {
	case r.Whole:
		statements = removeAll
	case r.Expired:
		statements = removeComplete
	}
	params := r.params()
	params["upto"] = next.Upto
	r.After = next.Upto
	return next.Files == collections.FileRowsPerTx, execAll(tx, params, statements...)
}

func (r *removal) params() dbx.Params {
	return dbx.Params{"id": r.ID, "job": r.JobID, "user": r.UserID, "whole": r.Whole, "expired": r.Expired, "after": r.After, "limit": collections.FileRowsPerTx, "now": types.NowDateTime().String()}
}

// releaseUnfinished gives up the objects that only this job was still making.
var releaseUnfinished = []string{
	`UPDATE objects SET state = 'deleting' WHERE state = 'uploading'
		AND id IN (SELECT object_id FROM files WHERE job_id = {:job} AND file_index > {:after} AND file_index <= {:upto} AND is_complete = FALSE)
		AND NOT EXISTS (SELECT 1 FROM files WHERE files.object_id = objects.id AND files.job_id != {:job})`,
	`UPDATE files SET object_id = '', revision = revision + 1
		WHERE job_id = {:job} AND file_index > {:after} AND file_index <= {:upto} AND is_complete = FALSE`,
}

// removeComplete takes the files that the job stored whole. Others may still need their objects.
var removeComplete = []string{
	`UPDATE objects SET state = 'deleting'
		WHERE id IN (SELECT object_id FROM files WHERE job_id = {:job} AND file_index > {:after} AND file_index <= {:upto} AND is_complete = TRUE)
		AND NOT EXISTS (SELECT 1 FROM files WHERE files.object_id = objects.id AND files.job_id != {:job})`,
	`UPDATE jobs SET reserved_bytes = MAX(0, reserved_bytes - (SELECT COALESCE(SUM(size_bytes), 0) FROM files
		WHERE job_id = {:job} AND file_index > {:after} AND file_index <= {:upto} AND is_complete = TRUE)) WHERE id = {:job}`,
	`UPDATE files SET object_id = '', is_complete = FALSE, removed_at = {:now}, updated_at = {:now}, revision = revision + 1
		WHERE job_id = {:job} AND file_index > {:after} AND file_index <= {:upto} AND is_complete = TRUE`,
}

// removeAll ends with the events: an object that was just stored may have added one.
var removeAll = []string{
	`UPDATE objects SET state = 'deleting'
		WHERE id IN (SELECT object_id FROM files WHERE job_id = {:job} AND file_index > {:after} AND file_index <= {:upto})
		AND NOT EXISTS (SELECT 1 FROM files WHERE files.object_id = objects.id AND files.job_id != {:job})`,
	`DELETE FROM files WHERE job_id = {:job} AND file_index > {:after} AND file_index <= {:upto}`,
	`DELETE FROM job_events WHERE job_id = {:job}`,
}
