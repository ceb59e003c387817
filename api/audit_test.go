package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/hooks/hookstest"
	"github.com/longshore-project/longshore/mail/mailtest"
)

// mutation prepares what a route needs and answers the request that succeeds.
type mutation func(w *auditWorld) func() answer

// auditWorld is a server with an admin and a new user for each route.
type auditWorld struct {
	*server
	root, me *browser
	n        int
}

func (w *auditWorld) job() string {
	w.t.Helper()
	w.n++
	return w.me.mustCreate(map[string]string{"magnet": magnet(1000 + w.n)}).ID
}

func (w *auditWorld) set(jobID string, fields map[string]any) {
	w.t.Helper()
	_, err := hooks.ChangeJob(w.app, jobID, func(_ core.App, job *core.Record) error {
		job.Load(fields)
		return nil
	})
	must(w.t, err)
}

func (w *auditWorld) id(collection, field string, value any) string {
	w.t.Helper()
	record, err := w.app.FindFirstRecordByData(collection, field, value)
	must(w.t, err)
	return record.Id
}

// asked answers a request of the user that needs no preparation.
func asked(method, path string, body any) mutation {
	return func(w *auditWorld) func() answer {
		return func() answer { return w.me.call(method, path, body) }
	}
}

// ofJob answers a request about a new job of the user.
func ofJob(method, rest string, body any, state map[string]any) mutation {
	return func(w *auditWorld) func() answer {
		id := w.job()
		if state != nil {
			w.set(id, state)
		}
		return func() answer { return w.me.call(method, "/jobs/"+id+rest, body) }
	}
}

// ofAgent answers an admin's request about a new agent.
func ofAgent(method, rest string, state map[string]any) mutation {
	return func(w *auditWorld) func() answer {
		agent := core.NewRecord(w.collection("agents"))
		agent.Load(state)
		must(w.t, w.app.Save(agent))
		return func() answer { return w.root.call(method, "/admin/agents/"+agent.Id+rest, nil) }
	}
}

var goldPlan = map[string]any{
	"name": "gold", "max_jobs": nil, "max_storage_gb": nil, "max_file_size_mb": nil, "bandwidth_gb": nil, "retention_days": nil, "slots": nil,
	"metadata_minutes": nil, "stall_minutes": nil,
}

// mutations has a request that succeeds for every route that changes something.
var mutations = map[string]mutation{
	"POST /setup": func(*auditWorld) func() answer { return nil }, // on a server of its own

	"POST /auth/register": func(w *auditWorld) func() answer {
		code := w.invite(nil)
		return func() answer {
			return w.browser().call("POST", "/auth/register", map[string]string{"email": "new@example.com", "password": newPassword, "invite": code})
		}
	},
	"POST /auth/login": func(w *auditWorld) func() answer {
		return func() answer {
			return w.browser().call("POST", "/auth/login", map[string]string{"email": w.me.user.Email, "password": hookstest.Password})
		}
	},
	"POST /auth/logout": asked("POST", "/auth/logout", nil),
	"POST /auth/accept-aup": func(w *auditWorld) func() answer {
		user := w.find(w.me.user.Email)
		user.Set("aup_version", "")
		must(w.t, w.app.Save(user))
		return func() answer { return w.me.call("POST", "/auth/accept-aup", map[string]string{"version": "1"}) }
	},
	"POST /auth/verify-email": func(w *auditWorld) func() answer {
		user := w.find(w.me.user.Email)
		user.SetVerified(false)
		must(w.t, w.app.Save(user))
		return func() answer { return w.me.call("POST", "/auth/verify-email", nil) }
	},
	"POST /auth/verify-email/confirm": func(w *auditWorld) func() answer {
		user := w.find(w.me.user.Email)
		user.SetVerified(false)
		must(w.t, w.app.Save(user))
		token := w.token(user.Id, collections.TokenVerify, user.Email(), time.Hour)
		return func() answer {
			return w.browser().call("POST", "/auth/verify-email/confirm", map[string]string{"token": token})
		}
	},
	"POST /auth/reset": func(w *auditWorld) func() answer {
		return func() answer {
			return w.browser().call("POST", "/auth/reset", map[string]string{"email": w.me.user.Email})
		}
	},
	"POST /auth/reset/confirm": func(w *auditWorld) func() answer {
		token := w.token(w.me.user.ID, collections.TokenReset, w.me.user.Email, time.Hour)
		return func() answer {
			return w.browser().call("POST", "/auth/reset/confirm", map[string]string{"token": token, "password": newPassword})
		}
	},
	"POST /auth/password": asked("POST", "/auth/password", map[string]string{"current_password": hookstest.Password, "new_password": newPassword}),
	"POST /auth/email":    asked("POST", "/auth/email", map[string]string{"password": hookstest.Password, "email": "other@example.com"}),
	"PATCH /auth/account": asked("PATCH", "/auth/account", map[string]any{"mails_off": true}),
	"DELETE /auth/account": func(w *auditWorld) func() answer {
		w.job()
		return func() answer {
			return w.me.call("DELETE", "/auth/account", map[string]string{"password": hookstest.Password})
		}
	},
	"DELETE /auth/sessions": func(w *auditWorld) func() answer {
		w.tryLogin(w.me.user.Email, hookstest.Password)
		return func() answer { return w.me.call("DELETE", "/auth/sessions", nil) }
	},
	"DELETE /auth/sessions/{id}": func(w *auditWorld) func() answer {
		w.tryLogin(w.me.user.Email, hookstest.Password)
		rows, err := w.app.FindAllRecords("sessions")
		must(w.t, err)
		return func() answer { return w.me.call("DELETE", "/auth/sessions/"+rows[len(rows)-1].Id, nil) }
	},
	"POST /auth/keys": asked("POST", "/auth/keys", map[string]any{"name": "laptop", "scopes": []string{"read"}}),
	"DELETE /auth/keys/{id}": func(w *auditWorld) func() answer {
		key := w.me.newKey("read")
		return func() answer { return w.me.call("DELETE", "/auth/keys/"+key.ID, nil) }
	},

	"POST /jobs": func(w *auditWorld) func() answer {
		return func() answer { return w.me.call("POST", "/jobs", newForm().torrent(torrent("T", testFile{"a", 1}))) }
	},
	"PATCH /jobs/{id}":       ofJob("PATCH", "", map[string]string{"label": "x"}, nil),
	"DELETE /jobs/{id}":      ofJob("DELETE", "", nil, nil),
	"POST /jobs/{id}/pause":  ofJob("POST", "/pause", nil, nil),
	"POST /jobs/{id}/resume": ofJob("POST", "/resume", nil, map[string]any{"status": "paused", "desired": "pause"}),
	"POST /jobs/{id}/cancel": ofJob("POST", "/cancel", nil, nil),
	"POST /jobs/{id}/retry":  ofJob("POST", "/retry", nil, map[string]any{"status": "failed"}),
	"POST /jobs/{id}/select": func(w *auditWorld) func() answer {
		job := w.me.mustCreate(newForm("select_files", "true").torrent(torrent("S", testFile{"a", 1}, testFile{"b", 2})))
		return func() answer {
			return w.me.call("POST", "/jobs/"+job.ID+"/select", map[string]any{"selection": []int{1}})
		}
	},
	"POST /jobs/bulk": func(w *auditWorld) func() answer {
		ids := []string{w.job(), w.job(), w.job()}
		return func() answer { return w.me.call("POST", "/jobs/bulk", map[string]any{"action": "pause", "ids": ids}) }
	},
	"DELETE /files/{id}": func(w *auditWorld) func() answer {
		job := w.me.mustCreate(newForm().torrent(torrent("D", testFile{"a", 5}, testFile{"b", 5})))
		file := w.me.tree(job.ID, "").Items[0].Children[0].ID
		w.mustStore(file, "hello")
		w.set(job.ID, map[string]any{"status": "completed"})
		return func() answer { return w.me.call("DELETE", "/files/"+file, nil) }
	},

	"POST /admin/users": func(w *auditWorld) func() answer {
		return func() answer {
			return w.root.call("POST", "/admin/users", map[string]string{"email": "made@example.com", "password": newPassword, "plan": "pro"})
		}
	},
	"PATCH /admin/users/{id}": func(w *auditWorld) func() answer {
		return func() answer {
			return w.root.call("PATCH", "/admin/users/"+w.me.user.ID, map[string]any{"disabled": true, "plan": "free"})
		}
	},
	"DELETE /admin/users/{id}": func(w *auditWorld) func() answer {
		return func() answer { return w.root.call("DELETE", "/admin/users/"+w.me.user.ID, nil) }
	},
	"POST /admin/invites": func(w *auditWorld) func() answer {
		return func() answer { return w.root.call("POST", "/admin/invites", map[string]any{}) }
	},
	"DELETE /admin/invites/{id}": func(w *auditWorld) func() answer {
		id := w.id("invites", "code_hash", hashToken(w.invite(nil)))
		return func() answer { return w.root.call("DELETE", "/admin/invites/"+id, nil) }
	},
	"PATCH /admin/settings": func(w *auditWorld) func() answer {
		return func() answer { return w.root.call("PATCH", "/admin/settings", map[string]any{"selection_minutes": 7}) }
	},
	"POST /admin/plans": func(w *auditWorld) func() answer {
		return func() answer { return w.root.call("POST", "/admin/plans", goldPlan) }
	},
	"PATCH /admin/plans/{id}": func(w *auditWorld) func() answer {
		return func() answer {
			return w.root.call("PATCH", "/admin/plans/"+w.id("plans", "name", "pro"), map[string]any{"max_jobs": 7})
		}
	},
	"DELETE /admin/plans/{id}": func(w *auditWorld) func() answer {
		plan := core.NewRecord(w.collection("plans"))
		plan.Set("name", "silver")
		must(w.t, w.app.Save(plan))
		return func() answer { return w.root.call("DELETE", "/admin/plans/"+plan.Id, nil) }
	},
	"POST /admin/blocklist": func(w *auditWorld) func() answer {
		return func() answer {
			return w.root.call("POST", "/admin/blocklist", map[string]string{"infohash": strings.Repeat("a1", 20)})
		}
	},
	"DELETE /admin/blocklist/{id}": func(w *auditWorld) func() answer {
		id := w.root.block(strings.Repeat("b2", 20)).Id
		return func() answer { return w.root.call("DELETE", "/admin/blocklist/"+id, nil) }
	},
	"PATCH /admin/jobs/{id}": func(w *auditWorld) func() answer {
		id := w.job()
		return func() answer { return w.root.call("PATCH", "/admin/jobs/"+id, map[string]any{"priority": 5}) }
	},
	"POST /admin/jobs/{id}/terminate": func(w *auditWorld) func() answer {
		id := w.job()
		return func() answer { return w.root.call("POST", "/admin/jobs/"+id+"/terminate", nil) }
	},
	"POST /admin/jobs/{id}/requeue": func(w *auditWorld) func() answer {
		id := w.job()
		w.set(id, map[string]any{"status": "failed", "dead_letter": true})
		return func() answer { return w.root.call("POST", "/admin/jobs/"+id+"/requeue", nil) }
	},
	"DELETE /admin/agents/{id}":       ofAgent("DELETE", "", nil),
	"POST /admin/agents/{id}/drain":   ofAgent("POST", "/drain", nil),
	"POST /admin/agents/{id}/undrain": ofAgent("POST", "/undrain", map[string]any{"draining": true}),
	"POST /admin/schedules/{name}/run": func(w *auditWorld) func() answer {
		must(w.t, w.api.Schedule.Add("probe", "@every 1h", func(context.Context) error { return nil }))
		w.t.(*testing.T).Cleanup(w.api.Schedule.Stop)
		return func() answer { return w.root.call("POST", "/admin/schedules/probe/run", nil) }
	},
}

func (s *server) collection(name string) *core.Collection {
	s.t.Helper()
	c, err := s.app.FindCollectionByNameOrId(name)
	must(s.t, err)
	return c
}

// TestEveryRouteThatChangesSomethingIsAuditedOnce walks the table of routes: what the request is for is one row for each thing,
// by its actor, with its request id; what goes along is named after its own collection.
func TestEveryRouteThatChangesSomethingIsAuditedOnce(t *testing.T) {
	s := newServer(t)
	mailtest.Start(t).Use(s.app)
	w := &auditWorld{server: s, root: s.signedInAs("root@example.com", collections.RoleAdmin)}
	for _, rt := range s.api.routes() {
		name := rt.method + " " + rt.path
		prepare, listed := mutations[name]
		if rt.action == "" != !listed {
			t.Errorf("%s has the action %q, and in the table of mutations it is %v", name, rt.action, listed)
		}
		if rt.action == "" || !listed || rt.path == "/setup" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			w.n++
			w.me = s.signedIn(fmt.Sprintf("u%d@example.com", w.n))
			do := prepare(w)
			var got answer
			rows := s.audit(func() { got = do() })
			if got.status >= 300 {
				t.Fatalf("answered %d %s", got.status, got.body)
			}
			checkAudit(t, rt, got, rows)
		})
	}
	for name := range mutations {
		if !slices.ContainsFunc(s.api.routes(), func(rt route) bool { return rt.method+" "+rt.path == name }) {
			t.Errorf("there is no route %s", name)
		}
	}
}

func checkAudit(t *testing.T, rt route, got answer, rows []auditRow) {
	t.Helper()
	want := 1
	if rt.action == "job.bulk" { // what is done to many is named as if it were done to each
		rt.action, want = "job.pause", 3
	}
	main := map[string]int{}
	for _, row := range rows {
		if row.Action == rt.action {
			main[row.TargetType+" "+row.TargetID]++
		} else if !strings.HasPrefix(row.Action, row.TargetType+".") {
			t.Errorf("a row that goes along is named %s of %s", row.Action, row.TargetType)
		}
		kind := map[who]hooks.ActorKind{anyone: hooks.ActorNobody}[rt.who]
		if kind == "" {
			kind = hooks.ActorUser
		}
		known := row.ActorKind == string(kind) || rt.who == anyone && row.ActorKind == string(hooks.ActorUser) // who has just proven it
		if !known || row.RequestID != got.header.Get(requestIDHeader) || row.Address == "" {
			t.Errorf("audited %+v", row)
		}
	}
	if len(main) != want {
		t.Errorf("%d things were audited as %s instead of %d: %s", len(main), rt.action, want, actionsOf(rows))
	}
	for thing, n := range main {
		if n != 1 {
			t.Errorf("%s is audited %d times: %+v", thing, n, rows)
		}
	}
}

func TestRoutesThatOnlyReadWriteNoRow(t *testing.T) {
	s := newServer(t)
	root, ann := s.signedInAs("root@example.com", collections.RoleAdmin), s.signedIn("ann@example.com")
	job := ann.mustCreate(newForm().torrent(torrent("T", testFile{"a", 5})))
	file := ann.tree(job.ID, "").Items[0].Children[0].ID
	s.mustStore(file, "hello")
	block := root.block(strings.Repeat("a1", 20))
	ids := map[string]string{"/jobs/": job.ID, "/files/": file, "/admin/blocklist/": block.Id, "/admin/users/": ann.user.ID}
	for _, rt := range s.api.routes() {
		if rt.action != "" {
			continue
		}
		path := rt.path
		for prefix, id := range ids {
			if strings.HasPrefix(path, prefix) {
				path = strings.Replace(path, "{id}", id, 1)
			}
		}
		client := ann
		if rt.who == admin {
			client = root
		}
		var body any
		if rt.method != http.MethodGet {
			body = map[string]any{}
		}
		rows := s.audit(func() {
			if got := client.call(rt.method, path, body); got.status >= 300 && rt.path != "/readyz" {
				t.Errorf("%s %s: %d %s", rt.method, path, got.status, got.body)
			}
		})
		if len(rows) != 0 {
			t.Errorf("%s %s wrote %+v", rt.method, rt.path, rows)
		}
	}
}

func TestTheSetUpIsAudited(t *testing.T) {
	s := newServer(t)
	var made User
	rows := s.audit(func() { s.browser().call("POST", "/setup", setupBody(s, "root@example.com")).into(t, 201, &made) })
	if rows[0].Action != "instance.setup" || rows[0].TargetType != "users" || rows[0].TargetID != made.ID || rows[0].ActorKind != "nobody" {
		t.Errorf("first %+v", rows[0])
	}
	if got := actionsOf(rows[1:]); strings.Contains(got, "instance.setup") || !strings.Contains(got, "_superusers.create") || !strings.Contains(got, "user_plan_assignments.create") {
		t.Errorf("along went %s", got)
	}
}

func TestARequestThatIsRefusedIsNotAudited(t *testing.T) {
	s := newServer(t)
	ann, bob := s.signedIn("ann@example.com"), s.signedIn("bob@example.com")
	job := ann.mustCreate(map[string]string{"magnet": magnet(1)})
	rows := s.audit(func() {
		bob.call("POST", "/jobs/"+job.ID+"/cancel", nil).want(t, 404, collections.CodeNotFound)
		bob.call("DELETE", "/jobs/"+job.ID, nil).want(t, 404, collections.CodeNotFound)
		ann.call("POST", "/jobs", map[string]string{"magnet": magnet(1)}).want(t, 409, collections.CodeDuplicateJob)
		ann.call("POST", "/jobs/"+job.ID+"/resume", nil)
		s.browser().call("POST", "/auth/login", map[string]string{"email": "ann@example.com", "password": "wrong"})
	})
	if len(rows) != 0 {
		t.Errorf("%+v", rows)
	}
}

func TestAnAdminReadsTheAudit(t *testing.T) {
	s := newServer(t)
	root, ann := s.signedInAs("root@example.com", collections.RoleAdmin), s.signedIn("ann@example.com")
	job := ann.mustCreate(map[string]string{"magnet": magnet(1)}, func(r *http.Request) { r.Header.Set(requestIDHeader, "find-me") })
	ann.call("POST", "/jobs/"+job.ID+"/pause", nil)
	s.clock.advance(time.Hour)
	root.block(strings.Repeat("a1", 20))
	read := func(query string) auditPage {
		t.Helper()
		var list auditPage
		root.call("GET", "/admin/audit"+query, nil).into(t, 200, &list)
		return list
	}
	for query, want := range map[string]string{
		"?target_id=" + job.ID:                              "job.pause job.submit",
		"?target_type=jobs&action=job.pause":                "job.pause",
		"?action=job.":                                      "job.pause job.submit",
		"?action=job":                                       "",
		"?actor=" + ann.user.ID + "&target_type=jobs":       "job.pause job.submit",
		"?actor=" + root.user.ID + "&action=blocklist.add":  "blocklist.add",
		"?actor=superuser":                                  "",
		"?request_id=find-me":                               "job.submit",
		"?before=2020-01-01T00:00:00Z":                      "",
		"?after=2999-01-01T00:00:00Z":                       "",
		"?after=2020-01-01T00:00:00Z&target_type=blocklist": "blocklist.add",
	} {
		if got := actionsOf(read(query).Items); got != want {
			t.Errorf("%s: %q instead of %q", query, got, want)
		}
	}
	row := read("?request_id=find-me").Items[0]
	if row.ActorEmail != "ann@example.com" || row.ActorKind != "user" || row.Address != "127.0.0.1" || !strings.Contains(string(row.Metadata), job.Infohash) {
		t.Errorf("%+v", row)
	}
	ann.call("GET", "/admin/audit", nil).want(t, 403, collections.CodeForbidden)
	root.call("GET", "/admin/audit?cursor=x", nil).want(t, 400, collections.CodeInvalidInput)
}

func TestPagesOfTheAuditNeitherSkipNorRepeat(t *testing.T) {
	s := newServer(t)
	root := s.signedInAs("root@example.com", collections.RoleAdmin)
	for i := range 7 {
		root.block(fmt.Sprintf("%040x", i+1))
	}
	var seen []string
	cursor := ""
	for {
		var list auditPage
		root.call("GET", "/admin/audit?action=blocklist.add&perPage=3"+cursor, nil).into(t, 200, &list)
		for _, row := range list.Items {
			seen = append(seen, row.ID)
		}
		root.block(fmt.Sprintf("%040x", 100+len(seen))) // newer rows come before the first page
		if list.Next == nil {
			break
		}
		cursor = "&cursor=" + *list.Next
	}
	slices.Sort(seen)
	if len(slices.Compact(seen)) != 7 {
		t.Errorf("%d rows were seen", len(seen))
	}
}
