package api

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

// callers are the columns of the table of roles. A key is of the user, but for the last.
var callers = []string{"nobody", "user", "read key", "write key", "read and write key", "admin", "admin's admin key", "superuser"}

// What the callers get, in their order: ok is anything but a refusal, such as 404 for what is not theirs.
const (
	forAnyone  = "ok  ok  ok  ok  ok  ok  ok  ok"
	forReaders = "401 ok  ok  403 ok  ok  403 403"
	forWriters = "401 ok  403 ok  ok  ok  403 403"
	forPersons = "401 ok  403 403 403 ok  403 403"
	forAdmins  = "401 403 403 403 403 ok  ok  403"
	forGuests  = "ok  ok  ok  403 ok  ok  403 ok" // but keys need the scope read
	forSuper   = "403 403 403 403 403 403 403 ok"
)

// roles is what every route of the mux lets whom do.
var roles = map[string]string{
	"GET /healthz":   forAnyone,
	"GET /readyz":    forAnyone,
	"GET /{path...}": forAnyone,

	"GET /api/v1/healthz":                    forAnyone,
	"GET /api/v1/readyz":                     forAnyone,
	"GET /api/v1/openapi.json":               forAnyone,
	"GET /api/v1/config":                     forAnyone,
	"POST /api/v1/setup":                     forAnyone,
	"POST /api/v1/auth/register":             forAnyone,
	"POST /api/v1/auth/login":                forAnyone,
	"POST /api/v1/auth/reset":                forAnyone,
	"POST /api/v1/auth/reset/confirm":        forAnyone,
	"POST /api/v1/auth/verify-email/confirm": forAnyone,

	"GET /api/v1/auth/session":           forReaders,
	"GET /api/v1/usage":                  forReaders,
	"GET /api/v1/usage/history":          forReaders,
	"GET /api/v1/files":                  forReaders,
	"POST /api/v1/files/{id}/signed-url": forReaders,
	"GET /api/v1/jobs":                   forReaders,
	"GET /api/v1/jobs/{id}":              forReaders,
	"GET /api/v1/jobs/{id}/files":        forReaders,
	"GET /api/v1/jobs/{id}/events":       forReaders,
	"POST /api/v1/jobs/{id}/signed-urls": forReaders,

	"POST /api/v1/jobs":             forWriters,
	"POST /api/v1/jobs/bulk":        forWriters,
	"PATCH /api/v1/jobs/{id}":       forWriters,
	"DELETE /api/v1/jobs/{id}":      forWriters,
	"POST /api/v1/jobs/{id}/pause":  forWriters,
	"POST /api/v1/jobs/{id}/resume": forWriters,
	"POST /api/v1/jobs/{id}/cancel": forWriters,
	"POST /api/v1/jobs/{id}/retry":  forWriters,
	"POST /api/v1/jobs/{id}/select": forWriters,
	"DELETE /api/v1/files/{id}":     forWriters,

	"POST /api/v1/auth/logout":          forPersons,
	"POST /api/v1/auth/accept-aup":      forPersons,
	"POST /api/v1/auth/verify-email":    forPersons,
	"POST /api/v1/auth/password":        forPersons,
	"POST /api/v1/auth/email":           forPersons,
	"PATCH /api/v1/auth/account":        forPersons,
	"DELETE /api/v1/auth/account":       forPersons,
	"GET /api/v1/auth/sessions":         forPersons,
	"DELETE /api/v1/auth/sessions":      forPersons,
	"DELETE /api/v1/auth/sessions/{id}": forPersons,
	"GET /api/v1/auth/keys":             forPersons,
	"POST /api/v1/auth/keys":            forPersons,
	"DELETE /api/v1/auth/keys/{id}":     forPersons,

	"GET /api/v1/admin/jobs":                  forAdmins,
	"PATCH /api/v1/admin/jobs/{id}":           forAdmins,
	"POST /api/v1/admin/jobs/{id}/terminate":  forAdmins,
	"POST /api/v1/admin/jobs/{id}/requeue":    forAdmins,
	"GET /api/v1/admin/agents":                forAdmins,
	"DELETE /api/v1/admin/agents/{id}":        forAdmins,
	"POST /api/v1/admin/agents/{id}/drain":    forAdmins,
	"POST /api/v1/admin/agents/{id}/undrain":  forAdmins,
	"GET /api/v1/admin/system-health":         forAdmins,
	"GET /api/v1/admin/audit":                 forAdmins,
	"GET /api/v1/admin/blocklist":             forAdmins,
	"POST /api/v1/admin/blocklist":            forAdmins,
	"GET /api/v1/admin/blocklist/{id}":        forAdmins,
	"DELETE /api/v1/admin/blocklist/{id}":     forAdmins,
	"GET /api/v1/admin/invites":               forAdmins,
	"POST /api/v1/admin/invites":              forAdmins,
	"DELETE /api/v1/admin/invites/{id}":       forAdmins,
	"GET /api/v1/admin/plans":                 forAdmins,
	"POST /api/v1/admin/plans":                forAdmins,
	"PATCH /api/v1/admin/plans/{id}":          forAdmins,
	"DELETE /api/v1/admin/plans/{id}":         forAdmins,
	"GET /api/v1/admin/schedules":             forAdmins,
	"POST /api/v1/admin/schedules/{name}/run": forAdmins,
	"GET /api/v1/admin/settings":              forAdmins,
	"PATCH /api/v1/admin/settings":            forAdmins,
	"GET /api/v1/admin/users":                 forAdmins,
	"POST /api/v1/admin/users":                forAdmins,
	"GET /api/v1/admin/users/{id}":            forAdmins,
	"PATCH /api/v1/admin/users/{id}":          forAdmins,
	"DELETE /api/v1/admin/users/{id}":         forAdmins,

	"GET /api/health":    forGuests,
	"GET /api/realtime":  forGuests,
	"POST /api/realtime": forGuests,

	"GET /api/collections":                                      forSuper,
	"POST /api/collections":                                     forSuper,
	"PUT /api/collections/import":                               forSuper,
	"POST /api/collections/meta/dry-run-view":                   forSuper,
	"GET /api/collections/meta/oauth2-providers":                forSuper,
	"GET /api/collections/meta/scaffolds":                       forSuper,
	"GET /api/collections/{collection}":                         forSuper,
	"PATCH /api/collections/{collection}":                       forSuper,
	"DELETE /api/collections/{collection}":                      forSuper,
	"DELETE /api/collections/{collection}/truncate":             forSuper,
	"GET /api/collections/{collection}/records":                 forSuper,
	"POST /api/collections/{collection}/records":                forSuper,
	"GET /api/collections/{collection}/records/{id}":            forSuper,
	"PATCH /api/collections/{collection}/records/{id}":          forSuper,
	"DELETE /api/collections/{collection}/records/{id}":         forSuper,
	"POST /api/collections/{collection}/impersonate/{id}":       forSuper,
	"GET /api/collections/{collection}/auth-methods":            forSuper,
	"POST /api/collections/{collection}/auth-refresh":           "403 403 403 403 403 403 403 403", // a superuser is none of users
	"POST /api/collections/{collection}/auth-with-password":     forSuper,
	"POST /api/collections/{collection}/auth-with-oauth2":       "403 403 403 403 403 403 403 403", // switched off
	"POST /api/collections/{collection}/auth-with-otp":          "403 403 403 403 403 403 403 403", // switched off
	"POST /api/collections/{collection}/request-otp":            "403 403 403 403 403 403 403 403", // switched off
	"POST /api/collections/{collection}/request-password-reset": forSuper,
	"POST /api/collections/{collection}/confirm-password-reset": forSuper,
	"POST /api/collections/{collection}/request-verification":   forSuper,
	"POST /api/collections/{collection}/confirm-verification":   forSuper,
	"POST /api/collections/{collection}/request-email-change":   "403 403 403 403 403 403 403 403", // a superuser is none of users
	"POST /api/collections/{collection}/confirm-email-change":   forSuper,
	"GET /api/oauth2-redirect":                                  forSuper,
	"POST /api/oauth2-redirect":                                 forSuper,
	"GET /api/files/{collection}/{recordId}/{filename}":         forSuper,
	"POST /api/files/token":                                     forSuper,
	"GET /api/backups":                                          forSuper,
	"POST /api/backups":                                         forSuper,
	"POST /api/backups/upload":                                  forSuper,
	"GET /api/backups/{key}":                                    "403 403 403 403 403 403 403 403", // by a file token only
	"DELETE /api/backups/{key}":                                 forSuper,
	"POST /api/backups/{key}/restore":                           forSuper,
	"POST /api/batch":                                           "403 403 403 403 403 403 403 403", // switched off
	"GET /api/crons":                                            forSuper,
	"POST /api/crons/{id}":                                      forSuper,
	"GET /api/logs":                                             forSuper,
	"DELETE /api/logs":                                          forSuper,
	"GET /api/logs/stats":                                       forSuper,
	"GET /api/logs/{id}":                                        forSuper,
	"GET /api/settings":                                         forSuper,
	"PATCH /api/settings":                                       forSuper,
	"POST /api/settings/apple/generate-client-secret":           forSuper,
	"POST /api/settings/test/email":                             forSuper,
	"POST /api/settings/test/s3":                                forSuper,
	"POST /api/sql":                                             forSuper,
}

func TestTheTableOfRolesIsThatOfTheMux(t *testing.T) {
	routed := patterns(t)
	for _, pattern := range routed {
		if _, listed := roles[pattern]; !listed {
			t.Errorf("%s is not in the table", pattern)
		}
	}
	for pattern := range roles {
		if !slices.Contains(routed, pattern) {
			t.Errorf("%s is in the table, but no route", pattern)
		}
	}
}

func TestEveryRouteAdmitsWhoTheTableSays(t *testing.T) {
	s := newServer(t)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.log)
		}
	})
	ann, root := s.signedIn("ann@example.com"), s.signedInAs("root@example.com", collections.RoleAdmin)
	sign := func(email string) *browser { // anew each time: some routes sign out
		b := s.browser()
		var in signedIn
		b.call("POST", "/auth/login", map[string]string{"email": email, "password": hookstest.Password}).into(t, 200, &in)
		b.csrf = in.CSRFToken
		return b
	}
	keys := map[string]*browser{
		"read key": s.program(ann.newKey("read").Key), "write key": s.program(ann.newKey("write").Key),
		"read and write key": s.program(ann.newKey("read", "write").Key), "admin's admin key": s.program(root.newKey("admin").Key),
		"superuser": s.program(s.dashboard().token), "nobody": s.browser(),
	}
	for _, pattern := range patterns(t) {
		want := strings.Fields(roles[pattern])
		if len(want) != len(callers) {
			continue // the other test names it
		}
		for i, caller := range callers {
			client := keys[caller]
			switch caller {
			case "user":
				client = sign("ann@example.com")
			case "admin":
				client = sign("root@example.com")
			}
			if got := outcome(t, client, pattern); got != want[i] {
				t.Errorf("%s: %s gets %s instead of %s", pattern, caller, got, want[i])
			}
		}
	}
}

var pathValues = strings.NewReplacer("{collection}", "users", "{id}", "zzzzzzzzzzzzzzz", "{recordId}", "zzzzzzzzzzzzzzz", "{name}", "none",
	"{filename}", "none", "{key}", "none", "{path...}", "jobs")

// outcome asks without a body, so that a route that admits the caller refuses the request for what it lacks, or does not find it.
func outcome(t *testing.T, b *browser, pattern string) string {
	t.Helper()
	method, path, _ := strings.Cut(pattern, " ")
	path = pathValues.Replace(path)
	if destroys := method == "DELETE" && (pattern == "DELETE /api/collections/{collection}" || strings.HasSuffix(pattern, "/truncate")); destroys {
		path = strings.Replace(path, "users", "none", 1)
	}
	ctx, cancel := context.WithCancel(t.Context()) // realtime's answer has no end
	defer cancel()
	resp, err := b.http.Do(b.request(method, path, nil).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusUnauthorized:
		return "401"
	case http.StatusForbidden:
		return "403"
	}
	if resp.StatusCode >= http.StatusInternalServerError && resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%s fails with %d", pattern, resp.StatusCode)
	}
	return "ok"
}

// TestTheSuperusersSignInIsOpen holds the routes of PocketBase that are open for its own superusers only.
func TestTheSuperusersSignInIsOpen(t *testing.T) {
	s := newServer(t)
	guest := s.browser()
	for _, pattern := range openToSuperusers {
		method, path, _ := strings.Cut(pattern, " ")
		want := map[string]bool{"auth-refresh": true, "auth-with-otp": true, "request-otp": true}[path[strings.LastIndex(path, "/")+1:]] // by a token, switched off
		resp := guest.do(guest.request(method, strings.Replace(path, "{collection}", "_superusers", 1), nil))
		if refused := resp.status == 401 || resp.status == 403; refused != want {
			t.Errorf("%s answers a guest %d", pattern, resp.status)
		}
	}
}
