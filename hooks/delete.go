package hooks

import (
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// deleteJob removes what belongs to the job in its transaction. Objects that no
// other file names become deleting: the sweeper aborts their uploads and empties the store.
func deleteJob(e *core.RecordEvent) error {
	err := execAll(e.App, dbx.Params{"job": e.Record.Id},
		`UPDATE objects SET state = 'deleting' WHERE id IN (SELECT object_id FROM files WHERE job_id = {:job})
			AND NOT EXISTS (SELECT 1 FROM files WHERE files.object_id = objects.id AND files.job_id != {:job})`,
		`DELETE FROM files WHERE job_id = {:job}`,
		`DELETE FROM job_events WHERE job_id = {:job}`)
	if err != nil {
		return err
	}
	return e.Next()
}

// releaseUnfinished gives up the objects that only this job was still making. What it stored whole stays.
func releaseUnfinished(tx core.App, jobID string) error {
	return execAll(tx, dbx.Params{"job": jobID},
		`UPDATE objects SET state = 'deleting' WHERE state = 'uploading'
			AND id IN (SELECT object_id FROM files WHERE job_id = {:job} AND is_complete = FALSE)
			AND NOT EXISTS (SELECT 1 FROM files WHERE files.object_id = objects.id AND files.job_id != {:job})`,
		`UPDATE files SET object_id = '', revision = revision + 1 WHERE job_id = {:job} AND is_complete = FALSE`)
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
	if err := execAll(e.App, user, `DELETE FROM sessions WHERE user_id = {:user}`); err != nil {
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
