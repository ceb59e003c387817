// Package hookstest gives tests a real application on a real SQLite file.
package hookstest

import (
	"io/fs"
	"os"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pocketbase/pocketbase/core"
	_ "github.com/pocketbase/pocketbase/migrations" // system tables
	"github.com/pocketbase/pocketbase/tools/security"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	_ "github.com/longshore-project/longshore/pb_migrations" // our tables
)

// template is a migrated data folder, held in memory so that nothing stays behind.
var template = sync.OnceValues(func() (fs.FS, error) {
	dir, err := os.MkdirTemp("", "longshore-template-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	app := newApp(dir)
	if err := app.Bootstrap(); err != nil {
		return nil, err
	}
	if err := app.RunAllMigrations(); err != nil {
		return nil, err
	}
	if err := cheapPasswords(app); err != nil {
		return nil, err
	}
	if err := app.ClearBootstrap(); err != nil {
		return nil, err
	}
	return load(os.DirFS(dir))
})

func load(folder fs.FS) (fs.FS, error) {
	files := fstest.MapFS{}
	return files, fs.WalkDir(folder, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		b, err := fs.ReadFile(folder, path)
		files[path] = &fstest.MapFile{Data: b, Mode: 0o600}
		return err
	})
}

// cheapPasswords spares tests bcrypt's cost, which the race detector makes seconds of.
func cheapPasswords(app core.App) error {
	for _, name := range []string{"users", core.CollectionNameSuperusers} {
		c, err := app.FindCollectionByNameOrId(name)
		if err != nil {
			return err
		}
		c.Fields.GetByName("password").(*core.PasswordField).Cost = 4
		if err := app.Save(c); err != nil {
			return err
		}
	}
	return nil
}

// NewApp answers a migrated application on a folder of its own. No hooks are bound.
func NewApp(t testing.TB) core.App {
	t.Helper()
	from, err := template()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, from); err != nil {
		t.Fatal(err)
	}
	app := newApp(dir)
	if err := app.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	app.Settings().Logs.MaxDays = 0 // the request log is written behind a test's end
	t.Cleanup(func() {
		event := new(core.TerminateEvent)
		event.App = app
		_ = app.OnTerminate().Trigger(event, func(e *core.TerminateEvent) error { return app.ClearBootstrap() })
	})
	return app
}

func newApp(dir string) *core.BaseApp {
	return core.NewBaseApp(core.BaseAppConfig{DataDir: dir, DBConnect: hooks.Connect})
}

// Password is the password of every user that MustCreateUser makes.
const Password = "correct horse battery"

// MustCreateUser saves a verified user who has accepted the acceptable-use policy and has the unlimited plan.
func MustCreateUser(t testing.TB, app core.App, email string, role collections.Role) *core.Record {
	t.Helper()
	users, err := app.FindCollectionByNameOrId("users")
	if err != nil {
		t.Fatal(err)
	}
	user := core.NewRecord(users)
	user.SetEmail(email)
	user.SetPassword(Password)
	user.SetVerified(true)
	user.Set("role", string(role))
	user.Set("aup_version", collections.DefaultSettings().AUPVersion)
	if err := app.Save(user); err != nil {
		t.Fatal(err)
	}
	if err := hooks.AssignPlan(app, user.Id, collections.PlanUnlimited, time.Time{}); err != nil {
		t.Fatal(err)
	}
	return user
}

// MustCreateJob saves a queued job of user; set may change it before.
func MustCreateJob(t testing.TB, app core.App, user *core.Record, set func(job *core.Record)) *core.Record {
	t.Helper()
	jobs, err := app.FindCollectionByNameOrId("jobs")
	if err != nil {
		t.Fatal(err)
	}
	job := core.NewRecord(jobs)
	job.Set("user_id", user.Id)
	job.Set("infohash", security.RandomStringWithAlphabet(40, "0123456789abcdef"))
	job.Set("magnet_uri", "magnet:?xt=urn:btih:"+job.GetString("infohash"))
	job.Set("status", string(collections.StatusQueued))
	job.Set("desired", string(collections.DesiredRun))
	if set != nil {
		set(job)
	}
	if err := app.Save(job); err != nil {
		t.Fatal(err)
	}
	return job
}

// SecondApp opens app's folder once more, as another process would.
func SecondApp(t testing.TB, app core.App) core.App {
	t.Helper()
	second := newApp(app.DataDir())
	if err := second.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	second.Settings().Logs.MaxDays = 0
	t.Cleanup(func() { _ = second.ClearBootstrap() })
	return second
}
