package api

import (
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

func TestChangeOfAddress(t *testing.T) {
	s, smtp := newMailServer(t)
	b := s.signedIn("ann@example.com")
	ask := func(email string) {
		t.Helper()
		b.call("POST", "/auth/email", map[string]string{"password": hookstest.Password, "email": email}).want(t, 204, "")
	}
	ask("typo@example.com")
	superseded := smtp.Next()
	ask("New@Example.com")
	m := smtp.Next()
	if superseded.To != "typo@example.com" || m.To != "new@example.com" {
		t.Errorf("mails to %s and %s", superseded.To, m.To)
	}
	if s.find("ann@example.com").Id != b.user.ID {
		t.Error("the address has changed already")
	}
	confirm := func(token string) answer {
		return s.browser().call("POST", "/auth/verify-email/confirm", map[string]string{"token": token})
	}
	confirm(tokenOf(t, superseded)).want(t, 400, collections.CodeInvalidInput)
	confirm(tokenOf(t, m)).want(t, 204, "")
	if user := s.find("new@example.com"); user.Id != b.user.ID || !user.Verified() {
		t.Errorf("the account is %s, verified: %v", user.Id, user.Verified())
	}
	if told := smtp.Next(); told.To != "ann@example.com" || !strings.Contains(told.Text, "new@example.com") {
		t.Errorf("the old address is told %q", told.Text)
	}
	if got := b.call("GET", "/auth/session", nil); got.status != 200 {
		t.Errorf("the session ended: %s", got.body)
	}
	if s.tryLogin("ann@example.com", hookstest.Password) != 401 || s.tryLogin("new@example.com", hookstest.Password) != 200 {
		t.Error("the old address still signs in")
	}
	confirm(tokenOf(t, m)).want(t, 400, collections.CodeInvalidInput)
}

func TestAnAddressOfAnotherAccountIsNotTakenOver(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	hookstest.MustCreateUser(t, s.app, "bob@example.com", collections.RoleUser)
	free := b.call("POST", "/auth/email", map[string]string{"password": hookstest.Password, "email": "free@example.com"})
	taken := b.call("POST", "/auth/email", map[string]string{"password": hookstest.Password, "email": "BOB@example.com"})
	if free.status != 204 || taken.status != 204 {
		t.Errorf("answered %d and %d", free.status, taken.status)
	}
	token := s.token(b.user.ID, collections.TokenEmail, "bob@example.com", time.Hour)
	s.browser().call("POST", "/auth/verify-email/confirm", map[string]string{"token": token}).want(t, 400, collections.CodeInvalidInput)
	if s.find("ann@example.com").Id != b.user.ID {
		t.Error("the account has moved")
	}
	b.call("POST", "/auth/email", map[string]string{"password": hookstest.Password, "email": "ANN@example.com"}).want(t, 400, collections.CodeInvalidInput)
}

func TestAnotherPasswordOrAddressEndsWhatWasMailed(t *testing.T) {
	for name, change := range map[string]func(s *server){
		"another password": func(s *server) {
			if _, err := UpsertUser(s.app, "ann@example.com", newPassword, "", ""); err != nil {
				s.t.Fatal(err)
			}
		},
		"another address": func(s *server) {
			user := s.find("ann@example.com")
			user.SetEmail("elsewhere@example.com")
			if err := s.app.Save(user); err != nil {
				s.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			b := s.signedIn("ann@example.com")
			b.call("POST", "/auth/email", map[string]string{"password": hookstest.Password, "email": "eve@example.com"}).want(t, 204, "")
			pending := s.token(b.user.ID, collections.TokenEmail, "eve@example.com", time.Hour)
			change(s)
			if n := s.count("mails", dbx.HashExp{"user_id": b.user.ID}); n != 0 {
				t.Errorf("%d mails are still to be sent", n)
			}
			s.browser().call("POST", "/auth/verify-email/confirm", map[string]string{"token": pending}).want(t, 400, collections.CodeInvalidInput)
		})
	}
}

func TestTokensThatAreGoodForNothing(t *testing.T) {
	s := newServer(t)
	ann := hookstest.MustCreateUser(t, s.app, "ann@example.com", collections.RoleUser)
	off := hookstest.MustCreateUser(t, s.app, "off@example.com", collections.RoleUser)
	s.disable("off@example.com")
	routes := map[string]collections.AccountTokenKind{"/auth/reset/confirm": collections.TokenReset, "/auth/verify-email/confirm": collections.TokenVerify}
	for path, kind := range routes {
		other := map[collections.AccountTokenKind]collections.AccountTokenKind{collections.TokenReset: collections.TokenVerify, collections.TokenVerify: collections.TokenReset}[kind]
		for _, tc := range []struct {
			name, token string
			status      int
			code        collections.Code
			kept        bool
		}{
			{"nobody's", "made-up", 400, collections.CodeInvalidInput, false},
			{"the hash of one", hashToken(s.token(ann.Id, kind, "ann@example.com", time.Hour)), 400, collections.CodeInvalidInput, false},
			{"an expired one", s.token(ann.Id, kind, "ann@example.com", -time.Second), 400, collections.CodeInvalidInput, true},
			{"one of another kind", s.token(ann.Id, other, "ann@example.com", time.Hour), 400, collections.CodeInvalidInput, true},
			{"one that went to an earlier address", s.token(ann.Id, kind, "old@example.com", time.Hour), 400, collections.CodeInvalidInput, true},
			{"one of an account that is gone", s.token("aaaaaaaaaaaaaaa", kind, "gone@example.com", time.Hour), 400, collections.CodeInvalidInput, true},
			{"one of a disabled account", s.token(off.Id, kind, "off@example.com", time.Hour), 403, collections.CodeForbidden, true},
		} {
			t.Run(path+" with "+tc.name, func(t *testing.T) {
				body := map[string]string{"token": tc.token}
				if kind == collections.TokenReset {
					body["password"] = newPassword
				}
				s.browser().call("POST", path, body).want(t, tc.status, tc.code)
				if kept := s.count("account_tokens", dbx.HashExp{"token_hash": hashToken(tc.token)}) == 1; kept != tc.kept {
					t.Errorf("it is still there: %v", kept)
				}
			})
		}
	}
	if s.tryLogin("ann@example.com", hookstest.Password) != 200 {
		t.Error("the password has changed")
	}
}

func TestDeletionOfAnAccount(t *testing.T) {
	s := newServer(t)
	b, bob := s.signedIn("ann@example.com"), s.signedIn("bob@example.com")
	st := b.stream()
	b.subscribe(st, []string{"jobs/*"})
	b.apiKey()
	job := b.mustCreate(newForm().torrent(torrent("T", testFile{"a", 10}, testFile{"b", 10})))
	bobs := bob.mustCreate(map[string]any{"magnet": magnet(7)})
	s.mustStore(b.tree(job.ID, "").Items[0].Children[0].ID, "0123456789")
	s.token(b.user.ID, collections.TokenReset, "ann@example.com", time.Hour)
	b.call("DELETE", "/auth/account", map[string]string{"password": hookstest.Password}).want(t, 204, "")
	mine := dbx.HashExp{"user_id": b.user.ID}
	for _, table := range []string{"jobs", "files", "sessions", "api_keys", "account_tokens", "mails", "user_plan_assignments", "usage_metrics_daily", "link_grants"} {
		if n := s.count(table, mine); n != 0 {
			t.Errorf("%s has %d rows of the account", table, n)
		}
	}
	if n := s.count("objects", dbx.Not(dbx.HashExp{"state": "deleting"})); n != 0 {
		t.Errorf("%d objects are kept", n)
	}
	if line := st.until(t, "never"); line != "" {
		t.Errorf("the realtime connection is open: %s", line)
	}
	b.call("GET", "/auth/session", nil).want(t, 401, collections.CodeUnauthorized)
	if s.tryLogin("ann@example.com", hookstest.Password) != 401 {
		t.Error("one can still sign in")
	}
	if bob.detail(bobs.ID).Job.ID != bobs.ID {
		t.Error("somebody else's job is gone")
	}
}

func TestChoiceOfMails(t *testing.T) {
	s := newServer(t)
	b, other := s.signedIn("ann@example.com"), s.signedIn("bob@example.com")
	off := func(b *browser) bool {
		var session sessionBody
		b.call("GET", "/auth/session", nil).into(t, 200, &session)
		return session.MailsOff
	}
	for _, want := range []bool{true, false, true} {
		b.call("PATCH", "/auth/account", map[string]bool{"mails_off": want}).want(t, 204, "")
		if off(b) != want || off(other) {
			t.Errorf("mails are off: %v, and of another user %v", off(b), off(other))
		}
	}
}

func TestTheLastAdminStays(t *testing.T) {
	s := newServer(t)
	root, second := s.signedInAs("root@example.com", collections.RoleAdmin), s.signedInAs("second@example.com", collections.RoleAdmin)
	s.disable("second@example.com")
	mine := map[string]string{"password": hookstest.Password}
	root.call("DELETE", "/auth/account", mine).want(t, 403, collections.CodeForbidden)
	third := s.signedInAs("third@example.com", collections.RoleAdmin)
	root.call("DELETE", "/auth/account", mine).want(t, 204, "")
	third.call("DELETE", "/auth/account", mine).want(t, 403, collections.CodeForbidden)
	if second.user.ID == "" || s.count("users", nil) != 2 {
		t.Errorf("%d users are left", s.count("users", nil))
	}
}

func TestAnAddressSetInTheDashboardOpensTheAccountInAnyCase(t *testing.T) {
	s := newServer(t)
	user := hookstest.MustCreateUser(t, s.app, "ann@example.com", collections.RoleUser)
	user.SetEmail("Ann.New@Example.com")
	if err := s.app.Save(user); err != nil {
		t.Fatal(err)
	}
	for _, email := range []string{"ann.new@example.com", "Ann.New@Example.com", "ANN.NEW@EXAMPLE.COM"} {
		if status := s.tryLogin(email, hookstest.Password); status != 200 {
			t.Errorf("%s: %d", email, status)
		}
	}
}
