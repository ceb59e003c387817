package doctor

import "github.com/longshore-project/longshore/collections"

// storageIsCounted compares what each job counts with its files. While a removal is under way, or a retry counts in its
// stead, a job that has ended may count less.
func storageIsCounted(x *examination, found func(Violation)) (string, error) {
	return "", x.queries(found, nil,
		`SELECT id, 'counts ' || CAST(reserved_bytes AS INTEGER) || ' bytes' FROM jobs WHERE reserved_bytes < 0`,
		`SELECT id, 'counts ' || CAST(reserved_bytes AS INTEGER) || ' of ' || CAST(size_bytes AS INTEGER) || ' bytes' FROM jobs
			WHERE status NOT IN (`+ended+`) AND reserved_bytes > size_bytes`,
		`SELECT id, 'is ' || status || ' and has reserved nothing of ' || CAST(size_bytes AS INTEGER) || ' bytes' FROM jobs
			WHERE status IN ('downloading', 'uploading') AND reserved_bytes = 0 AND size_bytes > 0 AND EXISTS
			(SELECT 1 FROM files WHERE files.job_id = jobs.id AND selected = TRUE AND size_bytes > 0)`,
		retriedJobs+` SELECT id, 'counts ' || CAST(reserved_bytes AS INTEGER) || ' bytes and has files of ' || CAST(kept AS INTEGER) FROM
			(SELECT id, reserved_bytes, CASE WHEN status != 'completed' AND id IN (SELECT id FROM retried) THEN 0 ELSE
				(SELECT COALESCE(SUM(size_bytes), 0) FROM files WHERE files.job_id = jobs.id AND selected = TRUE AND is_complete = TRUE) END AS kept
			FROM jobs WHERE status IN (`+ended+`) AND NOT EXISTS (SELECT 1 FROM removals WHERE removals.job_id = jobs.id))
			WHERE reserved_bytes != kept`,
		`SELECT users.id, 'has ' || COALESCE(CAST(t.jobs_active AS INTEGER), 0) || ' live jobs and ' || COALESCE(CAST(t.storage_used AS INTEGER), 0) || ' bytes by the totals, '
				|| COALESCE(live, 0) || ' and ' || COALESCE(CAST(bytes AS INTEGER), 0) || ' by the jobs' FROM users LEFT JOIN usage_totals t ON t.user_id = users.id
			LEFT JOIN (SELECT user_id, SUM(status NOT IN (`+ended+`)) AS live, SUM(reserved_bytes) AS bytes FROM jobs GROUP BY user_id) j ON j.user_id = users.id
			WHERE COALESCE(t.jobs_active, 0) != COALESCE(live, 0) OR COALESCE(t.storage_used, 0) != COALESCE(bytes, 0)`,
		`SELECT id, 'has figures below zero' FROM usage_metrics_daily WHERE bytes_downloaded < 0 OR bytes_uploaded < 0 OR bytes_served < 0 OR jobs_count < 0`)
}

const ended = `'` + string(collections.StatusCompleted) + `', '` + string(collections.StatusFailed) + `', '` + string(collections.StatusCancelled) + `'`

// retriedJobs are those that a live retry counts for.
const retriedJobs = `WITH RECURSIVE retried(id) AS (
	SELECT retry_of FROM jobs WHERE retry_of != '' AND reserved_bytes > 0 AND status NOT IN (` + ended + `)
	UNION SELECT jobs.retry_of FROM jobs JOIN retried ON jobs.id = retried.id WHERE jobs.retry_of != '')`
