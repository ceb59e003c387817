package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

// panel is a superuser who edits records as PocketBase's dashboard does.
type panel struct {
	*browser
	id, token string
}

func (s *server) dashboard() *panel {
	s.t.Helper()
	d := &panel{browser: s.browser(), id: mustCreateSuperuser(s.t, s.app, "super@example.com").Id}
	var in struct{ Token string }
	d.send("POST", "/api/collections/_superusers/auth-with-password",
		map[string]string{"identity": "super@example.com", "password": hookstest.Password}).into(s.t, 200, &in)
	d.token = in.Token
	return d
}

func (d *panel) send(method, path string, body any) answer {
	d.s.t.Helper()
	return d.do(d.request(method, path, body, func(r *http.Request) {
		if d.token != "" {
			r.Header.Set("Authorization", d.token)
		}
	}))
}

func (d *panel) edit(collection, id string, fields map[string]any) answer {
	d.s.t.Helper()
	return d.send("PATCH", "/api/collections/"+collection+"/records/"+id, fields)
}

func (d *panel) add(collection string, fields map[string]any) answer {
	d.s.t.Helper()
	return d.send("POST", "/api/collections/"+collection+"/records", fields)
}

// audit answers the rows of the audit that do writes.
func (s *server) audit(do func()) (rows []auditRow) {
	s.t.Helper()
	var last int64
	must(s.t, s.app.DB().NewQuery(`SELECT COALESCE(MAX(rowid), 0) FROM audit_logs`).Row(&last))
	do()
	err := s.app.DB().NewQuery(`SELECT rowid AS row, id, actor_id, actor_kind, action, target_type, target_id, metadata, request_id, address, created_at
		FROM audit_logs WHERE rowid > {:last} ORDER BY rowid`).Bind(dbx.Params{"last": last}).All(&rows)
	must(s.t, err)
	return rows
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func actionsOf(rows []auditRow) string {
	var actions []string
	for _, row := range rows {
		actions = append(actions, row.Action)
	}
	return strings.Join(actions, " ")
}

// fieldErrors are those that PocketBase's dashboard shows beside the fields.
func (a answer) fieldErrors() map[string]struct{ Code, Message string } {
	var body struct {
		Data map[string]struct{ Code, Message string }
	}
	_ = json.Unmarshal(a.body, &body)
	return body.Data
}

func TestTheDashboardRefusesIllegalEditsOfJobs(t *testing.T) {
	s := newServer(t)
	d, ann := s.dashboard(), s.signedIn("ann@example.com")
	job := ann.mustCreate(map[string]string{"magnet": magnet(1)})
	for _, c := range []struct {
		name, field string
		value       any
		code        collections.Code
	}{
		{"a state that only facts lead to", "status", "completed", collections.CodeIllegalTransition},
		{"a state beyond the table", "status", "uploading", collections.CodeIllegalTransition},
		{"the attempt", "attempt", 7, collections.CodeForbidden},
		{"the agent", "agent_id", "aaaaaaaaaaaaaaa", collections.CodeForbidden},
		{"the owner", "user_id", "aaaaaaaaaaaaaaa", collections.CodeForbidden},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got answer
			rows := s.audit(func() { got = d.edit("jobs", job.ID, map[string]any{c.field: c.value}) })
			why := got.fieldErrors()[c.field]
			if got.status != 400 || why.Code != string(c.code) || !strings.HasSuffix(why.Message, ".") {
				t.Errorf("answered %d %s", got.status, got.body)
			}
			if len(rows) != 0 {
				t.Errorf("audited %+v", rows)
			}
		})
	}
	if now := ann.detail(job.ID).Job; now != job {
		t.Errorf("the job is %+v", now)
	}
}

func TestTheDashboardsEditsObeyTheHooksAndAreAuditedAsTheSuperusers(t *testing.T) {
	s := newServer(t)
	d, ann := s.dashboard(), s.signedIn("ann@example.com")
	job := ann.mustCreate(map[string]string{"magnet": magnet(1)})
	blockable := ann.mustCreate(map[string]string{"magnet": magnet(2)})
	id := func(collection, field string, value any) string {
		record, err := s.app.FindFirstRecordByData(collection, field, value)
		must(t, err)
		return record.Id
	}
	pro := id("plans", "name", "pro")
	for _, c := range []struct {
		name    string
		do      func() answer
		actions string
	}{
		{"cancel a job", func() answer { return d.edit("jobs", job.ID, map[string]any{"status": "cancelled"}) }, "jobs.update"},
		{"change a plan", func() answer { return d.edit("plans", pro, map[string]any{"max_jobs": 7}) }, "plans.update"},
		{"assign a plan", func() answer {
			return d.add("user_plan_assignments", map[string]any{"user_id": ann.user.ID, "plan_id": pro, "started_at": time.Now().UTC()})
		}, "user_plan_assignments.create"},
		{"block a torrent", func() answer {
			return d.add("blocklist", map[string]any{"infohash": strings.ToUpper(blockable.Infohash)})
		}, "blocklist.create job.block"},
		{"unblock it", func() answer {
			return d.send("DELETE", "/api/collections/blocklist/records/"+id("blocklist", "infohash", blockable.Infohash), nil)
		}, "blocklist.delete"},
		{"change a setting", func() answer {
			return d.edit("settings", id("settings", "registration", "invite"), map[string]any{"registration": "closed"})
		}, "settings.update"},
		{"change PocketBase's settings", func() answer {
			return d.send("PATCH", "/api/settings", map[string]any{"meta": map[string]any{"appName": "Longshore"}})
		}, "settings.update"},
		{"add a collection", func() answer {
			return d.send("POST", "/api/collections", map[string]any{"name": "extra", "type": "base"})
		}, "collections.create"},
		{"remove its records", func() answer { return d.send("DELETE", "/api/collections/extra/truncate", nil) }, "collections.truncate"},
		{"remove it", func() answer { return d.send("DELETE", "/api/collections/extra", nil) }, "collections.delete"},
		{"become a user", func() answer {
			return d.send("POST", "/api/collections/users/impersonate/"+ann.user.ID, map[string]any{})
		}, "users.impersonate"},
		{"run a cron", func() answer { return d.send("POST", "/api/crons/__pbLogsCleanup__", nil) }, "cron.run"},
		{"remove logs", func() answer { return d.send("DELETE", "/api/logs", nil) }, "logs.delete"},
		{"make a backup", func() answer { return d.send("POST", "/api/backups", map[string]any{"name": "a.zip"}) }, "backup.create"},
		{"remove a backup", func() answer { return d.send("DELETE", "/api/backups/a.zip", nil) }, "backup.delete"},
		{"disable a user", func() answer { return d.edit("users", ann.user.ID, map[string]any{"disabled": true}) }, "users.update"},
		{"delete a user", func() answer { return d.send("DELETE", "/api/collections/users/records/"+ann.user.ID, nil) }, "users.delete"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got answer
			rows := s.audit(func() { got = c.do() })
			if got.status >= 300 {
				t.Errorf("answered %d %s", got.status, got.body)
			}
			if actions := actionsOf(rows); actions != c.actions {
				t.Errorf("audited %q instead of %q", actions, c.actions)
			}
			for _, row := range rows {
				if row.ActorID != d.id || row.ActorKind != string(hooks.ActorSuperuser) || row.RequestID == "" || row.Address == "" {
					t.Errorf("audited %+v", row)
				}
			}
		})
	}
	for more := true; more; { // what the dispatcher does after the commit
		var err error
		more, err = hooks.ContinueRemoval(s.app)
		must(t, err)
	}
	for table, where := range map[string]dbx.Expression{"jobs": dbx.HashExp{"user_id": ann.user.ID}, "users": dbx.HashExp{"id": ann.user.ID}, "sessions": nil} {
		if n, err := s.app.CountRecords(table, where); n != 0 || err != nil {
			t.Errorf("%d rows of %s are left of the deleted user, %v", n, table, err)
		}
	}
}

func TestASuperusersSignInIsAudited(t *testing.T) {
	s := newServer(t)
	var d *panel
	rows := s.audit(func() { d = s.dashboard() })
	last := rows[len(rows)-1]
	if last.Action != "superuser.sign_in" || last.ActorID != d.id || last.ActorKind != string(hooks.ActorSuperuser) {
		t.Errorf("%+v", rows)
	}
	rows = s.audit(func() { d.send("POST", "/api/collections/_superusers/auth-refresh", nil) })
	if len(rows) != 0 {
		t.Errorf("a renewed token: %+v", rows)
	}
	rows = s.audit(func() {
		d.send("POST", "/api/collections/_superusers/auth-with-password", map[string]string{"identity": "super@example.com", "password": "a wrong password"})
	})
	if len(rows) != 0 {
		t.Errorf("a failed sign-in: %+v", rows)
	}
}

func TestAJobMadeInTheDashboardIsJudged(t *testing.T) {
	s := newServer(t)
	d, ann := s.dashboard(), s.signedIn("ann@example.com")
	m, err := collections.ParseMagnet(magnet(1))
	must(t, err)
	must(t, hooks.AssignPlan(s.app, ann.user.ID, collections.PlanFree, time.Time{}))
	job := func(change map[string]any) map[string]any {
		fields := map[string]any{"user_id": ann.user.ID, "magnet_uri": magnet(1), "status": "queued", "desired": "run", "attempt": 7, "agent_id": "aaaaaaaaaaaaaaa"}
		for name, value := range change {
			fields[name] = value
		}
		return fields
	}
	for name, c := range map[string]struct {
		change map[string]any
		field  string
	}{
		"without a magnet":      {map[string]any{"magnet_uri": ""}, "magnet_uri"},
		"of nobody":             {map[string]any{"user_id": "aaaaaaaaaaaaaaa"}, "user_id"},
		"that is complete":      {map[string]any{"status": "downloading"}, "status"},
		"of a v2-only magnet":   {map[string]any{"magnet_uri": "magnet:?xt=urn:btmh:1220" + strings.Repeat("ab", 32)}, "magnet_uri"},
		"of a blocked infohash": {map[string]any{"magnet_uri": magnet(9)}, "magnet_uri"},
	} {
		if name == "of a blocked infohash" {
			blocked, _ := collections.ParseMagnet(magnet(9))
			d.add("blocklist", map[string]any{"infohash": string(blocked.Infohash)})
		}
		got := d.add("jobs", job(c.change))
		if _, named := got.fieldErrors()[c.field]; got.status != 400 || !named {
			t.Errorf("a job %s: %d %s", name, got.status, got.body)
		}
	}
	var made struct{ ID string }
	d.add("jobs", job(nil)).into(t, 200, &made)
	row, err := s.app.FindRecordById("jobs", made.ID)
	must(t, err)
	if row.GetString("infohash") != string(m.Infohash) || row.GetInt("attempt") != 0 || row.GetString("agent_id") != "" || row.GetString("name") != m.Name {
		t.Errorf("made %v", row.PublicExport())
	}
	for i := 2; i <= 5; i++ {
		if got := d.add("jobs", job(map[string]any{"magnet_uri": magnet(i)})); got.status != 200 {
			t.Errorf("job %d: %d %s", i, got.status, got.body)
		}
	}
	got := d.add("jobs", job(map[string]any{"magnet_uri": magnet(6)}))
	if why := got.fieldErrors()["magnet_uri"]; why.Code != string(collections.CodeQuotaJobs) {
		t.Errorf("one job too many: %d %s", got.status, got.body)
	}
}

func TestTheDashboardShowsNoHash(t *testing.T) {
	s := newServer(t)
	d := s.dashboard()
	ann := s.signedIn("ann@example.com")
	for table, fields := range map[string]map[string]any{
		"api_keys":       {"user_id": ann.user.ID, "key_hash": strings.Repeat("e", 64)},
		"invites":        {"code_hash": strings.Repeat("e", 64)},
		"agent_tokens":   {"token_hash": strings.Repeat("e", 64)},
		"account_tokens": {"user_id": ann.user.ID, "kind": "reset", "token_hash": strings.Repeat("e", 64)},
	} {
		c, err := s.app.FindCollectionByNameOrId(table)
		must(t, err)
		record := core.NewRecord(c)
		record.Load(fields)
		must(t, s.app.Save(record))
	}
	for _, table := range []string{"users", "sessions", "api_keys", "invites", "agent_tokens", "account_tokens", "_superusers"} {
		got := d.send("GET", "/api/collections/"+table+"/records", nil)
		var list struct{ Items []map[string]any }
		got.into(t, 200, &list)
		if len(list.Items) == 0 {
			t.Errorf("there is no record in %s", table)
		}
		for _, item := range list.Items {
			for name, value := range item {
				if name == "tokenKey" || name == "password" || strings.HasSuffix(name, "_hash") || value == strings.Repeat("e", 64) {
					t.Errorf("%s shows %s", table, name)
				}
			}
		}
	}
}

func TestTheSQLConsoleOnlyReads(t *testing.T) {
	s := newServer(t)
	d := s.dashboard()
	s.signedIn("ann@example.com")
	run := func(query string) answer { return d.send("POST", "/api/sql", map[string]string{"query": query}) }
	var read struct{ Rows [][]any }
	run("SELECT email FROM users").into(t, 200, &read)
	if len(read.Rows) != 1 || read.Rows[0][0] != "ann@example.com" {
		t.Errorf("read %v", read)
	}
	for _, query := range []string{
		"UPDATE users SET role = 'admin'", "DELETE FROM audit_logs", "DROP TABLE audit_logs", "DROP TRIGGER audit_logs_no_delete",
		"WITH x AS (SELECT 1) UPDATE users SET role = 'admin'", "PRAGMA query_only = 0; UPDATE users SET role = 'admin'",
		"PRAGMA writable_schema = 1", "EXPLAIN SELECT 1; DELETE FROM users", "REPLACE INTO audit_logs (id) VALUES ('x')",
	} {
		got := run(query)
		n, err := s.app.CountRecords("users", dbx.HashExp{"role": "user"})
		if n != 1 || err != nil {
			t.Errorf("%q was carried out: %d %s", query, got.status, got.body)
		}
	}
	var triggers int
	must(t, s.app.DB().NewQuery(`SELECT COUNT(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_logs'`).Row(&triggers))
	if triggers != 3 {
		t.Errorf("%d triggers keep the audit", triggers)
	}
	if got := run("UPDATE users SET role = 'admin'"); got.status != 400 || !strings.Contains(string(got.body), "only reads") {
		t.Errorf("answered %d %s", got.status, got.body)
	}
}

func TestTheDashboardsViewsTellHowThingsStand(t *testing.T) {
	s := newServer(t)
	d, ann, bob := s.dashboard(), s.signedIn("ann@example.com"), s.signedIn("bob@example.com")
	first := ann.mustCreate(map[string]string{"magnet": magnet(1)})
	second := ann.mustCreate(map[string]string{"magnet": magnet(2)})
	third := bob.mustCreate(map[string]string{"magnet": magnet(3)})
	agents, err := s.app.FindCollectionByNameOrId("agents")
	must(t, err)
	agent := core.NewRecord(agents)
	agent.Load(map[string]any{"name": "one", "health": map[string]any{"slots": 4}, "last_seen_at": time.Now().Add(-time.Minute)})
	must(t, s.app.Save(agent))
	change := func(id string, fields map[string]any) {
		_, err := hooks.ChangeJob(s.app, id, func(_ core.App, job *core.Record) error {
			job.Load(fields)
			return nil
		})
		must(t, err)
	}
	list := func(view string) (items []map[string]any) {
		var out struct{ Items []map[string]any }
		d.send("GET", "/api/collections/"+view+"/records?sort=position&expand=user,agent", nil)
		d.send("GET", "/api/collections/"+view+"/records?expand=user,agent", nil).into(t, 200, &out)
		return out.Items
	}
	want := func(view string, row map[string]any, fields map[string]any) {
		t.Helper()
		for name, value := range fields {
			if row[name] != value {
				t.Errorf("%s: %s is %v instead of %v in %v", view, name, row[name], value, row)
			}
		}
	}
	email := func(row map[string]any) any {
		expanded, _ := row["expand"].(map[string]any)
		user, _ := expanded["user"].(map[string]any)
		return user["email"]
	}

	change(second.ID, map[string]any{"next_attempt_at": time.Now().Add(time.Hour), "error_code": "no_peers", "retries": 2})
	byID := map[string]map[string]any{}
	for _, row := range list("queue") {
		byID[row["id"].(string)] = row
	}
	want("queue", byID[first.ID], map[string]any{"position": 1.0, "turn": 1.0, "user_email": "ann@example.com", "verdict": ""})
	want("queue", byID[third.ID], map[string]any{"position": 2.0, "turn": 1.0, "user_email": "bob@example.com"})
	want("queue", byID[second.ID], map[string]any{"position": 3.0, "turn": 2.0, "verdict": "no_peers", "retries": 2.0})

	change(first.ID, map[string]any{"status": "downloading", "attempt": 1, "agent_id": agent.Id})
	change(third.ID, map[string]any{"status": "failed", "dead_letter": true, "error_code": "agent_lost"})
	active := list("active_jobs")
	if len(active) != 1 || email(active[0]) != "ann@example.com" {
		t.Fatalf("active are %v", active)
	}
	want("active_jobs", active[0], map[string]any{"id": first.ID, "status": "downloading", "agent": agent.Id})
	dead := list("dead_letters")
	if len(dead) != 1 || email(dead[0]) != "bob@example.com" {
		t.Fatalf("dead are %v", dead)
	}
	want("dead_letters", dead[0], map[string]any{"id": third.ID, "error_code": "agent_lost"})
	overview := list("agent_overview")
	want("agent_overview", overview[0], map[string]any{"name": "one", "slots": 4.0, "slots_used": 1.0, "slots_free": 3.0, "draining": false})
	if silent := overview[0]["seconds_silent"].(float64); silent < 59 || silent > 300 {
		t.Errorf("silent for %v s", silent)
	}
	must(t, hooks.AddMetrics(s.app, ann.user.ID, time.Now(), hooks.Metrics{Served: 12345}))
	for _, row := range list("usage_by_user") {
		if row["email"] == "ann@example.com" {
			want("usage_by_user", row, map[string]any{"plan": "unlimited", "bandwidth_bytes_this_month": 12345.0, "jobs_active": 2.0})
		}
	}
	d.add("blocklist", map[string]any{"infohash": second.Infohash, "reason": "asked"})
	want("blocked", list("blocked")[0], map[string]any{"infohash": second.Infohash, "added_by": "super@example.com", "jobs_ended": 1.0, "reason": "asked"})
	ann.do(ann.request("GET", "/api/collections/queue/records", nil)).want(t, 403, "")
}
