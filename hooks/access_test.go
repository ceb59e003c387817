package hooks_test

import (
	"context"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

func TestAccessEndsWithAChangeOfTheUser(t *testing.T) {
	for _, tc := range []struct {
		name           string
		change         func(user *core.Record)
		keep           bool
		sessions, keys int64
	}{
		{"disabled", func(u *core.Record) { u.Set("disabled", true) }, false, 0, 0},
		{"disabled, whatever is to be kept", func(u *core.Record) { u.Set("disabled", true) }, true, 0, 0},
		{"another password", func(u *core.Record) { u.SetPassword("another long one") }, false, 0, 0},
		{"another password, keeping a session", func(u *core.Record) { u.SetPassword("another long one") }, true, 1, 1},
		{"another name", func(u *core.Record) { u.Set("name", "Ann") }, false, 2, 1},
		{"another role", func(u *core.Record) { u.Set("role", "admin") }, false, 2, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			app := hookstest.NewApp(t)
			hooks.Bind(app)
			ann, bob := withAccess(t, app, "ann@example.com"), withAccess(t, app, "bob@example.com")
			ctx := context.Background()
			if kept, err := app.FindFirstRecordByData("sessions", "user_id", ann.Id); err != nil {
				t.Fatal(err)
			} else if tc.keep {
				ctx = hooks.KeepSession(ctx, kept.Id)
			}
			tc.change(ann)
			if err := app.SaveWithContext(ctx, ann); err != nil {
				t.Fatal(err)
			}
			wantAccess(t, app, ann, tc.sessions, tc.keys)
			wantAccess(t, app, bob, 2, 1)
		})
	}
}

func TestAnOldRecordSavedLateChangesNoPassword(t *testing.T) {
	app := hookstest.NewApp(t)
	hooks.Bind(app)
	ann := hookstest.MustCreateUser(t, app, "ann@example.com", collections.RoleAdmin)
	superuser := makeSuperuser(t, app, ann)
	old, err := app.FindRecordById("users", ann.Id)
	if err != nil {
		t.Fatal(err)
	}
	ann.SetPassword("another long one")
	if err := app.Save(ann); err != nil {
		t.Fatal(err)
	}
	giveAccess(t, app, ann)
	old.Set("mails_off", true)
	old.IgnoreUnchangedFields(true)
	if err := app.Save(old); err != nil {
		t.Fatal(err)
	}
	wantAccess(t, app, ann, 2, 1)
	if superuser, err = app.FindRecordById(core.CollectionNameSuperusers, superuser.Id); err != nil || !superuser.ValidatePassword("another long one") {
		t.Errorf("the superuser has the old password again: %v", err)
	}
}

// makeSuperuser makes the superuser that follows an admin.
func makeSuperuser(t *testing.T, app core.App, admin *core.Record) *core.Record {
	t.Helper()
	superusers, err := app.FindCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		t.Fatal(err)
	}
	superuser := core.NewRecord(superusers)
	superuser.SetEmail(admin.Email())
	superuser.SetPassword(hookstest.Password)
	if err := app.Save(superuser); err != nil {
		t.Fatal(err)
	}
	admin.Set("superuser_id", superuser.Id)
	if err := app.Save(admin); err != nil {
		t.Fatal(err)
	}
	return superuser
}

func TestDeletedUserLeavesNoAccess(t *testing.T) {
	app := hookstest.NewApp(t)
	hooks.Bind(app)
	ann := withAccess(t, app, "ann@example.com")
	if err := app.Delete(ann); err != nil {
		t.Fatal(err)
	}
	wantAccess(t, app, ann, 0, 0)
}

func withAccess(t *testing.T, app core.App, email string) *core.Record {
	t.Helper()
	user := hookstest.MustCreateUser(t, app, email, collections.RoleUser)
	giveAccess(t, app, user)
	return user
}

// giveAccess makes two sessions and a key.
func giveAccess(t *testing.T, app core.App, user *core.Record) {
	t.Helper()
	for _, row := range []struct{ collection, hash string }{{"sessions", "token_hash"}, {"sessions", "token_hash"}, {"api_keys", "key_hash"}} {
		c, err := app.FindCollectionByNameOrId(row.collection)
		if err != nil {
			t.Fatal(err)
		}
		r := core.NewRecord(c)
		r.Load(map[string]any{"user_id": user.Id, row.hash: core.GenerateDefaultRandomId(), "expires_at": time.Now().Add(time.Hour)})
		if err := app.Save(r); err != nil {
			t.Fatal(err)
		}
	}
}

func wantAccess(t *testing.T, app core.App, user *core.Record, sessions, keys int64) {
	t.Helper()
	for name, want := range map[string]int64{"sessions": sessions, "api_keys": keys} {
		if n, err := app.CountRecords(name, dbx.HashExp{"user_id": user.Id}); n != want || err != nil {
			t.Errorf("%s has %d %s instead of %d: %v", user.Email(), n, name, want, err)
		}
	}
}
