package hooks

import (
	"database/sql"
	"errors"
	"maps"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
)

// Several jobs may want the same object. One of them makes it: the one that is downloading or uploading, the
// runner. The others are queued and wait for it (waits_for). What follows from a runner's coming and going happens
// in the transaction of that change, so that no object has two makers and nobody waits for a job that makes nothing.

const (
	makes = `('downloading', 'uploading')`
	// common is true when job {mine} still wants a file that job {theirs} has an interest in.
	common = ` EXISTS (SELECT 1 FROM files mine JOIN files theirs ON theirs.object_id = mine.object_id WHERE mine.job_id = jobs.id
		AND mine.selected = TRUE AND mine.is_complete = FALSE AND mine.object_id != '' AND theirs.job_id = `
)

// RunnerOf answers the job that makes files which this job of the torrent still wants, "" when there is none.
func RunnerOf(app core.App, jobID, torrentID string) (string, error) {
	var runner string
	if torrentID == "" {
		return "", nil
	}
	err := app.ConcurrentDB().NewQuery(`SELECT runners.id FROM jobs runners JOIN jobs ON jobs.id = {:job}
		WHERE runners.torrent_id = {:torrent} AND runners.id != {:job} AND runners.status IN ` + makes + ` AND` + common + `runners.id)
		ORDER BY runners.created_at, runners.id LIMIT 1`).Bind(dbx.Params{"job": jobID, "torrent": torrentID}).Row(&runner)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return runner, err
}

// passTurn does what a change of a job's status means for those that want the same objects. The row has its new status.
func passTurn(tx core.App, job *core.Record, from collections.Status) error {
	to := collections.Status(job.GetString("status"))
	params := dbx.Params{"job": job.Id, "torrent": job.GetString("torrent_id")}
	switch {
	case from == to:
		return nil
	case to.Makes() && !from.Makes():
		return execAll(tx, params, stopWaiting, letOthersWait)
	case from.Makes() && !to.Makes():
		return execAll(tx, params, freeWaiting)
	case from == collections.StatusQueued:
		return execAll(tx, params, stopWaiting)
	}
	return nil
}

const (
	stopWaiting   = `UPDATE jobs SET waits_for = '' WHERE id = {:job} AND waits_for != ''`
	freeWaiting   = `UPDATE jobs SET waits_for = '' WHERE waits_for = {:job} AND waits_for != ''`
	letOthersWait = `UPDATE jobs INDEXED BY idx_jobs_torrent SET waits_for = {:job} WHERE torrent_id = {:torrent} AND torrent_id != '' AND status = 'queued' AND waits_for = ''
		AND id != {:job} AND` + common + `{:job})`
	freeContent = `UPDATE jobs SET waits_for = '' WHERE waits_for != '' AND (id = {:job} OR waits_for = {:job}) AND NOT` + common + `jobs.waits_for)`
)

// FreeWaiting lets the jobs go that wait for this one, and this one itself, where the runner makes nothing any more that
// the other wants. It must run in the transaction that changes what is made or wanted without a change of status.
func FreeWaiting(tx core.App, jobID string) error {
	return execAll(tx, dbx.Params{"job": jobID}, freeContent)
}

// ReleaseFiles takes the objects from those files of a job for which the SQL condition where is true, in the caller's
// transaction: they are neither complete nor made any more, and objects that no other job's file names become deleting.
// What else the rows then say (selected, removed_at) is the caller's.
func ReleaseFiles(tx core.App, jobID, where string, params dbx.Params) error {
	bound := dbx.Params{"job": jobID}
	maps.Copy(bound, params)
	err := execAll(tx, bound,
		`UPDATE objects SET state = 'deleting' WHERE state != 'deleting' AND id IN (SELECT object_id FROM files WHERE job_id = {:job} AND object_id != '' AND (`+where+`))
			AND NOT EXISTS (SELECT 1 FROM files others WHERE others.object_id = objects.id AND others.job_id != {:job})`,
		`UPDATE files SET object_id = '', is_complete = FALSE, revision = revision + 1 WHERE job_id = {:job} AND object_id != '' AND (`+where+`)`)
	if err != nil {
		return err
	}
	return FreeWaiting(tx, jobID)
}
