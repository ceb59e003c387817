package doctor

import (
	"fmt"

	"github.com/pocketbase/dbx"
)

// audited are the tables every record of which has an audit row of its making, whoever made it.
var audited = []string{
	"_superusers", "agent_tokens", "agents", "api_keys", "blocklist", "invites", "plans", "sessions", "settings", "user_plan_assignments", "users",
}

// auditIsWhole finds what data can tell of a mutation without its row: a hole in the audit, a table that is no longer kept from
// changes, and records that nobody made.
func auditIsWhole(x *examination, found func(Violation)) (string, error) {
	since, err := x.auditSince()
	if err != nil {
		return "", err
	}
	for _, name := range []string{"audit_logs_no_update", "audit_logs_no_delete", "audit_logs_no_replace"} {
		err := x.query(found, `SELECT 'audit_logs', 'lacks the trigger ' || {:name} WHERE NOT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND name = {:name})`,
			dbx.Params{"name": name})
		if err != nil {
			return "", err
		}
	}
	for _, table := range audited {
		created := "created_at"
		if table == "_superusers" {
			created = "created"
		}
		err := x.query(found, fmt.Sprintf(`SELECT id, 'of %[1]s has no row of its making in the audit' FROM %[1]s WHERE %[2]s > {:since}
			AND NOT EXISTS (SELECT 1 FROM audit_logs WHERE target_type = '%[1]s' AND target_id = %[1]s.id)`, table, created), dbx.Params{"since": since})
		if err != nil {
			return "", err
		}
	}
	return "", x.queries(found, dbx.Params{"since": since},
		`SELECT id, 'is row ' || rowid || ', but the row before it is missing' FROM audit_logs
			WHERE rowid > 1 AND NOT EXISTS (SELECT 1 FROM audit_logs before WHERE before.rowid = audit_logs.rowid - 1)`,
		`SELECT id, 'was asked for by the request ' || request_id || ', of which the audit has no row' FROM jobs WHERE request_id != '' AND created_at > {:since}
			AND NOT EXISTS (SELECT 1 FROM audit_logs WHERE target_type = 'jobs' AND target_id = jobs.id AND audit_logs.request_id = jobs.request_id)`)
}

// auditSince answers when the audit began: what is older has no rows.
func (x *examination) auditSince() (since string, err error) {
	err = x.app.ConcurrentDB().NewQuery(`SELECT COALESCE(MAX(strftime('%Y-%m-%d %H:%M:%fZ', applied / 1000000.0, 'unixepoch')), '') FROM _migrations
		WHERE file = '2_control_plane.go'`).WithContext(x).Row(&since)
	return since, err
}
