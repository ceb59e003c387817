package dispatch

import (
	"encoding/json"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
)

// plansOf answers the plans that users have at that time, as hooks.PlanOf does for one.
func plansOf(app core.App, at time.Time, users []string) (map[string]collections.Plan, error) {
	list, err := json.Marshal(users)
	if err != nil {
		return nil, err
	}
	rows, err := all[struct {
		User string `db:"user"`
		collections.Plan
	}](app, `SELECT u.value AS user, p.* FROM json_each({:users}) u JOIN plans p ON p.id = COALESCE((SELECT a.plan_id FROM user_plan_assignments a
			WHERE a.user_id = u.value AND a.started_at <= {:now} AND (a.expires_at = '' OR a.expires_at > {:now})
			ORDER BY a.started_at DESC, a.rowid DESC LIMIT 1), (SELECT id FROM plans WHERE name = {:free}))`,
		dbx.Params{"users": string(list), "now": stamp(at), "free": string(collections.PlanFree)})
	plans := make(map[string]collections.Plan, len(rows))
	for _, row := range rows {
		plans[row.User] = row.Plan
	}
	return plans, err
}
