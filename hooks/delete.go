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

// deleteUser removes the user at once with all that opens the account or counts for it. Jobs may be many: the live ones go
// first, and what one transaction does not take follows in steps.
func deleteUser(e *core.RecordEvent) error {
	if err := EndAccess(context.Background(), e.App, e.Record.Id); err != nil {
		return err
	}
	err := execAll(e.App, dbx.Params{"user": e.Record.Id},
		`DELETE FROM user_plan_assignments WHERE user_id = {:user}`, `DELETE FROM usage_metrics_daily WHERE user_id = {:user}`,
		`DELETE FROM account_tokens WHERE user_id = {:user}`, `DELETE FROM mails WHERE user_id = {:user}`)
	if err != nil {
		return err
	}
	if err := e.Next(); err != nil {
		return err
	}
	if err := endSuperuser(e.Context, e.App, e.Record.GetString("superuser_id")); err != nil {
		return err
	}
	return beginUserRemoval(e.App, e.Record.Id)
}

func execAll(tx core.App, params dbx.Params, statements ...string) error {
	for _, sql := range statements {
		if _, err := tx.NonconcurrentDB().NewQuery(sql).Bind(params).Execute(); err != nil {
			return err
		}
	}
	return nil
}
