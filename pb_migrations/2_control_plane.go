package pb_migrations

import (
	"errors"
	"maps"
	"slices"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/migrations"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/longshore-project/longshore/collections"
)

func init() {
	migrations.Register(createControlPlane, refuseDown, "2_control_plane.go")
}

// refuseDown: what accounts, plans and the audit hold has no place in the tables before.
func refuseDown(core.App) error {
	return errors.New("2_control_plane.go cannot be taken back: restore a backup of the data folder from before it")
}

// createControlPlane adds accounts, plans, quotas, policy and schedules to the tables of the main job.
func createControlPlane(app core.App) error {
	for _, step := range []func(core.App) error{
		createPlans, createAccountTables, createPolicyTables, createUsageTables, createSettings, widenJobs, indexInfohashes, indexUsage, widenFiles, indexLists, widenRemovals, shareObjects, countJobs, createUsageTotals, movePlans,
	} {
		if err := step(app); err != nil {
			return err
		}
	}
	return nil
}

func createPlans(app core.App) error {
	limits := []core.Field{&core.TextField{Name: "name", Max: 64, Required: true, Pattern: collections.PlanNamePattern}}
	for _, name := range collections.PlanLimits() {
		limits = append(limits, limit(name))
	}
	plans := table("plans", []string{"CREATE UNIQUE INDEX idx_plans_name ON plans (name)"}, append(limits, number("priority"))...)
	if err := app.Save(plans); err != nil {
		return err
	}
	for _, plan := range collections.SeededPlans() {
		record := core.NewRecord(plans)
		record.Load(plan.Columns())
		if err := app.Save(record); err != nil {
			return err
		}
	}
	return save(app, table("user_plan_assignments", []string{
		"CREATE INDEX idx_user_plan_assignments_user ON user_plan_assignments (user_id, started_at)",
	}, mustRelate(app, "user_id", "users", true), mustRelate(app, "plan_id", "plans", false), date("started_at"), date("expires_at")))
}

func createAccountTables(app core.App) error {
	if err := widen(app, "sessions", text("address", 64)); err != nil {
		return err
	}
	return save(app,
		table("api_keys", []string{
			"CREATE UNIQUE INDEX idx_api_keys_hash ON api_keys (key_hash)",
			"CREATE INDEX idx_api_keys_user ON api_keys (user_id)",
		}, mustRelate(app, "user_id", "users", true), text("name", 100), hidden("key_hash", 64), text("prefix", 16),
			&core.SelectField{Name: "scopes", Values: names(collections.Scopes()), MaxSelect: len(collections.Scopes())},
			date("expires_at"), date("last_used_at")),

		table("invites", []string{
			"CREATE UNIQUE INDEX idx_invites_hash ON invites (code_hash)",
		}, hidden("code_hash", 64), text("email", 255), text("plan", 64), text("note", 255), text("created_by", 15),
			date("expires_at"), date("used_at"), text("used_by", 15)),

		table("account_tokens", []string{
			"CREATE UNIQUE INDEX idx_account_tokens_hash ON account_tokens (token_hash)",
			"CREATE INDEX idx_account_tokens_user ON account_tokens (user_id, kind)",
		}, mustRelate(app, "user_id", "users", true), choice("kind", names(collections.AccountTokenKinds())...),
			hidden("token_hash", 64), text("email", 255), date("expires_at")),

		table("mails", []string{
			"CREATE INDEX idx_mails_next ON mails (next_at)",
		}, mustRelate(app, "user_id", "users", true), choice("kind", names(collections.MailKinds())...), text("email", 255),
			&core.JSONField{Name: "data", MaxSize: 64 << 10}, number("tries"), date("next_at"), text("error", 500)),

		// Failed sign-ins and the like, so that a restart forgives nobody.
		table("rate_events", []string{
			"CREATE INDEX idx_rate_events_key ON rate_events (key, at)",
			"CREATE INDEX idx_rate_events_at ON rate_events (at)",
		}, text("key", 320), date("at")),
	)
}

func createPolicyTables(app core.App) error {
	err := save(app,
		table("blocklist", []string{
			"CREATE UNIQUE INDEX idx_blocklist_infohash ON blocklist (infohash)",
			"CREATE INDEX idx_blocklist_updated ON blocklist (updated_at)", // what another process added
		}, text("infohash", 64), text("reason", 500), text("created_by", 15)),

		table("audit_logs", []string{
			"CREATE INDEX idx_audit_logs_created ON audit_logs (created_at)",
			"CREATE INDEX idx_audit_logs_actor ON audit_logs (actor_id, created_at)",
			"CREATE INDEX idx_audit_logs_target ON audit_logs (target_type, target_id)",
		}, text("actor_id", 15), text("actor_kind", 16), text("action", 64), text("target_type", 64), text("target_id", 64),
			&core.JSONField{Name: "metadata", MaxSize: 64 << 10}, text("request_id", 128), text("address", 64)),
	)
	if err != nil {
		return err
	}
	return keepAudit(app)
}

// keepAudit holds audit_logs against SQL: rows are neither changed nor removed, and none takes another's place.
func keepAudit(app core.App) error {
	for _, sql := range []string{
		`CREATE TRIGGER audit_logs_no_update BEFORE UPDATE ON audit_logs BEGIN SELECT RAISE(ABORT, 'audit_logs is only ever added to'); END`,
		`CREATE TRIGGER audit_logs_no_delete BEFORE DELETE ON audit_logs BEGIN SELECT RAISE(ABORT, 'audit_logs is only ever added to'); END`,
		`CREATE TRIGGER audit_logs_no_replace BEFORE INSERT ON audit_logs WHEN EXISTS (SELECT 1 FROM audit_logs WHERE id = NEW.id)
			BEGIN SELECT RAISE(ABORT, 'audit_logs is only ever added to'); END`,
	} {
		if _, err := app.NonconcurrentDB().NewQuery(sql).Execute(); err != nil {
			return err
		}
	}
	return nil
}

func createUsageTables(app core.App) error {
	return save(app,
		table("usage_metrics_daily", []string{
			"CREATE UNIQUE INDEX idx_usage_metrics_daily ON usage_metrics_daily (user_id, date)",
		}, mustRelate(app, "user_id", "users", true), text("date", 10),
			number("bytes_downloaded"), number("bytes_uploaded"), number("bytes_served"), number("jobs_count")),

		// Which links were counted as bandwidth, and when: once per user and file in 24 hours.
		table("link_grants", []string{
			"CREATE UNIQUE INDEX idx_link_grants_file ON link_grants (user_id, file_id)",
			"CREATE INDEX idx_link_grants_at ON link_grants (granted_at)",
		}, text("user_id", 15), text("file_id", 15), date("granted_at")), // as many as files: no relation

		table("schedules", []string{
			"CREATE UNIQUE INDEX idx_schedules_name ON schedules (name)",
		}, text("name", 64), text("spec", 64), date("last_started_at"), number("last_duration_ms"), text("last_outcome", 16),
			text("last_error", 2000), date("next_at")),
	)
}

func createSettings(app core.App) error {
	settings := table("settings", nil,
		choice("registration", names(collections.Registrations())...), flag("require_verified_email"), flag("content_once"),
		number("selection_minutes"), choice("selection_timeout", names(collections.SelectionTimeouts())...),
		number("retention_warning_days"), text("aup_version", 32), text("aup_text", 20_000),
		number("submits_per_minute"), number("requests_per_minute"), number("sign_ins_per_account"), number("sign_ins_per_address"))
	if err := app.Save(settings); err != nil {
		return err
	}
	record := core.NewRecord(settings)
	record.Load(collections.DefaultSettings().Columns())
	return app.Save(record)
}

func widenJobs(app core.App) error {
	err := widen(app, "jobs",
		number("priority"), text("infohash_v2", 64), number("reserved_bytes"), flag("wait_for_quota"), date("status_since"), date("progressed_at"),
		text("avoid_agents", 1024), number("failovers"), date("warned_at"), date("expired_at"),
		// What the attempt's swarm traffic was when it was last added to its owner's usage.
		number("counted_attempt"), number("counted_down"), number("counted_up"))
	if err != nil {
		return err
	}
	err = index(app, "job_events", map[string]string{"idx_job_events_retry": "(created_at) WHERE event_type = 'retry'"})
	if err != nil {
		return err
	}
	err = index(app, "objects", map[string]string{"idx_objects_stored": "(size_bytes) WHERE state = 'stored'"})
	if err != nil {
		return err
	}
	return index(app, "jobs", map[string]string{
		"idx_jobs_turn":      "(user_id, priority DESC, created_at, id, next_attempt_at, engine) WHERE status = 'queued' AND desired = 'run' AND waits_for = ''",
		"idx_jobs_newest":    "(created_at, id)",
		"idx_jobs_states":    "(status, created_at, id)",
		"idx_jobs_due":       "(next_attempt_at) WHERE status = 'queued'", // instead of idx_jobs_queue
		"idx_jobs_completed": "(completed_at, status)",
		"idx_jobs_dead":      "(created_at, id) WHERE dead_letter = TRUE",
		"idx_jobs_agent":     "(agent_id, status) WHERE agent_id != ''",
	})
}

// indexInfohashes lets a torrent that is blocked be found by either of its infohashes, in jobs of an earlier release too.
func indexInfohashes(app core.App) error {
	jobs, err := app.FindCollectionByNameOrId("jobs")
	if err != nil {
		return err
	}
	jobs.AddIndex("idx_jobs_infohash", false, "infohash", "")
	jobs.AddIndex("idx_jobs_infohash_v2", false, "infohash_v2", "infohash_v2 != ''")
	if err := app.Save(jobs); err != nil {
		return err
	}
	_, err = app.NonconcurrentDB().NewQuery(`UPDATE jobs SET infohash_v2 = COALESCE((SELECT infohash_v2 FROM torrents WHERE torrents.id = jobs.torrent_id), '')`).Execute()
	return err
}

// indexUsage covers what quotas and retention ask of jobs.
func indexUsage(app core.App) error {
	jobs, err := app.FindCollectionByNameOrId("jobs")
	if err != nil {
		return err
	}
	jobs.AddIndex("idx_jobs_waiting", false, "created_at", "status = 'queued' AND wait_for_quota = TRUE")
	jobs.AddIndex("idx_jobs_kept", false, "user_id, completed_at", "reserved_bytes > 0 AND completed_at != '' AND expired_at = ''")
	jobs.AddIndex("idx_jobs_retries", false, "retry_of", "retry_of != ''")
	return app.Save(jobs)
}

// indexLists gives every order of the lists of jobs, files and users an index, so that a page costs by its rows.
func indexLists(app core.App) error {
	jobs, err := app.FindCollectionByNameOrId("jobs")
	if err != nil {
		return err
	}
	jobs.RemoveIndex("idx_jobs_user")
	jobs.RemoveIndex("idx_jobs_queue")
	jobs.AddIndex("idx_jobs_created", false, "user_id, created_at, id", "")
	jobs.AddIndex("idx_jobs_updated", false, "user_id, updated_at, id", "")
	jobs.AddIndex("idx_jobs_name", false, "user_id, name COLLATE NOCASE, id", "")
	jobs.AddIndex("idx_jobs_size", false, "user_id, size_bytes, id", "")
	jobs.AddIndex("idx_jobs_status", false, "user_id, status, created_at, id", "")
	if err := app.Save(jobs); err != nil {
		return err
	}
	files, err := app.FindCollectionByNameOrId("files")
	if err != nil {
		return err
	}
	const kept = "is_complete = TRUE OR removed_at != ''" // the 100,000 of a torrent that begins cost nothing
	files.AddIndex("idx_files_updated", false, "user_id, is_complete, updated_at, id", kept)
	files.AddIndex("idx_files_name", false, "user_id, is_complete, path COLLATE NOCASE, id", kept)
	files.AddIndex("idx_files_size", false, "user_id, is_complete, size_bytes, id", kept)
	if err := app.Save(files); err != nil {
		return err
	}
	users, err := app.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	users.AddIndex("idx_users_created", false, "created_at, id", "")
	users.AddIndex("idx_users_address", false, "email, id", "") // PocketBase's own leaves out empty ones
	return app.Save(users)
}

func widenFiles(app core.App) error {
	if err := widen(app, "files", date("removed_at")); err != nil {
		return err
	}
	files, err := app.FindCollectionByNameOrId("files")
	if err != nil {
		return err
	}
	files.RemoveIndex("idx_files_counts")
	files.AddIndex("idx_files_counts", false, "job_id, selected, is_complete, size_bytes", "")
	return app.Save(files)
}

func widenRemovals(app core.App) error {
	return widen(app, "removals", flag("expired"), text("user_id", 15))
}

// countJobs gives the jobs of an earlier release what they count.
func countJobs(app core.App) error {
	_, err := app.NonconcurrentDB().NewQuery(`UPDATE jobs SET reserved_bytes = CASE
		WHEN status IN ('completed', 'failed', 'cancelled') THEN (SELECT COALESCE(SUM(size_bytes), 0) FROM files WHERE job_id = jobs.id AND is_complete = TRUE)
		WHEN torrent_id != '' AND select_files = FALSE THEN size_bytes ELSE 0 END`).Execute()
	return err
}

// shareObjects lets a new object take the place of one that is being removed, and finds who waits for whom.
func shareObjects(app core.App) error {
	objects, err := app.FindCollectionByNameOrId("objects")
	if err != nil {
		return err
	}
	objects.RemoveIndex("idx_objects_file")
	objects.AddIndex("idx_objects_file", true, "torrent_id, file_index, scope", "state != 'deleting'")
	jobs, err := app.FindCollectionByNameOrId("jobs")
	if err != nil {
		return err
	}
	jobs.AddIndex("idx_jobs_waits", false, "waits_for", "waits_for != ''")
	return save(app, objects, jobs)
}

// movePlans makes an assignment of every user's plan and drops the column.
func movePlans(app core.App) error {
	_, err := app.NonconcurrentDB().NewQuery(`INSERT INTO user_plan_assignments (id, user_id, plan_id, started_at, created_at, updated_at)
		SELECT lower(hex(randomblob(7))) || 'a', users.id, plans.id, {:now}, {:now}, {:now} FROM users JOIN plans ON plans.name = users.plan`).
		Bind(dbx.Params{"now": types.NowDateTime().String()}).Execute()
	if err != nil {
		return err
	}
	users, err := app.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	users.Fields.RemoveByName("plan")
	users.Fields.Add(flag("mails_off"), hidden("superuser_id", 15))
	users.Fields.GetByName(core.FieldNamePassword).(*core.PasswordField).Min = collections.MinPasswordLength
	if err := app.Save(users); err != nil {
		return err
	}
	_, err = app.NonconcurrentDB().NewQuery(`UPDATE users SET superuser_id = COALESCE((SELECT s.id FROM _superusers s WHERE s.email = users.email), '')
		WHERE role = 'admin'`).Execute()
	return err
}

// limit is a number of a plan: -1 is no limit, so that a field left empty allows nothing.
func limit(name string) core.Field {
	least, most := float64(collections.NoLimit), float64(collections.MaxPlanLimit)
	return &core.NumberField{Name: name, OnlyInt: true, Min: &least, Max: &most}
}

func hidden(name string, max int) core.Field {
	return &core.TextField{Name: name, Max: max, Hidden: true}
}

// mustRelate answers a relation to a collection that an earlier step made.
func mustRelate(app core.App, name, to string, cascade bool) core.Field {
	c, err := app.FindCollectionByNameOrId(to)
	if err != nil {
		panic(err)
	}
	return &core.RelationField{Name: name, CollectionId: c.Id, CascadeDelete: cascade, MaxSelect: 1, Required: true}
}

func save(app core.App, made ...*core.Collection) error {
	for _, c := range made {
		if err := app.Save(c); err != nil {
			return err
		}
	}
	return nil
}

// index adds indexes, by their names, to a collection that is there already.
func index(app core.App, name string, indexes map[string]string) error {
	c, err := app.FindCollectionByNameOrId(name)
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(indexes)) {
		c.Indexes = append(c.Indexes, "CREATE INDEX "+id+" ON "+name+" "+indexes[id])
	}
	return app.Save(c)
}

// widen adds fields to a collection that is there already.
func widen(app core.App, name string, fields ...core.Field) error {
	c, err := app.FindCollectionByNameOrId(name)
	if err != nil {
		return err
	}
	c.Fields.Add(fields...)
	return app.Save(c)
}
