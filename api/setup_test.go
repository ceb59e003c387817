package api

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

func setupBody(s *server, email string) map[string]string {
	_, token, _ := strings.Cut(s.api.SetupURL(), "#token=")
	return map[string]string{"token": token, "email": email, "password": hookstest.Password}
}

func TestSetUpMakesOneAdminAndSuperuser(t *testing.T) {
	s := newServer(t)
	body := setupBody(s, "root@example.com")
	var admin User
	s.browser().call("POST", "/setup", body).into(t, 201, &admin)
	if admin.Role != collections.RoleAdmin || !admin.EmailVerified || admin.Email != "root@example.com" {
		t.Errorf("made %+v", admin)
	}
	if s.api.SetupURL() != "" {
		t.Error("there is still a link")
	}
	s.browser().call("POST", "/setup", body).want(t, 403, collections.CodeForbidden)
	b := s.browser()
	if got := b.call("POST", "/auth/login", map[string]string{"email": "root@example.com", "password": hookstest.Password}); got.status != 200 {
		t.Errorf("the admin cannot sign in: %s", got.body)
	}
	got := b.do(b.request("POST", "/api/collections/_superusers/auth-with-password", map[string]string{"identity": "root@example.com", "password": hookstest.Password}))
	if got.status != 200 {
		t.Errorf("the superuser cannot sign in: %s", got.body)
	}
}

func TestSetUpRefuses(t *testing.T) {
	s := newServer(t)
	good := setupBody(s, "root@example.com")
	with := func(name, value string) map[string]string {
		body := map[string]string{"token": good["token"], "email": good["email"], "password": good["password"]}
		body[name] = value
		return body
	}
	for _, tc := range []struct {
		name   string
		body   any
		status int
		code   collections.Code
	}{
		{"a wrong token", with("token", "x"), 403, collections.CodeForbidden},
		{"an empty token", with("token", ""), 400, collections.CodeInvalidInput},
		{"a short password", with("password", "elevenchars"), 400, collections.CodeInvalidInput},
		{"a password bcrypt would cut", with("password", strings.Repeat("é", 40)), 400, collections.CodeInvalidInput},
		{"no e-mail address", with("email", "root at example"), 400, collections.CodeInvalidInput},
		{"an e-mail address with a name", with("email", "Root <root@example.com>"), 400, collections.CodeInvalidInput},
	} {
		t.Run(tc.name, func(t *testing.T) { s.browser().call("POST", "/setup", tc.body).want(t, tc.status, tc.code) })
	}
	if n, _ := s.app.CountRecords("users"); n != 0 {
		t.Errorf("%d users were made", n)
	}
}

func TestOfParallelSetUpsOneWins(t *testing.T) {
	s := newServer(t)
	token := setupBody(s, "")["token"]
	statuses := make([]int, 8)
	var all sync.WaitGroup
	for i := range statuses {
		all.Go(func() {
			body := map[string]string{"token": token, "email": fmt.Sprintf("root%d@example.com", i), "password": hookstest.Password}
			statuses[i] = s.browser().call("POST", "/setup", body).status
		})
	}
	all.Wait()
	won := 0
	for _, status := range statuses {
		switch status {
		case 201:
			won++
		case 403:
		default:
			t.Errorf("one was answered %d", status)
		}
	}
	users, _ := s.app.CountRecords("users")
	superusers, _ := s.app.CountRecords(core.CollectionNameSuperusers)
	if won != 1 || users != 1 || superusers != 1 {
		t.Errorf("%d won, %d users, %d superusers", won, users, superusers)
	}
}

func TestUpsertUser(t *testing.T) {
	s := newServer(t)
	upsert := func(password string, role collections.Role, plan collections.PlanName) bool {
		created, err := UpsertUser(s.app, "ann@example.com", password, role, plan)
		if err != nil {
			t.Fatal(err)
		}
		return created
	}
	if !upsert(hookstest.Password, "", "") {
		t.Error("the first call did not make the user")
	}
	b := s.browser()
	in := map[string]string{"email": "ann@example.com", "password": hookstest.Password}
	b.call("POST", "/auth/login", in)
	if upsert(hookstest.Password, collections.RoleAdmin, collections.PlanPro) {
		t.Error("the second call made another user")
	}
	var session sessionBody
	b.call("GET", "/auth/session", nil).into(t, 200, &session)
	if u := session.User; u.Role != collections.RoleAdmin || u.Plan != collections.PlanPro || !u.EmailVerified {
		t.Errorf("now %+v", u)
	}
	upsert("another long password", "", "")
	b.call("GET", "/auth/session", nil).want(t, 401, collections.CodeUnauthorized)
	for name, err := range map[string]error{
		"a bad e-mail":     second(UpsertUser(s.app, "ann", hookstest.Password, "", "")),
		"a short password": second(UpsertUser(s.app, "bob@example.com", "short", "", "")),
		"an unknown role":  second(UpsertUser(s.app, "bob@example.com", hookstest.Password, "boss", "")),
		"an unknown plan":  second(UpsertUser(s.app, "bob@example.com", hookstest.Password, "", "gold")),
	} {
		if collections.CodeOf(err) != collections.CodeInvalidInput {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second(_ bool, err error) error { return err }

func TestUpsertsOfAnotherProcessDoNotBreakSubmissions(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	other := hookstest.SecondApp(t, s.app)
	var all sync.WaitGroup
	all.Go(func() {
		for i := range 100 {
			if _, err := UpsertUser(other, fmt.Sprintf("u%d@example.com", i%10), hookstest.Password, "", ""); err != nil {
				t.Error(err)
			}
		}
	})
	for i := range 4 {
		all.Go(func() {
			for j := range 25 {
				if got := b.call("POST", "/jobs", map[string]any{"magnet": magnet(i*25 + j)}); got.status != 201 {
					t.Errorf("%d %s", got.status, got.body)
				}
			}
		})
	}
	all.Wait()
	if users, _ := s.app.CountRecords("users"); users != 11 || s.jobCount() != 100 {
		t.Errorf("%d users, %d jobs", users, s.jobCount())
	}
}
