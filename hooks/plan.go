package hooks

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/longshore-project/longshore/collections"
)

// PlanOf answers the plan that a user has now: that of the newest assignment that has begun and not expired, else free.
func PlanOf(app core.App, userID string) (collections.Plan, error) {
	return PlanAt(app, userID, Now(app))
}

// PlanAt answers the plan that a user has at a time.
func PlanAt(app core.App, userID string, at time.Time) (collections.Plan, error) {
	a, err := AssignmentAt(app, userID, at)
	return a.Plan, err
}

// Assignment is a plan that a user has, and until when; for ever when Expires is empty.
type Assignment struct {
	collections.Plan
	Expires types.DateTime `db:"expires_at"`
}

// AssignmentAt answers the assignment that holds at a time; that of the plan free when there is none.
func AssignmentAt(app core.App, userID string, at time.Time) (Assignment, error) {
	var a Assignment
	err := app.DB().NewQuery(`SELECT p.*, a.expires_at FROM plans p JOIN user_plan_assignments a ON a.plan_id = p.id
		WHERE a.user_id = {:user} AND a.started_at <= {:now} AND (a.expires_at = '' OR a.expires_at > {:now})
		ORDER BY a.started_at DESC, a.rowid DESC LIMIT 1`).
		Bind(dbx.Params{"user": userID, "now": stamp(at)}).One(&a)
	if errors.Is(err, sql.ErrNoRows) {
		a.Plan, err = FindPlan(app, collections.PlanFree)
	}
	return a, err
}

// stamp writes a time as PocketBase's columns hold it; such strings sort by time.
func stamp(t time.Time) string { return t.UTC().Format(types.DefaultDateLayout) }

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

// AssignPlan gives a user a plan from now on, until expires unless that is zero, and ends what the user had: after
// expires the user's plan is free. It must run inside the caller's transaction.
func AssignPlan(tx core.App, userID string, name collections.PlanName, expires time.Time) error {
	return AssignPlanAs(context.Background(), tx, userID, name, expires)
}

// AssignPlanAs is AssignPlan by the actor of ctx.
func AssignPlanAs(ctx context.Context, tx core.App, userID string, name collections.PlanName, expires time.Time) error {
	plan, err := FindPlan(tx, name)
	if err != nil {
		return err
	}
	assignments, err := tx.FindCachedCollectionByNameOrId("user_plan_assignments")
	if err != nil {
		return err
	}
	now := stamp(Now(tx))
	err = execAll(tx, dbx.Params{"user": userID, "now": now},
		`UPDATE user_plan_assignments SET expires_at = {:now}, updated_at = {:now} WHERE user_id = {:user} AND (expires_at = '' OR expires_at > {:now})`)
	if err != nil {
		return err
	}
	row := core.NewRecord(assignments)
	row.Load(map[string]any{"user_id": userID, "plan_id": plan.ID, "started_at": now})
	if !expires.IsZero() {
		row.Set("expires_at", expires)
	}
	return tx.SaveWithContext(ctx, row)
}

func bindPlans(app core.App) {
	app.OnRecordUpdateExecute("plans").BindFunc(inTransaction(renamePlan))
	app.OnRecordDeleteExecute("plans").BindFunc(inTransaction(deletePlan))
}

// renamePlan keeps the name of the plan that everybody falls back to; invites follow a new name.
func renamePlan(e *core.RecordEvent) error {
	was, is := e.Record.Original().GetString("name"), e.Record.GetString("name")
	if was == is {
		return e.Next()
	}
	if was == string(collections.PlanFree) {
		return planInUse("The plan free keeps its name: it is the plan of everybody who has no other.")
	}
	if err := e.Next(); err != nil {
		return err
	}
	return execAll(e.App, dbx.Params{"was": was, "is": is}, `UPDATE invites SET plan = {:is} WHERE plan = {:was}`)
}

// deletePlan refuses a plan that somebody has, or an open invite names. Assignments that have ended go with it.
func deletePlan(e *core.RecordEvent) error {
	name := e.Record.GetString("name")
	if name == string(collections.PlanFree) {
		return planInUse("The plan free cannot be deleted: it is the plan of everybody who has no other.")
	}
	params := dbx.Params{"plan": e.Record.Id, "name": name, "now": stamp(Now(e.App))}
	var users, invites int
	err := e.App.DB().NewQuery(`SELECT (SELECT COUNT(DISTINCT user_id) FROM user_plan_assignments WHERE plan_id = {:plan} AND (expires_at = '' OR expires_at > {:now})),
		(SELECT COUNT(*) FROM invites WHERE plan = {:name} AND used_at = '' AND (expires_at = '' OR expires_at > {:now}))`).Bind(params).Row(&users, &invites)
	if err != nil {
		return err
	}
	if users > 0 || invites > 0 {
		return planInUse(fmt.Sprintf("The plan %s cannot be deleted: it is that of %d users, and %d open invites name it.", name, users, invites))
	}
	if err := execAll(e.App, params, `DELETE FROM user_plan_assignments WHERE plan_id = {:plan}`); err != nil {
		return err
	}
	return e.Next()
}

func planInUse(message string) error {
	return collections.Errorf(collections.CodePlanInUse, "%s", message)
}

// PlanUsers answers how many users have the plan now by an assignment.
func PlanUsers(app core.App, planID string) (users int64, err error) {
	err = app.DB().NewQuery(`SELECT COUNT(DISTINCT user_id) FROM user_plan_assignments WHERE plan_id = {:plan} AND started_at <= {:now}
		AND (expires_at = '' OR expires_at > {:now})`).Bind(dbx.Params{"plan": planID, "now": stamp(Now(app))}).Row(&users)
	return users, err
}
