package api

import (
	"context"

	"github.com/longshore-project/longshore/api/wire"
	"github.com/longshore-project/longshore/collections"
)

var replayUsage = map[string]func(*replay){
	"getUsage":  func(r *replay) { r.yes(r.ann, "GET", "/usage", nil) },
	"listUsage": func(r *replay) { r.yes(r.ann, "GET", "/usage/history", nil) },
	"listPlans": func(r *replay) { r.yes(r.root, "GET", "/admin/plans", nil) },
	"createPlan": func(r *replay) {
		r.plan(nil)
		r.no(r.root, "POST", "/admin/plans", map[string]any{"name": "tiny"}, collections.CodeInvalidInput)
	},
	"updatePlan": func(r *replay) {
		r.yes(r.root, "PATCH", "/admin/plans/pro", map[string]any{"slots": 9})
		r.no(r.root, "PATCH", "/admin/plans/free", map[string]any{"name": "gratis"}, collections.CodePlanInUse)
		r.no(r.root, "PATCH", "/admin/plans/none", map[string]any{"slots": 9}, collections.CodeNotFound)
	},
	"deletePlan": func(r *replay) {
		r.yes(r.root, "DELETE", "/admin/plans/pro", nil)
		r.no(r.root, "DELETE", "/admin/plans/unlimited", nil, collections.CodePlanInUse)
		r.no(r.root, "DELETE", "/admin/plans/pro", nil, collections.CodeNotFound)
	},
}

var replayAdmin = map[string]func(*replay){
	"listUsers": func(r *replay) {
		r.yes(r.root, "GET", "/admin/users", nil)
		r.no(r.ann, "GET", "/admin/users", nil, collections.CodeForbidden)
	},
	"createUser": func(r *replay) {
		body := map[string]any{"email": "new@example.com"}
		r.no(r.root, "POST", "/admin/users", body, collections.CodeUnavailable)
		body["password"] = newPassword
		r.yes(r.root, "POST", "/admin/users", body)
		r.no(r.root, "POST", "/admin/users", body, collections.CodeInvalidInput)
	},
	"getUser": func(r *replay) {
		r.yes(r.root, "GET", "/admin/users/"+r.ann.user.ID, nil)
		r.no(r.root, "GET", "/admin/users/zzzzzzzzzzzzzzz", nil, collections.CodeNotFound)
	},
	"updateUser": func(r *replay) {
		r.yes(r.root, "PATCH", "/admin/users/"+r.ann.user.ID, map[string]any{"plan": "pro", "disabled": true})
		r.no(r.root, "PATCH", "/admin/users/"+r.root.user.ID, map[string]any{"role": "user"}, collections.CodeForbidden)
		r.no(r.root, "PATCH", "/admin/users/zzzzzzzzzzzzzzz", map[string]any{"role": "user"}, collections.CodeNotFound)
	},
	"deleteUser": func(r *replay) {
		r.yes(r.root, "DELETE", "/admin/users/"+r.ann.user.ID, nil)
		r.no(r.root, "DELETE", "/admin/users/"+r.root.user.ID, nil, collections.CodeForbidden)
		r.no(r.root, "DELETE", "/admin/users/zzzzzzzzzzzzzzz", nil, collections.CodeNotFound)
	},
	"listInvites":  func(r *replay) { r.yes(r.root, "GET", "/admin/invites", nil) },
	"createInvite": func(r *replay) { r.yes(r.root, "POST", "/admin/invites", map[string]any{}) },
	"deleteInvite": func(r *replay) {
		var made wire.NewInvite
		r.root.call("POST", "/admin/invites", map[string]any{"plan": "pro"}).into(r.t, 201, &made)
		r.yes(r.root, "DELETE", "/admin/invites/"+made.Invite.Id, nil)
		r.no(r.root, "DELETE", "/admin/invites/"+made.Invite.Id, nil, collections.CodeNotFound)
	},
	"getSettings":    func(r *replay) { r.yes(r.root, "GET", "/admin/settings", nil) },
	"updateSettings": func(r *replay) { r.yes(r.root, "PATCH", "/admin/settings", map[string]any{"selection_minutes": 5}) },
	"listSchedules":  func(r *replay) { r.yes(r.root, "GET", "/admin/schedules", nil) },
	"runSchedule": func(r *replay) {
		release := make(chan struct{})
		err := r.api.Schedule.Add("probe", "@every 1h", func(context.Context) error { <-release; return nil })
		if err != nil {
			r.t.Fatal(err)
		}
		r.t.Cleanup(r.api.Schedule.Stop)
		defer close(release)
		r.yes(r.root, "POST", "/admin/schedules/probe/run", nil)
		r.no(r.root, "POST", "/admin/schedules/probe/run", nil, collections.CodeIllegalTransition)
		r.no(r.root, "POST", "/admin/schedules/none/run", nil, collections.CodeNotFound)
	},
}

var replayFleet = map[string]func(*replay){
	"listAllJobs": func(r *replay) {
		r.job(1)
		r.yes(r.root, "GET", "/admin/jobs", nil)
		r.yes(r.root, "GET", "/admin/jobs?search=ann&dead_letter=false&sort=name", nil)
	},
	"prioritiseJob": func(r *replay) { r.yes(r.root, "PATCH", "/admin/jobs/"+r.job(1), map[string]any{"priority": 7}) },
	"terminateJob": func(r *replay) {
		r.yes(r.root, "POST", "/admin/jobs/"+r.job(1)+"/terminate", map[string]any{"reason": "a complaint"})
		r.no(r.root, "POST", "/admin/jobs/"+r.cancelled()+"/terminate", nil, collections.CodeIllegalTransition)
		r.no(r.root, "POST", "/admin/jobs/zzzzzzzzzzzzzzz/terminate", nil, collections.CodeNotFound)
	},
	"requeueJob": func(r *replay) {
		r.retrying(r.root, func(job string) string { return "/admin/jobs/" + job + "/requeue" })
	},
	"systemHealth": func(r *replay) { r.yes(r.root, "GET", "/admin/system-health", nil) },
	"listAgents": func(r *replay) {
		r.agent()
		r.yes(r.root, "GET", "/admin/agents", nil)
	},
	"drainAgent":   func(r *replay) { r.yes(r.root, "POST", "/admin/agents/"+r.agent()+"/drain", nil) },
	"undrainAgent": func(r *replay) { r.yes(r.root, "POST", "/admin/agents/"+r.agent()+"/undrain", nil) },
	"removeAgent": func(r *replay) {
		id := r.agent()
		r.yes(r.root, "DELETE", "/admin/agents/"+id, nil)
		r.no(r.root, "DELETE", "/admin/agents/"+id, nil, collections.CodeNotFound)
	},
}

var replayPolicy = map[string]func(*replay){
	"listBlocklist": func(r *replay) { r.yes(r.root, "GET", "/admin/blocklist", nil) },
	"blockInfohash": func(r *replay) {
		body := map[string]string{"infohash": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
		r.yes(r.root, "POST", "/admin/blocklist", body)
		r.yes(r.root, "POST", "/admin/blocklist", body)
	},
	"getBlock": func(r *replay) {
		r.yes(r.root, "GET", "/admin/blocklist/"+r.root.block("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa").Id, nil)
		r.no(r.root, "GET", "/admin/blocklist/zzzzzzzzzzzzzzz", nil, collections.CodeNotFound)
	},
	"unblockInfohash": func(r *replay) {
		r.yes(r.root, "DELETE", "/admin/blocklist/"+r.root.block("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa").Id, nil)
		r.no(r.root, "DELETE", "/admin/blocklist/zzzzzzzzzzzzzzz", nil, collections.CodeNotFound)
	},
	"listAudit": func(r *replay) { r.yes(r.root, "GET", "/admin/audit", nil) },
}
