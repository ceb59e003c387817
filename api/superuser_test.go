package api

import (
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

// setUpAdmin makes the first admin, who is a superuser too, and answers a signed-in browser.
func (s *server) setUpAdmin(email string) *browser {
	s.t.Helper()
	s.browser().call("POST", "/setup", setupBody(s, email)).want(s.t, 201, "")
	b := s.browser()
	var in signedIn
	b.call("POST", "/auth/login", map[string]string{"email": email, "password": hookstest.Password}).into(s.t, 200, &in)
	b.csrf, b.user = in.CSRFToken, in.User
	return b
}

func TestTheFirstAdminsSuperuserFollows(t *testing.T) {
	const email = "root@example.com"
	for name, tc := range map[string]struct {
		do               func(s *server, b *browser)
		email, password  string // that open the dashboard afterwards; none when empty
		oldEmail, oldPwd string // that must not
	}{
		"a change of the password": {func(s *server, b *browser) {
			b.call("POST", "/auth/password", map[string]string{"current_password": hookstest.Password, "new_password": newPassword}).want(s.t, 204, "")
		}, email, newPassword, email, hookstest.Password},
		"a reset": {func(s *server, b *browser) {
			token := s.token(b.user.ID, collections.TokenReset, email, time.Hour)
			s.browser().call("POST", "/auth/reset/confirm", map[string]string{"token": token, "password": newPassword}).want(s.t, 204, "")
		}, email, newPassword, email, hookstest.Password},
		"a change while a request that knows the old password is on its way": {func(s *server, b *browser) {
			other := b.again().patient()
			other.call("PATCH", "/auth/account", map[string]bool{"mails_off": true}, late(func() {
				b.call("POST", "/auth/password", map[string]string{"current_password": hookstest.Password, "new_password": newPassword}).want(s.t, 204, "")
			}))
			b.call("GET", "/auth/session", nil).want(s.t, 200, "")
		}, email, newPassword, email, hookstest.Password},
		"a command": {func(s *server, b *browser) {
			if _, err := UpsertUser(s.app, email, newPassword, "", ""); err != nil {
				s.t.Fatal(err)
			}
		}, email, newPassword, email, hookstest.Password},
		"another address": {func(s *server, b *browser) {
			token := s.token(b.user.ID, collections.TokenEmail, "new@example.com", time.Hour)
			s.browser().call("POST", "/auth/verify-email/confirm", map[string]string{"token": token}).want(s.t, 204, "")
		}, "new@example.com", hookstest.Password, email, hookstest.Password},
		"the deletion of the account": {func(s *server, b *browser) {
			hookstest.MustCreateUser(s.t, s.app, "second@example.com", collections.RoleAdmin)
			b.call("DELETE", "/auth/account", map[string]string{"password": hookstest.Password}).want(s.t, 204, "")
		}, "", "", email, hookstest.Password},
		"a loss of the role": {func(s *server, b *browser) {
			user := s.find(email)
			user.Set("role", string(collections.RoleUser))
			if err := s.app.Save(user); err != nil {
				s.t.Fatal(err)
			}
		}, "", "", email, hookstest.Password},
		"a lock of the account": {func(s *server, b *browser) { s.disable(email) }, "", "", email, hookstest.Password},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			b := s.setUpAdmin(email)
			superuser, err := s.app.FindAuthRecordByEmail(core.CollectionNameSuperusers, email)
			if err != nil {
				t.Fatal(err)
			}
			token, err := superuser.NewAuthToken()
			if err != nil {
				t.Fatal(err)
			}
			if s.tryDashboard(email, hookstest.Password) != 200 {
				t.Fatal("the superuser cannot sign in to begin with")
			}
			tc.do(s, b)
			if status := s.tryDashboard(tc.oldEmail, tc.oldPwd); status != 400 {
				t.Errorf("the old password still opens the dashboard: %d", status)
			}
			if got := s.browser().do(b.request("GET", "/api/settings", nil, header("Authorization", token))); got.status == 200 {
				t.Error("an old token still opens the dashboard")
			}
			if tc.email != "" && s.tryDashboard(tc.email, tc.password) != 200 {
				t.Error("the new password does not")
			}
		})
	}
}

func TestASuperuserOfTheSameAddressIsNotTakenOver(t *testing.T) {
	s := newServer(t)
	mustCreateSuperuser(t, s.app, "root@example.com")
	b := s.signedInAs("root@example.com", collections.RoleAdmin)
	b.call("POST", "/auth/password", map[string]string{"current_password": hookstest.Password, "new_password": newPassword}).want(t, 204, "")
	if s.tryDashboard("root@example.com", newPassword) == 200 || s.tryDashboard("root@example.com", hookstest.Password) != 200 {
		t.Error("the password of a superuser has followed a user's that has nothing to do with it")
	}
}

func TestACommandOpensTheDashboardAgain(t *testing.T) {
	s := newServer(t)
	b := s.setUpAdmin("root@example.com")
	second := hookstest.MustCreateUser(t, s.app, "second@example.com", collections.RoleAdmin)
	b.call("DELETE", "/auth/account", map[string]string{"password": hookstest.Password}).want(t, 204, "")
	if _, err := UpsertUser(s.app, second.Email(), newPassword, "", ""); err != nil {
		t.Fatal(err)
	}
	if status := s.tryDashboard("second@example.com", newPassword); status != 200 {
		t.Errorf("the dashboard answers %d", status)
	}
	if _, err := UpsertUser(s.app, "third@example.com", newPassword, collections.RoleAdmin, ""); err != nil {
		t.Fatal(err)
	}
	if status := s.tryDashboard("third@example.com", newPassword); status != 400 {
		t.Errorf("a third admin opens it, too: %d", status)
	}
}
