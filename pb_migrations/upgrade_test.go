package pb_migrations_test

import (
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// olderApp answers an application on a folder that only the migrations of the first release have seen.
func olderApp(t *testing.T) core.App {
	t.Helper()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: t.TempDir(), DBConnect: hooks.Connect})
	must(t, app.Bootstrap())
	app.Settings().Logs.MaxDays = 0
	t.Cleanup(func() { _ = app.ClearBootstrap() })
	hooks.Bind(app) // as every command does before it migrates
	var list core.MigrationsList
	list.Copy(core.SystemMigrations)
	for _, m := range core.AppMigrations.Items() {
		if m.File == "1_collections.go" {
			list.Add(m)
		}
	}
	_, err := core.NewMigrationsRunner(app, list).Up()
	must(t, err)
	return app
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func add(t *testing.T, app core.App, table string, fields map[string]any) string {
	t.Helper()
	id := core.GenerateDefaultRandomId()
	row := dbx.Params{"id": id}
	for name, value := range fields {
		row[name] = value
	}
	_, err := app.NonconcurrentDB().Insert(table, row).Execute()
	must(t, err)
	return id
}

func read[T any](t *testing.T, app core.App, sql, id string) (value T) {
	t.Helper()
	must(t, app.DB().NewQuery(sql).Bind(dbx.Params{"id": id}).Row(&value))
	return value
}

func TestAFolderOfTheFirstReleaseIsTakenOver(t *testing.T) {
	app := olderApp(t)
	const at = "2026-01-02 03:04:05.000Z"
	user := add(t, app, "users", map[string]any{
		"email": "ann@example.com", "password": "$2a$10$hash", "tokenKey": strings.Repeat("k", 50), "role": "user", "plan": "pro", "verified": true, "created_at": at,
	})
	superuser := add(t, app, "_superusers", map[string]any{"email": "root@example.com", "password": "$2a$10$hash", "tokenKey": strings.Repeat("l", 50)})
	root := add(t, app, "users", map[string]any{
		"email": "root@example.com", "password": "$2a$10$hash", "tokenKey": strings.Repeat("m", 50), "role": "admin", "plan": "unlimited", "created_at": at,
	})
	session := add(t, app, "sessions", map[string]any{"user_id": user, "token_hash": strings.Repeat("s", 64)})
	torrent := add(t, app, "torrents", map[string]any{"infohash_v1": strings.Repeat("a", 40), "infohash_v2": strings.Repeat("b", 64), "name": "t", "size_bytes": 7})
	job := add(t, app, "jobs", map[string]any{
		"user_id": user, "torrent_id": torrent, "infohash": strings.Repeat("a", 40), "status": "completed", "desired": "run", "size_bytes": 7, "created_at": at, "completed_at": at,
	})
	add(t, app, "job_events", map[string]any{"job_id": job, "seq": 1, "event_type": "created", "payload": `{"status":"completed"}`})
	object := add(t, app, "objects", map[string]any{"torrent_id": torrent, "key": "objects/a", "store": "local", "size_bytes": 7, "state": "stored"})
	file := add(t, app, "files", map[string]any{
		"job_id": job, "user_id": user, "object_id": object, "path": "t", "size_bytes": 7, "selected": true, "is_complete": true,
	})

	must(t, app.RunAllMigrations())

	for table, id := range map[string]string{"users": user, "sessions": session, "torrents": torrent, "jobs": job, "objects": object, "files": file, "_superusers": superuser} {
		if _, err := app.FindRecordById(table, id); err != nil {
			t.Errorf("%s: %v", table, err)
		}
	}
	for id, want := range map[string]collections.PlanName{user: collections.PlanPro, root: collections.PlanUnlimited} {
		plan, err := hooks.PlanOf(app, id)
		if err != nil || plan.Name != want {
			t.Errorf("the plan is %s instead of %s, %v", plan.Name, want, err)
		}
	}
	if got := read[string](t, app, `SELECT email FROM users WHERE id = {:id}`, user); got != "ann@example.com" {
		t.Errorf("the address is %s", got)
	}
	if got := read[string](t, app, `SELECT superuser_id FROM users WHERE id = {:id}`, root); got != superuser {
		t.Errorf("the admin's superuser is %q", got)
	}
	if got := read[string](t, app, `SELECT infohash_v2 FROM jobs WHERE id = {:id}`, job); got != strings.Repeat("b", 64) {
		t.Errorf("the job's v2 infohash is %q", got)
	}
	if got := read[int64](t, app, `SELECT reserved_bytes FROM jobs WHERE id = {:id}`, job); got != 7 {
		t.Errorf("the job counts %d bytes", got)
	}
	if got := read[bool](t, app, `SELECT is_complete FROM files WHERE id = {:id}`, file); !got {
		t.Error("the file is no longer complete")
	}
	users, err := app.FindCollectionByNameOrId("users")
	must(t, err)
	if users.Fields.GetByName("plan") != nil {
		t.Error("users still have a column for the plan")
	}
}

func TestTheControlPlanesTablesAreNotTakenBack(t *testing.T) {
	app := olderApp(t)
	must(t, app.RunAllMigrations())
	runner := core.NewMigrationsRunner(app, core.AppMigrations)
	if _, err := runner.Down(2); err == nil || !strings.Contains(err.Error(), "restore a backup") {
		t.Errorf("they were: %v", err)
	}
	if _, err := app.FindCollectionByNameOrId("plans"); err != nil {
		t.Errorf("after that: %v", err)
	}
}
