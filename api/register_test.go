package api

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks/hookstest"
	"github.com/longshore-project/longshore/mail/mailtest"
)

func registerBody(email string, more ...string) map[string]string {
	body := map[string]string{"email": email, "password": newPassword}
	for i := 0; i < len(more); i += 2 {
		body[more[i]] = more[i+1]
	}
	return body
}

func TestRegisterVerifyAndSignIn(t *testing.T) {
	s, smtp := newMailServer(t, withRegistration(collections.RegistrationOpen))
	var made User
	s.browser().call("POST", "/auth/register", registerBody("Ann@Example.com")).into(t, 201, &made)
	if made.Email != "ann@example.com" || made.Role != collections.RoleUser || made.Plan != collections.PlanFree || made.EmailVerified || made.ID != s.find("ann@example.com").Id {
		t.Errorf("made %+v", made)
	}
	if status := s.tryLogin("ann@example.com", newPassword); status != 200 {
		t.Errorf("sign-in answers %d", status)
	}
	url, token := smtp.Next().Link()
	if !strings.HasPrefix(url, s.url+"/auth/verify-email#token=") {
		t.Errorf("the mail leads to %s", url)
	}
	if got := s.browser().call("POST", "/auth/verify-email/confirm", map[string]string{"token": token}); got.status != 204 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if !s.find("ann@example.com").Verified() {
		t.Error("the address is not verified")
	}
	s.browser().call("POST", "/auth/verify-email/confirm", map[string]string{"token": token}).want(t, 400, collections.CodeInvalidInput)
}

func TestWhoMayRegister(t *testing.T) {
	for _, tc := range []struct {
		name   string
		kind   collections.Registration
		invite bool
		status int
		code   collections.Code
	}{
		{"anybody when it is open", collections.RegistrationOpen, false, 201, ""},
		{"the invited when it is open", collections.RegistrationOpen, true, 201, ""},
		{"nobody without an invitation", collections.RegistrationInvite, false, 403, collections.CodeForbidden},
		{"the invited", collections.RegistrationInvite, true, 201, ""},
		{"nobody when it is closed", collections.RegistrationClosed, false, 403, collections.CodeForbidden},
		{"nobody when it is closed, invited or not", collections.RegistrationClosed, true, 403, collections.CodeForbidden},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newServer(t, withRegistration(tc.kind))
			body := registerBody("ann@example.com")
			if tc.invite {
				body["invite"] = s.invite(nil)
			}
			s.browser().call("POST", "/auth/register", body).want(t, tc.status, tc.code)
			if n := s.count("users", nil); (n == 1) != (tc.status == 201) {
				t.Errorf("%d users", n)
			}
		})
	}
}

func TestTheSettingsDecideUnlessTheEnvironmentDoes(t *testing.T) {
	s := newServer(t)
	s.browser().call("POST", "/auth/register", registerBody("ann@example.com")).want(t, 403, collections.CodeForbidden)
	settings, err := s.app.FindFirstRecordByFilter("settings", "id != ''")
	if err != nil {
		t.Fatal(err)
	}
	settings.Set("registration", "open")
	if err := s.app.Save(settings); err != nil {
		t.Fatal(err)
	}
	s.browser().call("POST", "/auth/register", registerBody("ann@example.com")).want(t, 201, "")
}

func TestInvitations(t *testing.T) {
	s := newServer(t, behindProxy)
	at := func(d time.Duration) string { return dbTime(s.clock.now().Add(d)) }
	hookstest.MustCreateUser(t, s.app, "taken@example.com", collections.RoleUser)
	for i, tc := range []struct {
		name, email string
		invite      map[string]any
		code        string // instead of the invitation's
		status      int
		plan        collections.PlanName
	}{
		{"a code that nobody gave", "a1@example.com", nil, "made-up", 400, ""},
		{"the hash of a code", "a2@example.com", nil, hashToken("made-up"), 400, ""},
		{"an expired one", "a3@example.com", map[string]any{"expires_at": at(-time.Minute)}, "", 400, ""},
		{"a used one", "a4@example.com", map[string]any{"used_at": at(-time.Minute)}, "", 400, ""},
		{"one for another address", "a5@example.com", map[string]any{"email": "b@example.com"}, "", 400, ""},
		{"one for this address", "a6@example.com", map[string]any{"email": "A6@Example.com"}, "", 201, collections.PlanFree},
		{"one that holds", "a7@example.com", map[string]any{"expires_at": at(time.Minute)}, "", 201, collections.PlanFree},
		{"one with a plan", "a8@example.com", map[string]any{"plan": "pro"}, "", 201, collections.PlanPro},
		{"one for somebody who has an account", "TAKEN@example.com", map[string]any{}, "", 400, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			code := tc.code
			if code == "" {
				code = s.invite(tc.invite)
			}
			got := s.browserFrom(fmt.Sprintf("192.0.2.%d", i)).call("POST", "/auth/register", registerBody(tc.email, "invite", code))
			if got.status != tc.status {
				t.Fatalf("%d %s", got.status, got.body)
			}
			used := s.count("invites", dbx.HashExp{"code_hash": hashToken(code), "used_by": ""}) == 0 && tc.code == ""
			if used != (tc.status == 201) {
				t.Errorf("used: %v", used)
			}
			if tc.status == 201 {
				var made User
				got.into(t, 201, &made)
				if made.Plan != tc.plan {
					t.Errorf("the plan is %s", made.Plan)
				}
			}
		})
	}
}

func TestOneInvitationMakesOneAccount(t *testing.T) {
	s := newServer(t, behindProxy)
	code := s.invite(nil)
	var made atomic.Int32
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			got := s.browserFrom(fmt.Sprintf("192.0.2.%d", i)).call("POST", "/auth/register", registerBody(fmt.Sprintf("u%d@example.com", i), "invite", code))
			switch got.status {
			case 201:
				made.Add(1)
			case 400:
			default:
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
	all.Wait()
	if n := s.count("users", nil); made.Load() != 1 || n != 1 {
		t.Errorf("%d were told so, %d accounts were made", made.Load(), n)
	}
}

func TestOneAddressMakesOneAccount(t *testing.T) {
	s := newServer(t, withRegistration(collections.RegistrationOpen), behindProxy)
	var all sync.WaitGroup
	for i := range 5 {
		all.Go(func() {
			s.browserFrom(fmt.Sprintf("192.0.2.%d", i)).call("POST", "/auth/register", registerBody("ann@example.com")).want(t, 201, "")
		})
	}
	all.Wait()
	if n := s.count("users", nil); n != 1 {
		t.Errorf("%d accounts", n)
	}
}

func TestRegisteringTellsNothingOfOtherAccounts(t *testing.T) {
	s, smtp := newMailServer(t, withRegistration(collections.RegistrationOpen))
	hookstest.MustCreateUser(t, s.app, "taken@example.com", collections.RoleAdmin)
	var free, taken User
	forNew := s.browser().call("POST", "/auth/register", registerBody("fresh@example.com"))
	forTaken := s.browser().call("POST", "/auth/register", registerBody("TAKEN@example.com"))
	forNew.into(t, 201, &free)
	forTaken.into(t, 201, &taken)
	if n := s.count("users", dbx.HashExp{"id": taken.ID}); n != 0 || len(taken.ID) != len(free.ID) {
		t.Errorf("the answer names %q", taken.ID)
	}
	same := strings.NewReplacer(free.ID, "ID", taken.ID, "ID", "fresh@", "@", "taken@", "@", free.CreatedAt, "AT", taken.CreatedAt, "AT")
	if a, b := same.Replace(string(forNew.body)), same.Replace(string(forTaken.body)); a != b {
		t.Errorf("answered\n%s\n%s", a, b)
	}
	if s.tryLogin("taken@example.com", newPassword) != 401 || s.tryLogin("taken@example.com", hookstest.Password) != 200 {
		t.Error("the password of the other account has changed")
	}
	subjects := map[string]string{}
	for range 2 {
		m := smtp.Next()
		subjects[m.To] = m.Subject
	}
	if subjects["taken@example.com"] != "You have a Longshore account already" || subjects["fresh@example.com"] != "Verify your e-mail address for Longshore" {
		t.Errorf("mails: %v", subjects)
	}
}

func TestRegistrationsAreLimited(t *testing.T) {
	s := newServer(t, withRegistration(collections.RegistrationOpen), behindProxy)
	for i := range 5 {
		s.browserFrom(fmt.Sprintf("192.0.2.%d", i)).call("POST", "/auth/register", registerBody("ann@example.com")).want(t, 201, "")
	}
	got := s.browserFrom("192.0.2.99").call("POST", "/auth/register", registerBody("ANN@example.com"))
	got.want(t, 429, collections.CodeRateLimited)
	if got.header.Get("Retry-After") == "" {
		t.Error("there is no Retry-After")
	}
	for i := range 20 {
		s.browser().call("POST", "/auth/register", registerBody(fmt.Sprintf("u%d@example.com", i))).want(t, 201, "")
	}
	s.browser().call("POST", "/auth/register", registerBody("new@example.com")).want(t, 429, collections.CodeRateLimited)
}

func TestVerifiedAddressesForJobs(t *testing.T) {
	s, smtp := newMailServer(t)
	b := s.signedIn("ann@example.com")
	user := s.find("ann@example.com")
	user.SetVerified(false)
	if err := s.app.Save(user); err != nil {
		t.Fatal(err)
	}
	submit := func() answer { return b.call("POST", "/jobs", map[string]any{"magnet": magnet(1)}) }
	settings, err := s.app.FindFirstRecordByFilter("settings", "id != ''")
	if err != nil {
		t.Fatal(err)
	}
	settings.Set("require_verified_email", true)
	if err := s.app.Save(settings); err != nil {
		t.Fatal(err)
	}
	submit().want(t, 403, collections.CodeEmailUnverified)
	if n := s.jobCount(); n != 0 {
		t.Errorf("%d jobs", n)
	}
	if got := b.call("POST", "/auth/verify-email", nil); got.status != 204 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	token := tokenOf(t, smtp.Next())
	if got := s.browser().call("POST", "/auth/verify-email/confirm", map[string]string{"token": token}); got.status != 204 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	submit().want(t, 201, "")
	if got := b.call("POST", "/auth/verify-email", nil); got.status != 204 || s.count("mails", nil) != 0 {
		t.Errorf("once verified: %d, %d mails", got.status, s.count("mails", nil))
	}
}

func tokenOf(t testing.TB, m mailtest.Message) string {
	t.Helper()
	_, token := m.Link()
	if token == "" {
		t.Fatalf("there is no link in %s", m.Text)
	}
	return token
}
