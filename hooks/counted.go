package hooks

import (
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
)

// What a job counts against its owner's storage is jobs.reserved_bytes: nothing while its sizes are unknown, all that
// it wants from when they are reserved until it has ended, and then the bytes of its complete files. A job that was
// tried again counts nothing while the retry lives and counts: that is the same content.

// earlier lists the ended jobs that a job is a retry of, directly or by others between.
const earlier = `WITH RECURSIVE tried(id) AS (SELECT {:retried} UNION SELECT jobs.retry_of FROM jobs JOIN tried ON jobs.id = tried.id WHERE jobs.retry_of != ''),
	earlier AS (SELECT jobs.id, jobs.reserved_bytes, COALESCE(jobs.selection, '') AS selection FROM jobs JOIN tried ON jobs.id = tried.id
		WHERE user_id = {:user} AND infohash = {:infohash} AND status IN ('failed', 'cancelled')) `

func earlierOf(job *core.Record) dbx.Params {
	return dbx.Params{"retried": job.GetString("retry_of"), "user": job.GetString("user_id"), "infohash": job.GetString("infohash")}
}

// countedAlready answers what the job, and those that it is a retry of, count now.
func countedAlready(tx core.App, job *core.Record) (int64, error) {
	own, before := int64(0), int64(0)
	if !job.IsNew() {
		own = job.Original().GetInt64("reserved_bytes")
	}
	if job.GetString("retry_of") == "" {
		return own, nil
	}
	err := tx.DB().NewQuery(earlier + `SELECT COALESCE(SUM(reserved_bytes), 0) FROM earlier`).Bind(earlierOf(job)).Row(&before)
	return own + before, err
}

// yieldTo makes the jobs that this one is a retry of count nothing.
func yieldTo(tx core.App, job *core.Record) error {
	if job.GetString("retry_of") == "" {
		return nil
	}
	return execAll(tx, earlierOf(job), earlier+`UPDATE jobs SET reserved_bytes = 0 WHERE reserved_bytes > 0 AND id IN (SELECT id FROM earlier)`)
}

// count makes a job that has ended count what it keeps, nothing while a retry counts for it, and answers that.
func count(tx core.App, jobID string) (bytes int64, err error) {
	retried, err := isRetried(tx, jobID)
	if err != nil {
		return 0, err
	}
	if retried {
		return 0, execAll(tx, dbx.Params{"job": jobID}, `UPDATE jobs SET reserved_bytes = 0 WHERE id = {:job}`)
	}
	err = tx.NonconcurrentDB().NewQuery(`UPDATE jobs SET reserved_bytes = (SELECT COALESCE(SUM(size_bytes), 0) FROM files
		WHERE job_id = {:job} AND selected = TRUE AND is_complete = TRUE) WHERE id = {:job} AND completed_at != '' RETURNING reserved_bytes`).
		Bind(dbx.Params{"job": jobID}).Row(&bytes)
	return bytes, err
}

// isRetried says whether a live job that counts is a retry of this one, directly or by others between.
func isRetried(tx core.App, jobID string) (retried bool, err error) {
	err = tx.DB().NewQuery(`SELECT EXISTS (SELECT 1 FROM jobs WHERE retry_of = {:job} AND retry_of != '') AND EXISTS (
		WITH RECURSIVE later(id) AS (SELECT id FROM jobs WHERE retry_of = {:job} AND retry_of != ''
			UNION SELECT jobs.id FROM jobs JOIN later ON jobs.retry_of = later.id AND jobs.retry_of != '')
		SELECT 1 FROM jobs JOIN later ON later.id = jobs.id WHERE reserved_bytes > 0 AND status NOT IN ('completed', 'failed', 'cancelled'))`).
		Bind(dbx.Params{"job": jobID}).Row(&retried)
	return retried, err
}

// countEnded follows the edge of a job to its end. One that counted nothing keeps nothing.
func countEnded(tx core.App, job *core.Record, counted int64) error {
	if counted > 0 {
		bytes, err := count(tx, job.Id)
		if err != nil {
			return err
		}
		job.SetRaw("reserved_bytes", bytes)
	}
	return countEarlier(tx, job, job.GetString("status") == string(collections.StatusCompleted))
}

// countEarlier makes the jobs that this one was a retry of count again what they keep. The files of those with the
// same choice go when it has completed: they are its own now.
func countEarlier(tx core.App, job *core.Record, completed bool) error {
	if job.GetString("retry_of") == "" {
		return nil
	}
	var jobs []struct {
		ID        string `db:"id"`
		Selection string `db:"selection"`
	}
	if err := tx.DB().NewQuery(earlier + `SELECT id, selection FROM earlier`).Bind(earlierOf(job)).All(&jobs); err != nil {
		return err
	}
	for _, tried := range jobs {
		if completed && choice(tried.Selection) == choice(job.GetString("selection")) {
			if err := beginRemoval(tx, tried.ID, removeKept); err != nil {
				return err
			}
		}
		if _, err := count(tx, tried.ID); err != nil {
			return err
		}
	}
	return nil
}

// choice answers a selection's column, the same for all that mean every file.
func choice(selection string) string {
	if selection == "null" || selection == "[]" {
		return ""
	}
	return selection
}

// bindTotals keeps people from writing what triggers count.
func bindTotals(app core.App) {
	refuse := func(*core.RecordEvent) error {
		return collections.Errorf(collections.CodeForbidden, "What users have is counted, not written.")
	}
	app.OnRecordCreate("usage_totals").BindFunc(refuse)
	app.OnRecordUpdate("usage_totals").BindFunc(refuse)
}
