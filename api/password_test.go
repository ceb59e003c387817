package api

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

func TestResetByMail(t *testing.T) {
	s, smtp := newMailServer(t)
	b := s.signedIn("ann@example.com")
	key, other := b.apiKey(), b.again()
	st := other.stream()
	if got := other.subscribe(st, []string{"jobs/*"}); got.status != 204 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	guest := s.browser()
	if got := guest.call("POST", "/auth/reset", map[string]string{"email": "Ann@example.com"}); got.status != 204 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	m := smtp.Next()
	url, token := m.Link()
	if m.To != "ann@example.com" || !strings.HasPrefix(url, s.url+"/auth/reset#token=") {
		t.Fatalf("a link to %s for %s", url, m.To)
	}
	confirm := map[string]string{"token": token, "password": newPassword}
	if got := guest.call("POST", "/auth/reset/confirm", confirm); got.status != 204 || len(got.header["Set-Cookie"]) != 0 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	for name, call := range map[string]answer{
		"the session":       b.call("GET", "/auth/session", nil),
		"the other session": other.call("GET", "/auth/session", nil),
		"the key":           guest.call("GET", "/jobs", nil, header("Authorization", key)),
	} {
		if call.status != 401 {
			t.Errorf("%s still works: %d", name, call.status)
		}
	}
	if line := st.until(t, "never"); line != "" {
		t.Errorf("the realtime connection is open: %s", line)
	}
	if s.tryLogin("ann@example.com", hookstest.Password) != 401 || s.tryLogin("ann@example.com", newPassword) != 200 {
		t.Error("the password has not changed")
	}
	guest.call("POST", "/auth/reset/confirm", confirm).want(t, 400, collections.CodeInvalidInput)
}

func TestAResetVerifiesTheAddress(t *testing.T) {
	s := newServer(t)
	user := hookstest.MustCreateUser(t, s.app, "ann@example.com", collections.RoleUser)
	user.SetVerified(false)
	if err := s.app.Save(user); err != nil {
		t.Fatal(err)
	}
	token := s.token(user.Id, collections.TokenReset, "ann@example.com", time.Hour)
	s.browser().call("POST", "/auth/reset/confirm", map[string]string{"token": token, "password": newPassword}).want(t, 204, "")
	if !s.find("ann@example.com").Verified() {
		t.Error("it is not verified")
	}
}

func TestOfParallelConfirmsOneWins(t *testing.T) {
	s := newServer(t)
	user := hookstest.MustCreateUser(t, s.app, "ann@example.com", collections.RoleUser)
	token := s.token(user.Id, collections.TokenReset, "ann@example.com", time.Hour)
	second := s.token(user.Id, collections.TokenReset, "ann@example.com", time.Hour)
	var won atomic.Int32
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			body := map[string]string{"token": token, "password": newPassword + strings.Repeat("!", i)}
			if got := s.browser().call("POST", "/auth/reset/confirm", body); got.status == 204 {
				won.Add(1)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d have set a password", won.Load())
	}
	s.browser().call("POST", "/auth/reset/confirm", map[string]string{"token": second, "password": "plum lantern harbour"}).want(t, 400, collections.CodeInvalidInput)
}

func TestResetTellsNothingOfAccounts(t *testing.T) {
	s := newServer(t)
	hookstest.MustCreateUser(t, s.app, "ann@example.com", collections.RoleUser)
	hookstest.MustCreateUser(t, s.app, "off@example.com", collections.RoleUser)
	s.disable("off@example.com")
	var bodies []string
	for _, email := range []string{"ann@example.com", "off@example.com", "nobody@example.com"} {
		got := s.browser().call("POST", "/auth/reset", map[string]string{"email": email})
		bodies = append(bodies, string(got.body))
		if got.status != 204 {
			t.Errorf("%s: %d %s", email, got.status, got.body)
		}
		// What is written is the same, too, so that the time is.
		if n := s.count("mails", dbx.HashExp{"email": email, "kind": "reset", "user_id": ""}); n != 1 {
			t.Errorf("%s: %d mails are queued", email, n)
		}
	}
	if bodies[0] != bodies[1] || bodies[0] != bodies[2] {
		t.Errorf("answered %q", bodies)
	}
}

func TestResetsAreLimited(t *testing.T) {
	s := newServer(t)
	for range 5 {
		s.browser().call("POST", "/auth/reset", map[string]string{"email": "ann@example.com"}).want(t, 204, "")
	}
	s.browser().call("POST", "/auth/reset", map[string]string{"email": "ANN@example.com"}).want(t, 429, collections.CodeRateLimited)
	s.browser().call("POST", "/auth/reset", map[string]string{"email": "bob@example.com"}).want(t, 204, "")
	s.clock.advance(time.Hour)
	s.browser().call("POST", "/auth/reset", map[string]string{"email": "ann@example.com"}).want(t, 204, "")
}

func TestChangeOfPassword(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	key, other, bob := b.apiKey(), b.again(), s.signedIn("bob@example.com")
	stale := s.token(b.user.ID, collections.TokenReset, "ann@example.com", time.Hour)
	change := map[string]string{"current_password": hookstest.Password, "new_password": newPassword}
	b.call("POST", "/auth/password", change).want(t, 204, "")
	if got := b.call("GET", "/auth/session", nil); got.status != 200 {
		t.Errorf("this session ended: %s", got.body)
	}
	other.call("GET", "/auth/session", nil).want(t, 401, collections.CodeUnauthorized)
	if got := bob.call("GET", "/auth/session", nil); got.status != 200 {
		t.Error("somebody else was signed out")
	}
	if got := s.browser().call("GET", "/jobs", nil, header("Authorization", key)); got.status != 200 {
		t.Errorf("the key ended: %s", got.body)
	}
	if s.tryLogin("ann@example.com", hookstest.Password) != 401 || s.tryLogin("ann@example.com", newPassword) != 200 {
		t.Error("the password has not changed")
	}
	s.browser().call("POST", "/auth/reset/confirm", map[string]string{"token": stale, "password": "plum lantern harbour"}).want(t, 400, collections.CodeInvalidInput)
}

func TestAWrongCurrentPasswordCountsAsAFailedSignIn(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	for _, guess := range []struct {
		method, path string
		body         map[string]string
		field        string
	}{
		{"POST", "/auth/password", map[string]string{"current_password": "wrong", "new_password": newPassword}, "current_password"},
		{"POST", "/auth/email", map[string]string{"password": "wrong", "email": "new@example.com"}, "password"},
		{"DELETE", "/auth/account", map[string]string{"password": "wrong"}, "password"},
	} {
		for range 3 {
			got := b.call(guess.method, guess.path, guess.body)
			got.want(t, 400, collections.CodeInvalidInput)
			if !strings.Contains(string(got.body), `"`+guess.field+`":`) {
				t.Errorf("%s does not name the field: %s", guess.path, got.body)
			}
		}
	}
	b.call("DELETE", "/auth/account", map[string]string{"password": "wrong"}).want(t, 400, collections.CodeInvalidInput)
	right := map[string]string{"current_password": hookstest.Password, "new_password": newPassword}
	b.call("POST", "/auth/password", right).want(t, 429, collections.CodeRateLimited)
	if s.tryLogin("ann@example.com", hookstest.Password) != 429 {
		t.Error("a sign-in is still tried")
	}
}

func TestWeakPasswordsAreRefusedEverywhere(t *testing.T) {
	s := newServer(t, withRegistration(collections.RegistrationOpen))
	b := s.signedIn("ann@example.com")
	token := s.token(b.user.ID, collections.TokenReset, "ann@example.com", time.Hour)
	setup := setupBody(s, "root@example.com")
	for _, weak := range []string{"elevenchars", "Password1234", "longshore!2026", "ann@example.com", "root@example.com", strings.Repeat("é", 40)} {
		setup["password"] = weak
		if weak != "ann@example.com" {
			s.browser().call("POST", "/setup", setup).want(t, 400, collections.CodeInvalidInput)
		}
		if weak == "root@example.com" {
			continue
		}
		b.call("POST", "/auth/password", map[string]string{"current_password": hookstest.Password, "new_password": weak}).want(t, 400, collections.CodeInvalidInput)
		s.browser().call("POST", "/auth/reset/confirm", map[string]string{"token": token, "password": weak}).want(t, 400, collections.CodeInvalidInput)
		s.browser().call("POST", "/auth/register", map[string]string{"email": "ann@example.com", "password": weak}).want(t, 400, collections.CodeInvalidInput)
		if _, err := UpsertUser(s.app, "ann@example.com", weak, "", ""); collections.CodeOf(err) != collections.CodeInvalidInput {
			t.Errorf("upsert takes %q: %v", weak, err)
		}
		user := s.find("ann@example.com")
		user.SetPassword(weak)
		if err := s.app.Save(user); err == nil {
			t.Errorf("the dashboard takes %q", weak)
		}
	}
	if s.tryLogin("ann@example.com", hookstest.Password) != 200 || s.count("users", nil) != 1 {
		t.Error("something has changed")
	}
	s.browser().call("POST", "/auth/reset/confirm", map[string]string{"token": token, "password": newPassword}).want(t, 204, "")
}
