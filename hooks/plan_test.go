package hooks_test

import (
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

func TestThePlanThatHolds(t *testing.T) {
	app, user := newApp(t)
	noon := time.Date(2031, 1, 1, 12, 0, 0, 0, time.UTC)
	assign := func(name collections.PlanName, begins, expires time.Time) {
		t.Helper()
		plan, err := hooks.FindPlan(app, name)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := app.FindCollectionByNameOrId("user_plan_assignments")
		if err != nil {
			t.Fatal(err)
		}
		row := core.NewRecord(rows)
		row.Load(map[string]any{"user_id": user.Id, "plan_id": plan.ID, "started_at": begins, "expires_at": expires})
		if err := app.Save(row); err != nil {
			t.Fatal(err)
		}
	}
	mustExec(t, app, `DELETE FROM user_plan_assignments`, nil)
	assign(collections.PlanPro, noon.Add(time.Hour), noon.Add(3*time.Hour))
	assign(collections.PlanUnlimited, noon.Add(2*time.Hour), noon.Add(4*time.Hour))
	for _, tc := range []struct {
		name  string
		after time.Duration
		want  collections.PlanName
	}{
		{"before any has begun", 0, collections.PlanFree},
		{"just before the first begins", time.Hour - time.Millisecond, collections.PlanFree},
		{"when the first begins", time.Hour, collections.PlanPro},
		{"when a newer one begins", 2 * time.Hour, collections.PlanUnlimited},
		{"just before the last expires", 4*time.Hour - time.Millisecond, collections.PlanUnlimited},
		{"when the last expires", 4 * time.Hour, collections.PlanFree},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if plan, err := hooks.PlanAt(app, user.Id, noon.Add(tc.after)); plan.Name != tc.want || err != nil {
				t.Errorf("it is %s, %v", plan.Name, err)
			}
		})
	}
}

func TestANewAssignmentEndsTheOneBefore(t *testing.T) {
	app, user := newApp(t)
	now := time.Date(2031, 1, 1, 12, 0, 0, 0, time.UTC)
	hooks.UseClock(app, func() time.Time { return now })
	plan := func() collections.PlanName {
		t.Helper()
		p, err := hooks.PlanOf(app, user.Id)
		if err != nil {
			t.Fatal(err)
		}
		return p.Name
	}
	for _, step := range []struct {
		give    collections.PlanName
		expires time.Time
	}{{collections.PlanUnlimited, time.Time{}}, {collections.PlanPro, now.Add(time.Hour)}} {
		if err := hooks.AssignPlan(app, user.Id, step.give, step.expires); err != nil || plan() != step.give {
			t.Errorf("it is %s, %v", plan(), err)
		}
	}
	now = now.Add(time.Hour)
	if plan() != collections.PlanFree {
		t.Errorf("after it has expired it is %s", plan())
	}
	if err := hooks.AssignPlan(app, user.Id, "none", time.Time{}); collections.CodeOf(err) != collections.CodeInvalidInput {
		t.Errorf("a plan that is none: %v", err)
	}
	mustCount(t, app, "user_plan_assignments", dbx.NewExp("user_id = {:user} AND expires_at = ''", dbx.Params{"user": user.Id}), 0)
}

func TestTheDashboardHoldsPlansToTheSameRules(t *testing.T) {
	app, user := newApp(t)
	find := func(name collections.PlanName) *core.Record {
		t.Helper()
		record, err := app.FindFirstRecordByData("plans", "name", string(name))
		if err != nil {
			t.Fatal(err)
		}
		return record
	}
	for _, name := range []collections.PlanName{collections.PlanFree, collections.PlanUnlimited} {
		if err := app.Delete(find(name)); collections.CodeOf(err) != collections.CodePlanInUse {
			t.Errorf("%s can be deleted: %v", name, err)
		}
	}
	free := find(collections.PlanFree)
	free.Set("name", "gratis")
	if err := app.Save(free); collections.CodeOf(err) != collections.CodePlanInUse {
		t.Errorf("free can be renamed: %v", err)
	}
	for _, wrong := range []map[string]any{{"max_jobs": -2}, {"max_jobs": 1_000_000_001}, {"name": "My Plan"}} {
		pro := find(collections.PlanPro)
		pro.Load(wrong)
		if err := app.Save(pro); err == nil {
			t.Errorf("%v can be saved", wrong)
		}
	}
	if err := hooks.AssignPlan(app, user.Id, collections.PlanPro, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if err := app.Delete(find(collections.PlanUnlimited)); err != nil {
		t.Errorf("a plan that nobody has any more stays: %v", err)
	}
}
