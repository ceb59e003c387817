package pb_migrations

import "github.com/pocketbase/pocketbase/core"

// createUsageTotals keeps what each user has as a row, by triggers: a user may have many thousands of jobs, and every
// submission asks. Triggers see every statement, in its transaction.
func createUsageTotals(app core.App) error {
	err := save(app, table("usage_totals", []string{
		"CREATE UNIQUE INDEX idx_usage_totals_user ON usage_totals (user_id)",
	}, mustRelate(app, "user_id", "users", true), number("jobs_active"), number("storage_used")))
	if err != nil {
		return err
	}
	for _, sql := range []string{
		`INSERT INTO usage_totals (user_id, jobs_active, storage_used, created_at, updated_at)
			SELECT user_id, SUM(status NOT IN ` + ended + `), SUM(reserved_bytes), ` + rightNow + `, ` + rightNow + ` FROM jobs GROUP BY user_id`,

		`CREATE TRIGGER usage_totals_insert AFTER INSERT ON jobs BEGIN
			INSERT INTO usage_totals (user_id, jobs_active, storage_used, created_at, updated_at)
			VALUES (NEW.user_id, NEW.status NOT IN ` + ended + `, NEW.reserved_bytes, ` + rightNow + `, ` + rightNow + `)
			ON CONFLICT (user_id) DO UPDATE SET jobs_active = jobs_active + excluded.jobs_active, storage_used = storage_used + excluded.storage_used,
				updated_at = excluded.updated_at; END`,

		`CREATE TRIGGER usage_totals_update AFTER UPDATE OF status, reserved_bytes ON jobs
			WHEN OLD.reserved_bytes != NEW.reserved_bytes OR (OLD.status IN ` + ended + `) != (NEW.status IN ` + ended + `) BEGIN
			UPDATE usage_totals SET jobs_active = jobs_active + (OLD.status IN ` + ended + `) - (NEW.status IN ` + ended + `),
				storage_used = storage_used + NEW.reserved_bytes - OLD.reserved_bytes, updated_at = ` + rightNow + ` WHERE user_id = NEW.user_id; END`,

		`CREATE TRIGGER usage_totals_delete AFTER DELETE ON jobs BEGIN
			UPDATE usage_totals SET jobs_active = jobs_active - (OLD.status NOT IN ` + ended + `), storage_used = storage_used - OLD.reserved_bytes,
				updated_at = ` + rightNow + ` WHERE user_id = OLD.user_id; END`,
	} {
		if _, err := app.NonconcurrentDB().NewQuery(sql).Execute(); err != nil {
			return err
		}
	}
	return nil
}

const (
	ended    = `('completed', 'failed', 'cancelled')`
	rightNow = `strftime('%Y-%m-%d %H:%M:%fZ')`
)
