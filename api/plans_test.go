package api

import (
	"context"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/progress"
)

func TestPlansOfTheOperator(t *testing.T) {
	s := newClockedServer(t)
	admin := s.signedInAs("root@example.com", collections.RoleAdmin)
	var list page[plan]
	admin.call("GET", "/admin/plans", nil).into(t, 200, &list)
	if len(list.Items) != 3 || list.Items[0].Name != collections.PlanFree || list.Items[2].MaxJobs != collections.NoLimit || list.Items[2].Users != 1 {
		t.Errorf("the seeded plans are %+v", list.Items)
	}
	body := map[string]any{
		"name": "small", "max_jobs": 1, "max_storage_gb": 2, "max_file_size_mb": nil, "bandwidth_gb": 0, "retention_days": 1, "slots": 1,
		"metadata_minutes": nil, "stall_minutes": 5, "priority": -3,
	}
	var small plan
	admin.call("POST", "/admin/plans", body).into(t, 201, &small)
	if small.MaxFileSizeMB != collections.NoLimit || small.BandwidthGB != 0 || small.MaxJobs != 1 || small.Priority != -3 {
		t.Errorf("made %+v", small)
	}
	admin.call("POST", "/admin/plans", body).want(t, 400, collections.CodeInvalidInput)
	admin.call("PATCH", "/admin/plans/small", map[string]any{"max_jobs": nil, "bandwidth_gb": 7}).into(t, 200, &small)
	if small.MaxJobs != collections.NoLimit || small.BandwidthGB != 7 || small.MaxStorageGB != 2 {
		t.Errorf("changed into %+v", small)
	}
	admin.call("PATCH", "/admin/plans/"+small.ID, map[string]any{"name": "tiny"}).into(t, 200, &small)
	admin.call("DELETE", "/admin/plans/small", nil).want(t, 404, collections.CodeNotFound)
	if got := admin.call("DELETE", "/admin/plans/tiny", nil); got.status != 204 {
		t.Errorf("deleting answers %d: %s", got.status, got.body)
	}
	if n, err := s.app.CountRecords("audit_logs", dbx.HashExp{"target_type": "plans", "target_id": small.ID, "actor_id": admin.user.ID}); n != 4 || err != nil {
		t.Errorf("%d audit rows of 4 changes, %v", n, err)
	}
}

func TestPlansThatAreNone(t *testing.T) {
	s := newClockedServer(t)
	admin := s.signedInAs("root@example.com", collections.RoleAdmin)
	whole := func(change map[string]any) map[string]any {
		body := map[string]any{"name": "x", "priority": 0}
		for _, name := range collections.PlanLimits() {
			body[name] = 1
		}
		for name, value := range change {
			body[name] = value
			if value == "absent" {
				delete(body, name)
			}
		}
		return body
	}
	for name, change := range map[string]map[string]any{
		"a limit below nothing":   {"max_jobs": -1},
		"a limit beyond all":      {"max_storage_gb": 1_000_000_001},
		"a limit in words":        {"slots": "two"},
		"half a job":              {"max_jobs": 1.5},
		"a limit that is missing": {"stall_minutes": "absent"},
		"no name":                 {"name": "absent"},
		"a name with a space":     {"name": "my plan"},
		"the name of another":     {"name": "pro"},
		"something unknown":       {"colour": "red"},
	} {
		t.Run(name, func(t *testing.T) {
			admin.call("POST", "/admin/plans", whole(change)).want(t, 400, collections.CodeInvalidInput)
		})
	}
	admin.call("PATCH", "/admin/plans/pro", map[string]any{}).want(t, 400, collections.CodeInvalidInput)
	admin.call("PATCH", "/admin/plans/nothing", map[string]any{"slots": 1}).want(t, 404, collections.CodeNotFound)
	b := s.signedIn("ann@example.com")
	b.call("GET", "/admin/plans", nil).want(t, 403, collections.CodeForbidden)
	b.call("PATCH", "/admin/plans/pro", map[string]any{"slots": 1}).want(t, 403, collections.CodeForbidden)
	if n, err := s.app.CountRecords("plans"); n != 3 || err != nil {
		t.Errorf("%d plans, %v", n, err)
	}
}

func TestPlansThatAreNeededStay(t *testing.T) {
	s := newClockedServer(t)
	admin := s.signedInAs("root@example.com", collections.RoleAdmin)
	b := s.signedIn("ann@example.com")
	name := string(s.mustLimit(b.user.ID, func(*collections.Plan) {}))
	admin.call("DELETE", "/admin/plans/"+name, nil).want(t, 409, collections.CodePlanInUse)
	admin.call("DELETE", "/admin/plans/free", nil).want(t, 409, collections.CodePlanInUse)
	admin.call("PATCH", "/admin/plans/free", map[string]any{"name": "gratis"}).want(t, 409, collections.CodePlanInUse)
	if err := hooks.AssignPlan(s.app, b.user.ID, collections.PlanFree, time.Time{}); err != nil {
		t.Fatal(err)
	}
	_, err := s.app.NonconcurrentDB().NewQuery(`INSERT INTO invites (id, code_hash, plan) VALUES ('invite000000000', 'x', {:plan})`).Bind(dbx.Params{"plan": name}).Execute()
	if err != nil {
		t.Fatal(err)
	}
	admin.call("DELETE", "/admin/plans/"+name, nil).want(t, 409, collections.CodePlanInUse)
	admin.call("PATCH", "/admin/plans/"+name, map[string]any{"name": "renamed"}).into(t, 200, new(plan))
	if n, err := s.app.CountRecords("invites", dbx.HashExp{"plan": "renamed"}); n != 1 || err != nil {
		t.Errorf("%d invites follow the name, %v", n, err)
	}
	if _, err := s.app.NonconcurrentDB().NewQuery(`UPDATE invites SET used_at = created_at || '2031-01-01 00:00:00.000Z'`).Execute(); err != nil {
		t.Fatal(err)
	}
	if got := admin.call("DELETE", "/admin/plans/renamed", nil); got.status != 204 {
		t.Errorf("a plan that nobody has any more stays: %d %s", got.status, got.body)
	}
}

func TestAJobSaysWhenItsFilesLeave(t *testing.T) {
	s := newClockedServer(t)
	b := s.signedIn("ann@example.com")
	s.mustLimit(b.user.ID, func(p *collections.Plan) { p.RetentionDays = 10 })
	file := b.mustDeliver("T", "hello")
	job := b.jobs()[0]
	if job.ExpiresAt != nil {
		t.Errorf("a job that runs leaves at %s", *job.ExpiresAt)
	}
	b.call("POST", "/jobs/"+job.ID+"/cancel", nil).into(t, 200, &job)
	ended, err := time.Parse(time.RFC3339, *job.CompletedAt)
	if err != nil {
		t.Fatal(err)
	}
	leaves := func(days int) string { return progress.FormatTime(ended.AddDate(0, 0, days)) }
	if at := b.jobs()[0].ExpiresAt; at == nil || *at != leaves(10) {
		t.Errorf("it leaves at %v instead of %s", at, leaves(10))
	}
	s.mustLimit(b.user.ID, func(p *collections.Plan) { p.RetentionDays = 20 })
	if at := b.detail(job.ID).Job.ExpiresAt; at == nil || *at != leaves(20) {
		t.Errorf("with another plan it leaves at %v instead of %s", at, leaves(20))
	}
	s.clock.set(ended.AddDate(0, 0, 17))
	for _, moved := range []int{0, 3} {
		s.clock.set(s.clock.now().AddDate(0, 0, moved))
		if _, err := hooks.RunRetention(context.Background(), s.app, s.clock.now()); err != nil {
			t.Fatal(err)
		}
	}
	b.call("POST", "/files/"+file+"/signed-url", nil).want(t, 409, collections.CodeFileIncomplete)
	if now := b.detail(job.ID); now.Job.ExpiresAt != nil || now.FileCounts.Complete != 0 || b.usage().StorageUsed != 0 {
		t.Errorf("after its time it is %+v", now)
	}
	s.mustBeSound()
}
