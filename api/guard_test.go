package api

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/longshore-project/longshore/collections"
)

var pathParam = regexp.MustCompile(`\{[^}]+\}`)

// fill answers a path of a route for things that are not there.
func fill(path string) string { return pathParam.ReplaceAllString(path, "aaaaaaaaaaaaaaa") }

func TestEveryUnsafeRouteNeedsTheCSRFToken(t *testing.T) {
	s := newServer(t)
	root := s.signedInAs("root@example.com", collections.RoleAdmin)
	tried := 0
	for _, rt := range s.api.routes() {
		if rt.who == anyone || isSafe(rt.method) {
			continue
		}
		tried++
		for _, token := range []string{"", "x"} {
			got := root.call(rt.method, fill(rt.path), nil, header("X-CSRF-Token", token))
			if got.status != 403 || got.code() != collections.CodeCSRFFailed {
				t.Errorf("%s %s with the token %q: %d %s", rt.method, rt.path, token, got.status, got.body)
			}
		}
	}
	if tried < 20 {
		t.Errorf("only %d were tried", tried)
	}
	if got := root.call("GET", "/auth/session", nil); got.status != 200 {
		t.Errorf("something was done: %d", got.status)
	}
}

func TestRequestsOfOtherSitesAreRefusedOnEveryUnsafeRoute(t *testing.T) {
	s := newServer(t)
	root := s.signedInAs("root@example.com", collections.RoleAdmin)
	for _, rt := range s.api.routes() {
		if isSafe(rt.method) {
			continue
		}
		for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
			got := root.call(rt.method, fill(rt.path), nil, header(name, value))
			if got.status != 403 || got.code() != collections.CodeCSRFFailed {
				t.Errorf("%s %s with %s: %d %s", rt.method, rt.path, name, got.status, got.body)
			}
		}
	}
}

func TestExpiredSessionIsNoneOnEveryRoute(t *testing.T) {
	s := newServer(t)
	root := s.signedInAs("root@example.com", collections.RoleAdmin)
	s.clock.advance(sessionTTL + time.Second)
	for _, rt := range s.api.routes() {
		if rt.who == anyone {
			continue
		}
		if got := root.call(rt.method, fill(rt.path), nil); got.status != 401 || got.code() != collections.CodeUnauthorized {
			t.Errorf("%s %s: %d %s", rt.method, rt.path, got.status, got.body)
		}
	}
}

func TestKeysHaveTheRightsOfTheirScopesOnEveryRoute(t *testing.T) {
	s := newServer(t)
	root := s.signedInAs("root@example.com", collections.RoleAdmin)
	programs := map[collections.Scope]*browser{}
	for _, scope := range collections.Scopes() {
		programs[scope] = s.program(root.newKey(scope).Key)
	}
	tried := map[collections.Scope]int{}
	for _, rt := range s.api.routes() {
		if rt.who == anyone {
			continue
		}
		for scope, p := range programs {
			got := p.call(rt.method, fill(rt.path), nil)
			switch want := wantedScope(rt); {
			case rt.who == person:
				got.want(t, 403, collections.CodeForbidden)
			case scope != want:
				got.want(t, 403, collections.CodeForbidden)
				if lacks := lacking(got); lacks != want {
					t.Errorf("%s %s names the scope %q instead of %q", rt.method, rt.path, lacks, want)
				}
			case got.status == 401, lacking(got) != "", got.code() == collections.CodeCSRFFailed:
				t.Errorf("%s %s with a key of scope %s: %d %s", rt.method, rt.path, scope, got.status, got.body)
			default:
				tried[scope]++
			}
		}
	}
	for _, scope := range collections.Scopes() {
		if tried[scope] == 0 {
			t.Errorf("no route was open to %s", scope)
		}
	}
}

// wantedScope says again, by other means than the API, what a route needs.
func wantedScope(rt route) collections.Scope {
	switch {
	case strings.HasPrefix(rt.path, "/admin"):
		return collections.ScopeAdmin
	case rt.method == "GET", strings.Contains(rt.path, "signed-url"):
		return collections.ScopeRead
	}
	return collections.ScopeWrite
}

func lacking(a answer) collections.Scope {
	var e struct {
		Data struct{ Scope collections.Scope }
	}
	_ = json.Unmarshal(a.body, &e)
	return e.Data.Scope
}

func TestAdminScopeIsNoUseToWhoIsNoAdminAnyMore(t *testing.T) {
	s := newServer(t)
	root := s.signedInAs("root@example.com", collections.RoleAdmin)
	p := s.program(root.newKey(collections.ScopeAdmin).Key)
	if got := p.call("GET", "/admin/schedules", nil); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	s.set("users", root.user.ID, map[string]any{"role": "user"})
	p.call("GET", "/admin/schedules", nil).want(t, 403, collections.CodeForbidden)
}

// A superuser can make a token for a user. It is no session and no key, and would outlive both.
func TestPocketBasesTokensOpenNoRouteOfOurs(t *testing.T) {
	s := newServer(t)
	ann := s.signedIn("ann@example.com")
	user, err := s.app.FindRecordById("users", ann.user.ID)
	if err != nil {
		t.Fatal(err)
	}
	token, err := user.NewAuthToken()
	if err != nil {
		t.Fatal(err)
	}
	p := s.program(token)
	for _, path := range []string{"/jobs", "/auth/session", "/auth/sessions"} {
		p.call("GET", path, nil).want(t, 403, collections.CodeForbidden)
	}
	if got := p.subscribe(p.stream(), []string{"jobs/*"}); got.status != 401 {
		t.Errorf("it may listen: %d %s", got.status, got.body)
	}
}
