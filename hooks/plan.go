package hooks

import (
	"database/sql"
	"errors"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/longshore-project/longshore/collections"
)

// PlanOf answers the plan that a user has now: that of the newest assignment that has begun and not expired, else free.
func PlanOf(app core.App, userID string) (collections.Plan, error) {
	var plan collections.Plan
	err := app.DB().NewQuery(`SELECT p.* FROM plans p JOIN user_plan_assignments a ON a.plan_id = p.id
		WHERE a.user_id = {:user} AND a.started_at <= {:now} AND (a.expires_at = '' OR a.expires_at > {:now})
		ORDER BY a.started_at DESC, a.rowid DESC LIMIT 1`).
		Bind(dbx.Params{"user": userID, "now": types.NowDateTime().String()}).One(&plan)
	if errors.Is(err, sql.ErrNoRows) {
		return FindPlan(app, collections.PlanFree)
	}
	return plan, err
}

// FindPlan answers the plan with that name; invalid_input when there is none.
func FindPlan(app core.App, name collections.PlanName) (collections.Plan, error) {
	var plan collections.Plan
	err := app.DB().NewQuery(`SELECT * FROM plans WHERE name = {:name}`).Bind(dbx.Params{"name": string(name)}).One(&plan)
	if errors.Is(err, sql.ErrNoRows) {
		return plan, &collections.Error{
			Code: collections.CodeInvalidInput, Message: "There is no plan " + string(name) + ".", Data: map[string]any{"plan": "There is no such plan."},
		}
	}
	return plan, err
}

// AssignPlan gives a user a plan from now on, until expires unless that is zero. It must run inside the caller's transaction.
func AssignPlan(tx core.App, userID string, name collections.PlanName, expires time.Time) error {
	plan, err := FindPlan(tx, name)
	if err != nil {
		return err
	}
	assignments, err := tx.FindCachedCollectionByNameOrId("user_plan_assignments")
	if err != nil {
		return err
	}
	row := core.NewRecord(assignments)
	row.Set("user_id", userID)
	row.Set("plan_id", plan.ID)
	row.Set("started_at", types.NowDateTime())
	if !expires.IsZero() {
		row.Set("expires_at", expires)
	}
	return tx.Save(row)
}
