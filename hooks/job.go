package hooks

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"sync"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
)

// ours holds the records that ChangeJob is saving: a mark that no script can set.
var ours sync.Map

// ChangeJob makes every change of a job's state. In one transaction it loads the
// row, lets fn set fields on it (status, desired, attempt, lease, error …), checks the edge
// against the table (illegal_transition), raises the revision, saves the
// record once with only the changed columns and writes the event. fn may write other records through tx but must not save job
// itself, must not touch the outer app and must make no network call. An error of fn rolls all back and comes back as it is.
// When fn changes nothing, nothing is written. Inside a transaction of the caller it becomes part of that one; there
// one job may be changed once.
// It answers the record as committed. not_found when there is no such job. Bind must have been called.
//
//nolint:contextcheck // nobody acts, and nothing is broken off half-way
func ChangeJob(app core.App, id string, fn func(tx core.App, job *core.Record) error) (*core.Record, error) {
	return ChangeJobAs(context.Background(), app, id, fn)
}

// ChangeJobAs is ChangeJob by the actor of ctx.
func ChangeJobAs(ctx context.Context, app core.App, id string, fn func(tx core.App, job *core.Record) error) (*core.Record, error) {
	if !bound(app) {
		return nil, errors.New("hooks.ChangeJob before hooks.Bind")
	}
	if app.IsTransactional() {
		return changeJob(ctx, app, id, fn)
	}
	var job *core.Record
	err := InTransaction(app, func(tx core.App) (err error) {
		job, err = changeJob(ctx, tx, id, fn)
		return err
	})
	if err != nil {
		return nil, err
	}
	return job, job.PostScan()
}

func changeJob(ctx context.Context, tx core.App, id string, fn func(tx core.App, job *core.Record) error) (*core.Record, error) {
	job, err := findJob(tx, id)
	if err != nil {
		return nil, err
	}
	if err := fn(tx, job); err != nil {
		return nil, err
	}
	job.IgnoreUnchangedFields(true)
	columns, err := job.DBExport(tx)
	if err != nil {
		return nil, err
	}
	if len(columns) <= 1 { // only the id
		return job, nil
	}
	ours.Store(job, true)
	defer ours.Delete(job)
	return job, tx.SaveWithContext(ctx, job)
}

func findJob(app core.App, id string) (*core.Record, error) {
	job, err := app.FindRecordById("jobs", id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, collections.Errorf(collections.CodeNotFound, "There is no such job.")
	}
	return job, err
}

// InTransaction runs fn in one transaction and answers an error only when nothing
// was committed: a hook that fails after the commit is logged.
func InTransaction(app core.App, fn func(tx core.App) error) error {
	if app.IsTransactional() {
		return fn(app)
	}
	committed := false
	err := app.RunInTransaction(func(tx core.App) error {
		tx.TxInfo().OnComplete(func(txErr error) error {
			committed = txErr == nil
			return nil
		})
		return fn(tx)
	})
	if err != nil && committed {
		app.Logger().Error("a hook failed after the commit", slog.Any("error", err))
		return nil
	}
	return err
}
