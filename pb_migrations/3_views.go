package pb_migrations

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/migrations"
)

func init() {
	migrations.Register(createViews, dropViews, "3_views.go")
}

// view is a table of the dashboard that is only read. It shows the relations that plain columns hold as text: a relation field to jobs
// would make PocketBase load and save each of a job's 100,000 files when the job is deleted.
type view struct{ name, query string }

// Expressions are cast, else PocketBase takes them for JSON. An id of another collection becomes a link to its record.
var views = []view{
	// Position is the place over all, when every owner gets a turn in order; turn is the place in the owner's own line.
	{"queue", `SELECT q.id, CAST(ROW_NUMBER() OVER (ORDER BY q.turn, q.priority DESC, q.created_at, q.id) AS INT) AS position, CAST(q.turn AS INT) AS turn,
		u.id AS user, CAST(COALESCE(u.email, '') AS TEXT) AS user_email, CAST(q.name AS TEXT) AS name, CAST(q.priority AS INT) AS priority,
		CAST(CASE WHEN q.waits_for != '' THEN 'waits_for_content' WHEN q.unreserved THEN 'quota_storage'
			WHEN q.next_attempt_at > strftime('%Y-%m-%d %H:%M:%fZ', 'now') THEN q.error_code ELSE '' END AS TEXT) AS verdict,
		CAST(q.next_attempt_at AS TEXT) AS next_attempt_at, CAST(q.retries AS INT) AS retries, CAST(q.waits_for AS TEXT) AS waits_for, CAST(q.engine AS TEXT) AS engine,
		CAST(q.size_bytes AS INT) AS size_bytes, CAST(q.created_at AS TEXT) AS created_at
		FROM (SELECT j.*, j.wait_for_quota AND j.torrent_id != '' AND j.reserved_bytes < j.size_bytes AS unreserved,
			ROW_NUMBER() OVER (PARTITION BY j.user_id ORDER BY j.priority DESC, j.created_at, j.id) AS turn
			FROM jobs j WHERE j.status = 'queued' AND j.desired = 'run') q LEFT JOIN users u ON u.id = q.user_id`},

	{"dead_letters", `SELECT j.id, u.id AS user, j.name AS name, j.infohash AS infohash, j.error_code AS error_code, j.error AS error, j.retries AS retries,
		j.attempt AS attempt, j.completed_at AS failed_at, j.created_at AS created_at
		FROM jobs j LEFT JOIN users u ON u.id = j.user_id WHERE j.dead_letter = TRUE`},

	{"agent_overview", `SELECT a.id, a.name AS name, a.address AS address, a.local AS local, CAST(COALESCE(json_extract(a.health, '$.slots'), 0) AS INT) AS slots,
		CAST((SELECT COUNT(*) FROM jobs j WHERE j.agent_id = a.id AND j.status IN ('fetching_metadata', 'downloading', 'uploading')) AS INT) AS slots_used,
		CAST(MAX(0, COALESCE(json_extract(a.health, '$.slots'), 0)
			- (SELECT COUNT(*) FROM jobs j WHERE j.agent_id = a.id AND j.status IN ('fetching_metadata', 'downloading', 'uploading'))) AS INT) AS slots_free,
		a.last_seen_at AS last_seen_at, CAST((julianday('now') - julianday(a.last_seen_at)) * 86400 AS INT) AS seconds_silent, a.draining AS draining, a.revoked AS revoked
		FROM agents a`},

	{"usage_by_user", `SELECT u.id, u.email AS email, u.disabled AS disabled,
		CAST(COALESCE((SELECT p.name FROM user_plan_assignments a JOIN plans p ON p.id = a.plan_id WHERE a.user_id = u.id
			AND a.started_at <= strftime('%Y-%m-%d %H:%M:%fZ', 'now') AND (a.expires_at = '' OR a.expires_at > strftime('%Y-%m-%d %H:%M:%fZ', 'now'))
			ORDER BY a.started_at DESC, a.rowid DESC LIMIT 1), 'free') AS TEXT) AS plan,
		CAST((SELECT COALESCE(SUM(j.reserved_bytes), 0) FROM jobs j WHERE j.user_id = u.id AND j.reserved_bytes > 0) AS INT) AS storage_bytes,
		CAST((SELECT COALESCE(SUM(m.bytes_served), 0) FROM usage_metrics_daily m WHERE m.user_id = u.id AND m.date >= strftime('%Y-%m-01', 'now')) AS INT) AS bandwidth_bytes_this_month,
		CAST((SELECT COUNT(*) FROM jobs j WHERE j.user_id = u.id AND j.status NOT IN ('completed', 'failed', 'cancelled')) AS INT) AS jobs_active,
		u.created_at AS created_at
		FROM users u`},

	{"active_jobs", `SELECT j.id, u.id AS user, a.id AS agent, j.name AS name, j.status AS status, j.attempt AS attempt, j.size_bytes AS size_bytes, j.stored_bytes AS stored_bytes,
		j.lease_until AS lease_until, j.status_since AS status_since, j.created_at AS created_at
		FROM jobs j LEFT JOIN users u ON u.id = j.user_id LEFT JOIN agents a ON a.id = j.agent_id
		WHERE j.status IN ('fetching_metadata', 'awaiting_selection', 'downloading', 'uploading', 'paused')`},

	{"blocked", `SELECT b.id, b.infohash AS infohash, b.reason AS reason, CAST(COALESCE(u.email, s.email, '') AS TEXT) AS added_by,
		CAST((SELECT COUNT(*) FROM jobs j WHERE (j.infohash = b.infohash OR j.infohash_v2 = b.infohash) AND j.error_code = 'infohash_blocked') AS INT) AS jobs_ended, b.created_at AS created_at
		FROM blocklist b LEFT JOIN users u ON u.id = b.created_by LEFT JOIN _superusers s ON s.id = b.created_by`},
}

func createViews(app core.App) error {
	for _, v := range views {
		c := core.NewViewCollection(v.name)
		c.ViewQuery = v.query
		if err := app.Save(c); err != nil {
			return err
		}
	}
	if err := hideHashes(app); err != nil {
		return err
	}
	return present(app)
}

func dropViews(app core.App) error {
	for _, v := range views {
		c, err := app.FindCollectionByNameOrId(v.name)
		if err != nil {
			return err
		}
		if err := app.Delete(c); err != nil {
			return err
		}
	}
	return nil
}

// hideHashes keeps what stands for a secret out of every answer of PocketBase, a superuser's too.
func hideHashes(app core.App) error {
	for _, name := range []string{"sessions", "agent_tokens"} {
		c, err := app.FindCollectionByNameOrId(name)
		if err != nil {
			return err
		}
		c.Fields.GetByName("token_hash").SetHidden(true)
		if err := app.Save(c); err != nil {
			return err
		}
	}
	return nil
}

// presentable are the fields by which the dashboard names a record where another one links to it.
var presentable = map[string]string{
	"users": "email", "plans": "name", "agents": "name", "torrents": "name", "jobs": "name", "files": "path", "api_keys": "name",
	"blocklist": "infohash", "schedules": "name", "invites": "note",
}

func present(app core.App) error {
	for name, field := range presentable {
		c, err := app.FindCollectionByNameOrId(name)
		if err != nil {
			return err
		}
		switch f := c.Fields.GetByName(field).(type) {
		case *core.TextField:
			f.Presentable = true
		case *core.EmailField:
			f.Presentable = true
		}
		if err := app.Save(c); err != nil {
			return err
		}
	}
	return nil
}
