package hooks_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

// auditRow is a row of audit_logs.
type auditRow struct {
	ActorID    string `db:"actor_id"`
	ActorKind  string `db:"actor_kind"`
	Action     string `db:"action"`
	TargetType string `db:"target_type"`
	TargetID   string `db:"target_id"`
	Metadata   string `db:"metadata"`
	RequestID  string `db:"request_id"`
	Address    string `db:"address"`
}

func auditRows(t *testing.T, app core.App) (rows []auditRow) {
	t.Helper()
	err := app.DB().NewQuery(`SELECT actor_id, actor_kind, action, target_type, target_id, metadata, request_id, address FROM audit_logs ORDER BY rowid`).All(&rows)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// newRows answers the rows that do writes.
func newRows(t *testing.T, app core.App, do func()) []auditRow {
	t.Helper()
	before := len(auditRows(t, app))
	do()
	return auditRows(t, app)[before:]
}

func by(kind hooks.ActorKind, action string) context.Context {
	return hooks.WithActor(context.Background(), hooks.Actor{ID: "actor0000000000", Kind: kind, Action: action, RequestID: "req-1", Address: "192.0.2.1"})
}

func saved(t *testing.T, app core.App, ctx context.Context, record *core.Record) func() {
	return func() {
		t.Helper()
		if err := app.SaveWithContext(ctx, record); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEveryChangeOfAnAuditedRecordIsOneRow(t *testing.T) {
	app, user := newApp(t)
	plan, err := app.FindFirstRecordByData("plans", "name", "pro")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ make, change map[string]any }{
		"users":                 {map[string]any{"email": "b@example.com", "password": hookstest.Password, "role": "user"}, map[string]any{"role": "admin"}},
		"plans":                 {map[string]any{"name": "gold"}, map[string]any{"max_jobs": 7}},
		"user_plan_assignments": {map[string]any{"user_id": user.Id, "plan_id": plan.Id}, map[string]any{"expires_at": "2030-01-01 00:00:00.000Z"}},
		"api_keys":              {map[string]any{"user_id": user.Id, "key_hash": strings.Repeat("s", 64), "scopes": []string{"read"}}, map[string]any{"name": "laptop"}},
		"invites":               {map[string]any{"code_hash": strings.Repeat("s", 64)}, map[string]any{"note": "x"}},
		"blocklist":             {map[string]any{"infohash": strings.Repeat("a", 40)}, map[string]any{"reason": "x"}},
		"agents":                {map[string]any{"name": "one"}, map[string]any{"draining": true}},
		"agent_tokens":          {map[string]any{"token_hash": strings.Repeat("s", 64)}, map[string]any{"used_at": "2030-01-01 00:00:00.000Z"}},
		"sessions":              {map[string]any{"user_id": user.Id, "token_hash": strings.Repeat("s", 64)}, map[string]any{"device_info": "x"}},
		"_superusers":           {map[string]any{"email": "c@example.com", "password": hookstest.Password}, map[string]any{"password": "another battery staple"}},
		"jobs":                  {map[string]any{"user_id": user.Id, "status": "queued", "desired": "run", "infohash": strings.Repeat("b", 40)}, map[string]any{"label": "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			c2, err := app.FindCollectionByNameOrId(name)
			if err != nil {
				t.Fatal(err)
			}
			record := core.NewRecord(c2)
			record.Load(c.make)
			ctx := by(hooks.ActorUser, "")
			made := newRows(t, app, saved(t, app, ctx, record))
			found := mustFind(t, app, name, record.Id)
			found.Load(c.change)
			changed := newRows(t, app, saved(t, app, ctx, found))
			again := newRows(t, app, saved(t, app, ctx, mustFind(t, app, name, record.Id)))
			if name == "_superusers" { // the last one cannot be deleted
				saved(t, app, context.Background(), superuser(t, app))()
			}
			removed := newRows(t, app, func() {
				if err := app.DeleteWithContext(ctx, mustFind(t, app, name, record.Id)); err != nil {
					t.Fatal(err)
				}
			})
			for verb, rows := range map[string][]auditRow{"create": made, "update": changed, "delete": removed} {
				if len(rows) != 1 {
					t.Fatalf("%s wrote %d rows: %+v", verb, len(rows), rows)
				}
				want := auditRow{"actor0000000000", "user", name + "." + verb, name, record.Id, rows[0].Metadata, "req-1", "192.0.2.1"}
				if rows[0] != want {
					t.Errorf("%s wrote %+v", verb, rows[0])
				}
				for _, secret := range []string{strings.Repeat("s", 64), hookstest.Password, "battery staple", "$2a$", record.GetString("tokenKey")} {
					if secret != "" && strings.Contains(rows[0].Metadata, secret) {
						t.Errorf("%s tells a secret: %s", verb, rows[0].Metadata)
					}
				}
			}
			if len(again) != 0 {
				t.Errorf("a save that changes nothing wrote %+v", again)
			}
			for field := range c.change {
				if !strings.Contains(changed[0].Metadata, `"`+field+`"`) {
					t.Errorf("the change of %s is not told: %s", field, changed[0].Metadata)
				}
			}
		})
	}
}

func superuser(t *testing.T, app core.App) *core.Record {
	t.Helper()
	c, err := app.FindCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		t.Fatal(err)
	}
	other := core.NewRecord(c)
	other.SetEmail("other@example.com")
	other.SetPassword(hookstest.Password)
	return other
}

func TestTheAuditTellsOldAndNewValues(t *testing.T) {
	app, user := newApp(t)
	user.Set("role", "admin")
	user.SetPassword("another long password")
	rows := newRows(t, app, saved(t, app, by(hooks.ActorSuperuser, ""), user))
	var metadata struct {
		Changes map[string]struct{ Old, New any }
	}
	if err := json.Unmarshal([]byte(rows[0].Metadata), &metadata); err != nil {
		t.Fatal(err)
	}
	if c := metadata.Changes["role"]; c.Old != "user" || c.New != "admin" {
		t.Errorf("role: %+v", c)
	}
	if c := metadata.Changes["password"]; c.Old != "***" || c.New != "***" {
		t.Errorf("password: %+v", c)
	}
}

func TestTheAuditIsBounded(t *testing.T) {
	app, _ := newApp(t)
	settings, err := app.FindFirstRecordByFilter("settings", "id != ''")
	if err != nil {
		t.Fatal(err)
	}
	settings.Set("aup_text", strings.Repeat("é", 10_000))
	rows := newRows(t, app, saved(t, app, by(hooks.ActorUser, "settings.update"), settings))
	if len(rows) != 1 || len(rows[0].Metadata) > 1000 || !json.Valid([]byte(rows[0].Metadata)) {
		t.Errorf("%d bytes: %+v", len(rows[0].Metadata), rows)
	}
}

func TestWhoIsAudited(t *testing.T) {
	app, user := newApp(t)
	job := hookstest.MustCreateJob(t, app, user, nil)
	agent := mustSave(t, app, "agents", map[string]any{"name": "one"})
	torrent := mustSave(t, app, "torrents", map[string]any{"name": "one"})
	for _, c := range []struct {
		name   string
		ctx    context.Context
		record *core.Record
		field  string
		want   string
	}{
		{"the dispatcher's own change of a job is told by its events", context.Background(), job, "label", ""},
		{"what the system does under a name is audited", by(hooks.ActorSystem, "job.block"), job, "label", "job.block"},
		{"a person's change of a job", by(hooks.ActorUser, "job.update"), job, "label", "job.update"},
		{"a heartbeat is bookkeeping", context.Background(), agent, "start_id", ""},
		{"the system's other changes are audited", context.Background(), agent, "name", "agents.update"},
		{"a superuser's change of anything", by(hooks.ActorSuperuser, ""), torrent, "name", "torrents.update"},
		{"the system's change of what is not listed", context.Background(), torrent, "name", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			record := mustFind(t, app, c.record.Collection().Name, c.record.Id)
			record.Set(c.field, c.name)
			rows := newRows(t, app, saved(t, app, c.ctx, record))
			if c.want == "" && len(rows) == 0 || len(rows) == 1 && rows[0].Action == c.want {
				return
			}
			t.Errorf("wrote %+v", rows)
		})
	}
}

func TestARequestsActionNamesWhatItChangesFirst(t *testing.T) {
	app, _ := newApp(t)
	users, err := app.FindCollectionByNameOrId("users")
	if err != nil {
		t.Fatal(err)
	}
	ctx := by(hooks.ActorNobody, "auth.register")
	rows := newRows(t, app, func() {
		for _, email := range []string{"x@example.com", "y@example.com"} {
			user := core.NewRecord(users)
			user.Load(map[string]any{"email": email, "password": hookstest.Password, "role": "user"})
			saved(t, app, ctx, user)()
			invites, _ := app.FindCollectionByNameOrId("invites")
			invite := core.NewRecord(invites)
			invite.Load(map[string]any{"code_hash": email, "used_by": user.Id})
			saved(t, app, ctx, invite)()
		}
	})
	var actions []string
	for _, row := range rows {
		actions = append(actions, row.Action)
	}
	if got := strings.Join(actions, " "); got != "auth.register invites.create auth.register invites.create" {
		t.Error(got)
	}
}

func TestAMutationThatIsRolledBackLeavesNoRow(t *testing.T) {
	app, user := newApp(t)
	rows := newRows(t, app, func() {
		user.Set("role", "admin")
		err := app.RunInTransaction(func(tx core.App) error {
			if err := tx.Save(user); err != nil {
				t.Fatal(err)
			}
			return errors.New("no")
		})
		if err == nil {
			t.Fatal("it was committed")
		}
	})
	if len(rows) != 0 {
		t.Errorf("%+v", rows)
	}
}

func TestAMutationWithoutItsRowIsNotMade(t *testing.T) {
	app, user := newApp(t)
	_, err := app.NonconcurrentDB().NewQuery(`CREATE TRIGGER full BEFORE INSERT ON audit_logs BEGIN SELECT RAISE(ABORT, 'disk full'); END`).Execute()
	if err != nil {
		t.Fatal(err)
	}
	user.Set("role", "admin")
	if err := app.Save(user); err == nil {
		t.Error("it was saved")
	}
	if got := mustFind(t, app, "users", user.Id).GetString("role"); got != "user" {
		t.Errorf("the role is %s", got)
	}
}

func TestTheAuditIsOnlyEverAddedTo(t *testing.T) {
	app, _ := newApp(t)
	rows, err := app.FindAllRecords("audit_logs")
	if err != nil || len(rows) == 0 {
		t.Fatal(len(rows), err)
	}
	ctx := by(hooks.ActorSuperuser, "")
	rows[0].Set("action", "nothing")
	logs := rows[0].Collection()
	forged := core.NewRecord(logs)
	forged.Load(map[string]any{"action": "forged"})
	exec := func(sql string) error {
		_, err := app.NonconcurrentDB().NewQuery(sql).Bind(dbx.Params{"id": rows[0].Id}).Execute()
		return err
	}
	renamed, err := app.FindCollectionByNameOrId("audit_logs")
	if err != nil {
		t.Fatal(err)
	}
	renamed.Name = "other"
	for name, err := range map[string]error{
		"a change":                   app.SaveWithContext(ctx, rows[0]),
		"a removal":                  app.DeleteWithContext(ctx, rows[0]),
		"a forgery":                  app.SaveWithContext(ctx, forged),
		"the whole collection":       app.DeleteWithContext(ctx, logs),
		"another name of it":         app.SaveWithContext(ctx, renamed),
		"all rows":                   app.TruncateCollection(logs),
		"a change by SQL":            exec(`UPDATE audit_logs SET action = 'nothing' WHERE id = {:id}`),
		"a removal by SQL":           exec(`DELETE FROM audit_logs WHERE id = {:id}`),
		"another row in one's place": exec(`INSERT OR REPLACE INTO audit_logs (id, action) VALUES ({:id}, 'nothing')`),
	} {
		if err == nil {
			t.Errorf("%s is possible", name)
		}
	}
	if code := collections.CodeOf(app.Delete(rows[0])); code != collections.CodeForbidden {
		t.Errorf("the refusal has the code %s", code)
	}
	if after := auditRows(t, app); len(after) != len(rows) || after[0].Action == "nothing" {
		t.Errorf("%d rows instead of %d", len(after), len(rows))
	}
}

func TestCollectionsAndSettingsOfPocketBaseAreAudited(t *testing.T) {
	app, _ := newApp(t)
	ctx := by(hooks.ActorSuperuser, "")
	settings, err := app.Settings().Clone()
	if err != nil {
		t.Fatal(err)
	}
	settings.SMTP.Enabled, settings.SMTP.Host, settings.SMTP.Password = true, "mail.example.com", "mail secret"
	rows := newRows(t, app, func() {
		if err := app.SaveWithContext(ctx, settings); err != nil {
			t.Fatal(err)
		}
	})
	if len(rows) != 1 || rows[0].Action != "settings.update" || rows[0].TargetID != "pocketbase" || rows[0].Metadata != `{"changed":["smtp"]}` {
		t.Errorf("%+v", rows)
	}
	made := core.NewBaseCollection("extra")
	rule := "id = '1'"
	rows = newRows(t, app, func() {
		if err := app.SaveWithContext(ctx, made); err != nil {
			t.Fatal(err)
		}
		made.ListRule = &rule
		if err := app.SaveWithContext(ctx, made); err != nil {
			t.Fatal(err)
		}
		if err := app.DeleteWithContext(ctx, made); err != nil {
			t.Fatal(err)
		}
	})
	if len(rows) != 3 || rows[0].Action != "collections.create" || rows[1].Metadata != `{"changed":["listRule"]}` || rows[2].Action != "collections.delete" || rows[2].TargetID != "extra" {
		t.Errorf("%+v", rows)
	}
}

func TestNamesOfAuditedCollectionsExist(t *testing.T) {
	app, _ := newApp(t)
	for _, name := range hooks.Audited() {
		if _, err := app.FindCollectionByNameOrId(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
