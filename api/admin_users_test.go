package api

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/longshore-project/longshore/api/wire"
	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

func (b *browser) users(query string) cursorPage[wire.AdminUser] {
	b.s.t.Helper()
	var list cursorPage[wire.AdminUser]
	b.call("GET", "/admin/users"+query, nil).into(b.s.t, 200, &list)
	return list
}

func emails(users []wire.AdminUser) string {
	var out []string
	for _, u := range users {
		name, _, _ := strings.Cut(u.Email, "@")
		out = append(out, name)
	}
	return strings.Join(out, " ")
}

func TestAnAdminListsUsers(t *testing.T) {
	s := newServer(t)
	hooks.UseClock(s.app, s.clock.now)
	root, ann, _ := s.signedInAs("root@example.com", collections.RoleAdmin), s.signedIn("ann_1@example.com"), s.signedIn("annx1@example.com")
	ann.mustCreate(newForm().torrent(torrent("T", testFile{"a", 30})))
	s.disable("annx1@example.com")
	for _, tc := range []struct{ query, want string }{
		{"?sort=email", "ann_1 annx1 root"}, {"?sort=-email&perPage=2", "root annx1"}, {"?sort=-email&perPage=2&page=2", "ann_1"},
		{"?search=ANN_1&sort=email", "ann_1"}, {"?role=admin", "root"}, {"?disabled=true", "annx1"}, {"?disabled=false&sort=email", "ann_1 root"},
		{"?search=nobody", ""},
	} {
		if got := emails(root.users(tc.query).Items); got != tc.want {
			t.Errorf("%s: %s", tc.query, got)
		}
	}
	first := root.users("?sort=email&perPage=2")
	if rest := root.users("?sort=email&perPage=2&after=" + *first.Next); emails(rest.Items) != "root" || rest.Next != nil || first.TotalItems != 3 {
		t.Errorf("behind %s comes %s of %d", emails(first.Items), emails(rest.Items), first.TotalItems)
	}
	var u wire.AdminUser
	root.call("GET", "/admin/users/"+ann.user.ID, nil).into(t, 200, &u)
	if u.Plan != "unlimited" || u.PlanExpiresAt != nil || u.StorageUsed != 30 || u.JobsActive != 1 || u.Jobs != 1 || u.LastSeenAt == nil || !u.EmailVerified {
		t.Errorf("ann is %+v", u)
	}
}

func TestAnAdminMakesUsers(t *testing.T) {
	s, smtp := newMailServer(t)
	hooks.UseClock(s.app, s.clock.now)
	root := s.signedInAs("root@example.com", collections.RoleAdmin)
	expires := s.clock.now().Add(time.Hour).UTC().Truncate(time.Second)
	var u wire.AdminUser
	root.call("POST", "/admin/users", map[string]any{
		"email": "Ann@Example.com", "password": newPassword, "role": "admin", "plan": "pro", "plan_expires_at": expires,
	}).into(t, 201, &u)
	if u.Email != "ann@example.com" || u.Role != wire.RoleAdmin || u.Plan != "pro" || !u.EmailVerified || u.PlanExpiresAt == nil || !u.PlanExpiresAt.Equal(expires) {
		t.Errorf("made %+v", u)
	}
	if s.tryLogin("ann@example.com", newPassword) != 200 {
		t.Error("the password opens nothing")
	}
	s.clock.advance(2 * time.Hour)
	root.call("GET", "/admin/users/"+u.Id, nil).into(t, 200, &u)
	if u.Plan != "free" {
		t.Errorf("afterwards the plan is %s", u.Plan)
	}
	root.call("POST", "/admin/users", map[string]any{"email": "bob@example.com"}).into(t, 201, &u)
	if u.EmailVerified || u.Plan != "free" || u.Role != wire.RoleUser {
		t.Errorf("made %+v", u)
	}
	mailed, token := smtp.Next().Link()
	if !strings.HasPrefix(mailed, s.url+"/auth/reset#token=") {
		t.Errorf("the mail leads to %s", mailed)
	}
	if got := s.browser().call("POST", "/auth/reset/confirm", map[string]string{"token": token, "password": newPassword}); got.status != 204 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if s.tryLogin("bob@example.com", newPassword) != 200 || !s.find("bob@example.com").Verified() {
		t.Error("the invited cannot sign in")
	}
	for name, body := range map[string]map[string]any{
		"email": {"email": "bob@example.com", "password": newPassword}, "password": {"email": "c@example.com", "password": "password1234"},
		"plan": {"email": "c@example.com", "password": newPassword, "plan": "gold"}, "plan_expires_at": {"email": "c@example.com", "password": newPassword, "plan_expires_at": expires.Add(24 * time.Hour)},
	} {
		got := root.call("POST", "/admin/users", body)
		got.want(t, 400, collections.CodeInvalidInput)
		if !strings.Contains(string(got.body), `"data":{"`+name+`"`) {
			t.Errorf("%s is not named: %s", name, got.body)
		}
	}
	if n := s.count("users", nil); n != 3 {
		t.Errorf("there are %d users", n)
	}
}

func TestDisablingAUserEndsEverythingAtOnce(t *testing.T) {
	s := newServer(t)
	root, ann := s.signedInAs("root@example.com", collections.RoleAdmin), s.signedIn("ann@example.com")
	program := s.program(ann.newKey(collections.ScopeRead).Key)
	st := ann.stream()
	ann.subscribe(st, []string{"jobs/*"})
	audits := s.count("audit_logs", nil)
	var u wire.AdminUser
	root.call("PATCH", "/admin/users/"+ann.user.ID, map[string]any{"disabled": true}).into(t, 200, &u)
	if !u.Disabled || u.LastSeenAt != nil {
		t.Errorf("ann is %+v", u)
	}
	for name, b := range map[string]*browser{"the session": ann, "the key": program} {
		if got := b.call("GET", "/jobs", nil); got.status != 401 {
			t.Errorf("%s opens: %d", name, got.status)
		}
	}
	if line := st.until(t, "nothing more comes"); line != "" {
		t.Errorf("the stream goes on with %s", line)
	}
	if s.count("audit_logs", nil) != audits+1 || s.audits(ann.user.ID) != "users.create user.update" {
		t.Errorf("the audit says %q", s.audits(ann.user.ID))
	}
	root.call("PATCH", "/admin/users/"+ann.user.ID, map[string]any{"disabled": true}).into(t, 200, &u)
	if s.count("audit_logs", nil) != audits+1 {
		t.Error("what changes nothing is audited")
	}
}

func TestOneAdminIsAlwaysLeft(t *testing.T) {
	s := newServer(t)
	root := s.signedInAs("root@example.com", collections.RoleAdmin)
	path := "/admin/users/" + root.user.ID
	for _, body := range []map[string]any{{"role": "user"}, {"disabled": true}, {"role": "user", "disabled": true, "plan": "pro"}} {
		root.call("PATCH", path, body).want(t, 403, collections.CodeForbidden)
	}
	root.call("DELETE", path, nil).want(t, 403, collections.CodeForbidden)
	if got := root.call("GET", "/auth/session", nil); got.status != 200 {
		t.Fatalf("the admin is gone: %d", got.status)
	}
	for i, remove := range []func(b *browser, id string) answer{
		func(b *browser, id string) answer {
			return b.call("PATCH", "/admin/users/"+id, map[string]any{"role": "user"})
		},
		func(b *browser, id string) answer {
			return b.call("PATCH", "/admin/users/"+id, map[string]any{"disabled": true})
		},
		func(b *browser, id string) answer { return b.call("DELETE", "/admin/users/"+id, nil) },
	} {
		first, second := s.signedInAs(fmt.Sprintf("a%d@example.com", i), collections.RoleAdmin), s.signedInAs(fmt.Sprintf("b%d@example.com", i), collections.RoleAdmin)
		others := dbx.And(dbx.HashExp{"role": "admin", "disabled": false}, dbx.NotIn("id", first.user.ID, second.user.ID))
		if _, err := s.app.NonconcurrentDB().Update("users", dbx.Params{"role": "user"}, others).Execute(); err != nil {
			t.Fatal(err)
		}
		var both sync.WaitGroup
		both.Go(func() { remove(first, second.user.ID) })
		both.Go(func() { remove(second, first.user.ID) })
		both.Wait()
		if n := s.count("users", dbx.HashExp{"role": "admin", "disabled": false}); n != 1 {
			t.Errorf("%d admins are left by way %d", n, i)
		}
	}
}

func TestAnAdminGivesPlansAndDeletes(t *testing.T) {
	s := newServer(t)
	hooks.UseClock(s.app, s.clock.now)
	root, ann := s.signedInAs("root@example.com", collections.RoleAdmin), s.signedIn("ann@example.com")
	job := ann.mustCreate(newForm().torrent(torrent("T", testFile{"a", 30})))
	path := "/admin/users/" + ann.user.ID
	var u wire.AdminUser
	for range 2 { // the second time nothing is new
		root.call("PATCH", path, map[string]any{"plan": "pro", "email_verified": false}).into(t, 200, &u)
	}
	if u.Plan != "pro" || u.EmailVerified || s.count("user_plan_assignments", dbx.HashExp{"user_id": ann.user.ID}) != 2 {
		t.Errorf("ann is %+v", u)
	}
	root.call("PATCH", path, map[string]any{"plan": "gold"}).want(t, 400, collections.CodeInvalidInput)
	root.call("PATCH", path, map[string]any{"plan_expires_at": s.clock.now().Add(time.Hour)}).want(t, 400, collections.CodeInvalidInput)
	root.call("PATCH", path, map[string]any{"plan": "pro", "plan_expires_at": s.clock.now()}).want(t, 400, collections.CodeInvalidInput)
	root.call("PATCH", path, map[string]any{}).want(t, 400, collections.CodeInvalidInput)
	if got := root.call("DELETE", path, nil); got.status != 204 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if s.count("jobs", dbx.HashExp{"id": job.ID}) != 0 || ann.call("GET", "/jobs", nil).status != 401 {
		t.Error("something is left")
	}
	root.call("GET", path, nil).want(t, 404, collections.CodeNotFound)
}
