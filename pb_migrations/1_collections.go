// Package pb_migrations holds the schema as Go migrations of PocketBase. All API
// rules are null: reads and writes of users go through /api/v1.
package pb_migrations

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/migrations"

	"github.com/longshore-project/longshore/collections"
)

func init() {
	migrations.Register(createCollections, dropCollections, "1_collections.go")
}

func createCollections(app core.App) error {
	if err := lockUsers(app); err != nil {
		return err
	}
	for _, c := range baseCollections() {
		if err := app.Save(c); err != nil {
			return err
		}
	}
	return nil
}

func dropCollections(app core.App) error {
	made := baseCollections()
	for i := len(made) - 1; i >= 0; i-- {
		c, err := app.FindCollectionByNameOrId(made[i].Name)
		if err != nil {
			return err
		}
		if err := app.Delete(c); err != nil {
			return err
		}
	}
	return nil
}

// lockUsers closes PocketBase's own doors of the users collection and adds our fields.
func lockUsers(app core.App) error {
	users, err := app.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	users.ListRule, users.ViewRule, users.CreateRule, users.UpdateRule, users.DeleteRule = nil, nil, nil, nil, nil
	users.AuthRule, users.ManageRule = nil, nil
	users.PasswordAuth.Enabled = true
	users.OAuth2.Enabled, users.OTP.Enabled, users.MFA.Enabled = false, false, false
	users.AuthAlert.Enabled = false
	users.Fields.RemoveByName("avatar")
	users.Fields.Add(
		&core.SelectField{Name: "role", Values: []string{string(collections.RoleUser), string(collections.RoleAdmin)}, Required: true, MaxSelect: 1},
		&core.SelectField{Name: "plan", Values: []string{string(collections.PlanFree), string(collections.PlanPro), string(collections.PlanUnlimited)}, Required: true, MaxSelect: 1},
		&core.BoolField{Name: "disabled"},
		&core.TextField{Name: "aup_version", Max: 32},
	)
	stamps(users)
	return app.Save(users)
}

func baseCollections() []*core.Collection {
	return []*core.Collection{
		table("sessions", []string{
			"CREATE UNIQUE INDEX idx_sessions_token ON sessions (token_hash)",
			"CREATE INDEX idx_sessions_user ON sessions (user_id)",
		}, text("user_id", 15), text("token_hash", 64), date("expires_at"), date("last_seen_at"), text("device_info", 300)),

		table("agents", nil,
			text("name", 255), text("public_key", 64), text("address", 2048), flag("local"), text("start_id", 64),
			number("report_seq"), date("last_seen_at"), &core.JSONField{Name: "health", MaxSize: 64 << 10}, flag("draining"), flag("revoked")),

		table("agent_tokens", []string{
			"CREATE UNIQUE INDEX idx_agent_tokens_token ON agent_tokens (token_hash)",
		}, text("token_hash", 64), flag("local"), date("expires_at"), date("used_at")),

		table("torrents", []string{
			"CREATE UNIQUE INDEX idx_torrents_infohash ON torrents (infohash_v1, scope)",
		}, text("infohash_v1", 40), text("infohash_v2", 64), text("scope", 15), text("name", 1024), number("size_bytes"), number("piece_length"), number("file_count"), flag("private"),
			&core.FileField{Name: "metainfo", MaxSelect: 1, MaxSize: collections.MaxMetadataBytes + 1<<20, Protected: true}),

		table("jobs", []string{
			"CREATE INDEX idx_jobs_user ON jobs (user_id, created_at)",
			"CREATE INDEX idx_jobs_queue ON jobs (status, next_attempt_at)",
			"CREATE INDEX idx_jobs_torrent ON jobs (torrent_id)",
			"CREATE UNIQUE INDEX idx_jobs_idempotency ON jobs (user_id, idempotency_key) WHERE idempotency_key != ''",
			"CREATE UNIQUE INDEX idx_jobs_live ON jobs (user_id, infohash) WHERE status NOT IN ('completed', 'failed', 'cancelled')",
		}, text("user_id", 15), text("torrent_id", 15), text("infohash", 40), text("name", 1024),
			choice("status", names(collections.Statuses())...),
			choice("desired", string(collections.DesiredRun), string(collections.DesiredPause), string(collections.DesiredCancel)),
			text("magnet_uri", collections.MaxMagnetBytes*2), text("engine", 64), text("agent_id", 15), text("agent_start", 64),
			number("attempt"), number("retries"), date("next_attempt_at"), date("lease_until"), flag("dead_letter"),
			text("retry_of", 15), text("waits_for", 15),
			&core.JSONField{Name: "selection", MaxSize: collections.MaxLargeJSONBytes}, flag("select_files"),
			number("size_bytes"), number("done_bytes"), number("stored_bytes"),
			text("error", 2000), text("error_code", 64), text("label", collections.MaxLabelBytes),
			text("idempotency_key", collections.MaxIdempotencyKey), text("request_id", 128), number("revision"), date("completed_at")),

		table("job_events", []string{
			"CREATE UNIQUE INDEX idx_job_events_seq ON job_events (job_id, seq)",
		}, text("job_id", 15), number("seq"), text("event_type", 64), &core.JSONField{Name: "payload", MaxSize: 64 << 10}),

		table("objects", []string{
			"CREATE UNIQUE INDEX idx_objects_file ON objects (torrent_id, file_index, scope)",
			"CREATE INDEX idx_objects_state ON objects (state, id)",
		}, text("torrent_id", 15), number("file_index"), text("scope", 15), text("key", 255), text("store", 16),
			number("size_bytes"), text("etag", 255), choice("state", string(collections.ObjectUploading), string(collections.ObjectStored), string(collections.ObjectDeleting))),

		table("uploads", []string{
			"CREATE UNIQUE INDEX idx_uploads_object ON uploads (object_id)",
		}, text("object_id", 15), text("key", 255), text("upload_id", 1024), number("part_size"), number("size_bytes"), number("attempt")),

		table("upload_parts", []string{
			"CREATE UNIQUE INDEX idx_upload_parts_number ON upload_parts (upload, number)",
		}, text("upload", 15), number("number"), number("size_bytes"), text("etag", 255), number("attempt")),

		table("files", []string{
			"CREATE UNIQUE INDEX idx_files_job ON files (job_id, file_index)",
			"CREATE INDEX idx_files_object ON files (object_id)",
			"CREATE INDEX idx_files_user ON files (user_id)",
			"CREATE INDEX idx_files_path ON files (job_id, path, file_index)", // pages of a tree
			"CREATE INDEX idx_files_counts ON files (job_id, selected, is_complete)",
		}, text("job_id", 15), text("user_id", 15), text("object_id", 15), number("file_index"), text("path", collections.MaxPathBytes*2),
			number("size_bytes"), text("mime_type", 255), flag("selected"), flag("is_complete"), number("revision")),

		table("removals", nil, text("job_id", 15), flag("whole"), number("after_index")),
	}
}

func table(name string, indexes []string, fields ...core.Field) *core.Collection {
	c := core.NewBaseCollection(name)
	c.Fields.Add(fields...)
	stamps(c)
	c.Indexes = indexes
	return c
}

func stamps(c *core.Collection) {
	c.Fields.Add(
		&core.AutodateField{Name: "created_at", OnCreate: true},
		&core.AutodateField{Name: "updated_at", OnCreate: true, OnUpdate: true},
	)
}

func text(name string, max int) core.Field { return &core.TextField{Name: name, Max: max} }

func number(name string) core.Field { return &core.NumberField{Name: name, OnlyInt: true} }

func flag(name string) core.Field { return &core.BoolField{Name: name} }

func date(name string) core.Field { return &core.DateField{Name: name} }

func choice(name string, values ...string) core.Field {
	return &core.SelectField{Name: name, Values: values, Required: true, MaxSelect: 1}
}

func names[T ~string](values []T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}
