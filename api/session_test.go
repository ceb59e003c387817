package api

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func TestSignIn(t *testing.T) {
	s := newServer(t)
	hookstest.MustCreateUser(t, s.app, "ann@example.com", collections.RoleUser)
	off := hookstest.MustCreateUser(t, s.app, "off@example.com", collections.RoleUser)
	off.Set("disabled", true)
	if err := s.app.Save(off); err != nil {
		t.Fatal(err)
	}
	good := map[string]string{"email": "ann@example.com", "password": hookstest.Password}
	for _, tc := range []struct {
		name   string
		body   any
		change func(*http.Request)
		status int
		code   collections.Code
	}{
		{"a wrong password", map[string]string{"email": "ann@example.com", "password": "wrong"}, nil, 401, collections.CodeUnauthorized},
		{"an unknown e-mail", map[string]string{"email": "bob@example.com", "password": "wrong"}, nil, 401, collections.CodeUnauthorized},
		{"a disabled account", map[string]string{"email": "off@example.com", "password": hookstest.Password}, nil, 403, collections.CodeForbidden},
		{"no password", map[string]string{"email": "ann@example.com"}, nil, 400, collections.CodeInvalidInput},
		{"a number for a password", map[string]any{"email": "ann@example.com", "password": 7}, nil, 400, collections.CodeInvalidInput},
		{"a field too many", map[string]string{"email": "a@b.c", "password": "x", "role": "admin"}, nil, 400, collections.CodeInvalidInput},
		{"no JSON", `{"email": `, nil, 400, collections.CodeInvalidInput},
		{"a field twice", `{"email":"ann@example.com","email":"b@example.com","password":"x"}`, nil, 400, collections.CodeInvalidInput},
		{"another content type", `email=ann`, header("Content-Type", "application/x-www-form-urlencoded"), 400, collections.CodeInvalidInput},
		{"a form", newForm("email", "ann@example.com", "password", hookstest.Password), nil, 400, collections.CodeInvalidInput},
		{"an oversized body", map[string]string{"email": strings.Repeat("a", collections.MaxJSONBytes), "password": "x"}, nil, 413, collections.CodeTooLarge},
		{"a page of another site", good, header("Sec-Fetch-Site", "cross-site"), 403, collections.CodeCSRFFailed},
		{"a page of another origin", good, header("Origin", "https://evil.example"), 403, collections.CodeCSRFFailed},
		{"a sandboxed page", good, header("Origin", "null"), 403, collections.CodeCSRFFailed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			change := tc.change
			if change == nil {
				change = func(*http.Request) {}
			}
			s.browser().call("POST", "/auth/login", tc.body, change).want(t, tc.status, tc.code)
		})
	}
}

func TestSessionCookieIsForThisOriginOnly(t *testing.T) {
	for _, tc := range []struct {
		public, name string
		secure       bool
	}{
		{"http://127.0.0.1:8090", "longshore", false},
		{"https://longshore.example", "__Host-longshore", true},
	} {
		s := newServer(t, func(c *Config) { c.PublicURL = tc.public })
		hookstest.MustCreateUser(t, s.app, "ann@example.com", collections.RoleUser)
		got := s.browser().call("POST", "/auth/login", map[string]string{"email": "ann@example.com", "password": hookstest.Password})
		cookies := (&http.Response{Header: got.header}).Cookies()
		if len(cookies) != 1 {
			t.Fatalf("%s: cookies %v", tc.public, cookies)
		}
		c := cookies[0]
		if c.Name != tc.name || c.Secure != tc.secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("%s: %+v", tc.public, c)
		}
		if n, _ := s.app.CountRecords("sessions", dbx.HashExp{"token_hash": c.Value}); n != 0 {
			t.Error("the database holds the token itself")
		}
	}
}

func TestSessionLivesThirtyDaysFromItsLastUse(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	for range 3 {
		s.clock.advance(29 * 24 * time.Hour)
		if got := b.call("GET", "/auth/session", nil); got.status != 200 {
			t.Fatalf("signed out too early: %s", got.body)
		}
	}
	s.clock.advance(31 * 24 * time.Hour)
	b.call("GET", "/auth/session", nil).want(t, 401, collections.CodeUnauthorized)
	if err := s.api.sweepAccess(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, _ := s.app.CountRecords("sessions"); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

func TestUnsafeRequestsNeedTheSessionsCSRFToken(t *testing.T) {
	s := newServer(t)
	ann, bob := s.signedIn("ann@example.com"), s.signedIn("bob@example.com")
	for name, token := range map[string]string{"none": "", "rubbish": "x", "another session's": bob.csrf} {
		ann.call("POST", "/auth/logout", nil, header("X-CSRF-Token", token)).want(t, 403, collections.CodeCSRFFailed)
		if got := ann.call("GET", "/auth/session", nil); got.status != 200 {
			t.Errorf("with %s: the session ended", name)
		}
	}
	if got := ann.call("POST", "/auth/logout", nil); got.status != 204 {
		t.Errorf("with its own: %d %s", got.status, got.body)
	}
}

func TestSignOutEndsTheSession(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	target, _ := url.Parse(s.url)
	stolen := b.http.Jar.Cookies(target)
	b.call("POST", "/auth/logout", nil)
	if left := b.http.Jar.Cookies(target); len(left) != 0 {
		t.Errorf("the browser still has %v", left)
	}
	b.http.Jar.SetCookies(target, stolen)
	b.call("GET", "/auth/session", nil).want(t, 401, collections.CodeUnauthorized)
}

func TestDisabledUserIsSignedOutEverywhere(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	user, err := s.app.FindRecordById("users", b.user.ID)
	if err != nil {
		t.Fatal(err)
	}
	user.Set("disabled", true)
	if err := s.app.Save(user); err != nil {
		t.Fatal(err)
	}
	b.call("GET", "/jobs", nil).want(t, 401, collections.CodeUnauthorized)
	if n, _ := s.app.CountRecords("sessions", dbx.HashExp{"user_id": user.Id}); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

func TestCookieNeverCarriesSuperuserRights(t *testing.T) {
	s := newServer(t)
	admin := s.signedInAs("root@example.com", collections.RoleAdmin)
	superuser := mustCreateSuperuser(t, s.app, "root@example.com")
	token, err := superuser.NewAuthToken()
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, token string
		status      int
	}{
		{"the cookie alone", "", 403},
		{"the cookie and a superuser's token", token, 200},
		{"the cookie and a rubbish token", "rubbish", 403},
	} {
		r := admin.request("GET", "/api/settings", nil)
		if tc.token != "" {
			r.Header.Set("Authorization", tc.token)
		}
		if got := admin.do(r); got.status != tc.status {
			t.Errorf("%s: %d %s", tc.name, got.status, got.body)
		}
	}
	session, err := s.app.FindFirstRecordByData("sessions", "user_id", admin.user.ID)
	if err != nil {
		t.Fatal(err)
	}
	session.Set("user_id", superuser.Id)
	if err := s.app.Save(session); err != nil {
		t.Fatal(err)
	}
	admin.call("GET", "/auth/session", nil).want(t, 401, collections.CodeUnauthorized)
}

func TestSuperuserHasNoPartInTheApp(t *testing.T) {
	s := newServer(t)
	token, err := mustCreateSuperuser(t, s.app, "root@example.com").NewAuthToken()
	if err != nil {
		t.Fatal(err)
	}
	s.browser().call("GET", "/jobs", nil, header("Authorization", token)).want(t, 403, collections.CodeForbidden)
}

func mustCreateSuperuser(t testing.TB, app core.App, email string) *core.Record {
	t.Helper()
	superusers, err := app.FindCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		t.Fatal(err)
	}
	r := core.NewRecord(superusers)
	r.SetEmail(email)
	r.SetPassword(hookstest.Password)
	if err := app.Save(r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSignInAndOutLeaveOneRowOfAuditEach(t *testing.T) {
	s := newServer(t)
	ann := s.signedIn("ann@example.com")
	s.browser().call("POST", "/auth/login", wrong("ann@example.com"))
	ann.call("POST", "/auth/logout", nil)
	var rows []struct {
		Action string `db:"action"`
		Actor  string `db:"actor_id"`
		Kind   string `db:"actor_kind"`
	}
	if err := s.app.DB().Select("action", "actor_id", "actor_kind").From("audit_logs").Where(dbx.HashExp{"target_type": "sessions"}).OrderBy("rowid").All(&rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != 2 || rows[0].Action != "auth.login" || rows[1].Action != "auth.logout" {
		t.Fatalf("audited %+v", rows)
	}
	for _, row := range rows {
		if row.Actor != ann.user.ID || row.Kind != "user" {
			t.Errorf("done by %+v", row)
		}
	}
}
