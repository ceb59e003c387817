package hooks

import (
	"context"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// deleteJob removes what belongs to the job, of a job with many files the first of it. Objects that no
// other file names become deleting: the sweeper aborts their uploads and empties the store.
func deleteJob(e *core.RecordEvent) error {
	if err := beginRemoval(e.App, e.Record.Id, removeWhole); err != nil {
		return err
	}
	if err := execAll(e.App, dbx.Params{"job": e.Record.Id}, freeWaiting); err != nil {
		return err
	}
	if err := e.Next(); err != nil {
		return err
	}
	return countEarlier(e.App, e.Record, false)
}

func deleteUser(e *core.RecordEvent) error {
	user := dbx.Params{"user": e.Record.Id}
	jobs, err := e.App.FindAllRecords("jobs", dbx.HashExp{"user_id": e.Record.Id})
	if err != nil {
		return err
	}
	for _, job := range jobs {
		if err := e.App.Delete(job); err != nil {
			return err
		}
	}
	if err := EndAccess(context.Background(), e.App, e.Record.Id); err != nil {
		return err
	}
	err = execAll(e.App, user, `DELETE FROM _superusers WHERE id = (SELECT superuser_id FROM users WHERE id = {:user})`)
	if err != nil {
		return err
	}
	return e.Next()
}

func execAll(tx core.App, params dbx.Params, statements ...string) error {
	for _, sql := range statements {
		if _, err := tx.NonconcurrentDB().NewQuery(sql).Bind(params).Execute(); err != nil {
			return err
		}
	}
	return nil
}
