package api

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/dispatch"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/hooks/hookstest"
	"github.com/longshore-project/longshore/progress"
	"github.com/longshore-project/longshore/storage"
)

// machine is an enrolled agent's way to the routes.
type machine struct {
	t      *testing.T
	routes http.Handler
	id     string
	issuer string
	key    ed25519.PrivateKey
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	app := hookstest.NewApp(t)
	hooks.Bind(app)
	base := func() string { return "http://127.0.0.1:1" }
	store, err := storage.NewLocal(storage.LocalConfig{Dir: t.TempDir(), Key: make([]byte, 32), PartURL: base, PublicURL: base})
	must(t, err)
	d, err := dispatch.New(dispatch.Config{App: app, Store: store, Board: progress.NewBoard(), Secret: make([]byte, 32)})
	must(t, err)
	must(t, d.Start(context.Background()))
	t.Cleanup(d.Stop)
	m := &machine{t: t, routes: AgentRoutes(d, store)}
	m.enrol(app)
	return m
}

func (m *machine) enrol(app core.App) {
	m.t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	must(m.t, err)
	token, err := dispatch.NewAgentToken(app, false, time.Hour)
	must(m.t, err)
	body, err := json.Marshal(collections.EnrolRequest{Token: token, Name: "host", PublicKey: public, Advertise: "http://127.0.0.1:9"})
	must(m.t, err)
	got := m.do("POST", "/api/v1/agents/enrol", "", bytes.NewReader(body))
	var reply collections.EnrolReply
	must(m.t, json.Unmarshal(got.Body.Bytes(), &reply))
	if got.Code != http.StatusCreated || reply.AgentID == "" || len(reply.PublicKey) != ed25519.PublicKeySize {
		m.t.Fatalf("got %d %s", got.Code, got.Body)
	}
	m.id, m.issuer, m.key = reply.AgentID, reply.Issuer, private
}

func (m *machine) token() string {
	now := time.Now()
	token, err := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.RegisteredClaims{
		Issuer: m.id, Subject: m.id, Audience: jwt.ClaimStrings{m.issuer},
		IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(time.Minute)),
	}).SignedString(m.key)
	must(m.t, err)
	return token
}

func (m *machine) do(method, path, token string, body io.Reader) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, path, body)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	m.routes.ServeHTTP(w, req)
	return w
}

func TestAgentRoutes(t *testing.T) {
	m := newMachine(t)
	signed := m.token()
	report := `{"start_id":"s","seq":1,"jobs":[{"id":"unknown","attempt":1,"state":"downloading"}]}`
	for name, c := range map[string]struct {
		method, path, token, body string
		status                    int
		code                      collections.Code
	}{
		"a report without a token":         {"POST", "/api/v1/jobs/callback", "", report, 401, collections.CodeUnauthorized},
		"a report with another's token":    {"POST", "/api/v1/jobs/callback", signed + "x", report, 401, collections.CodeUnauthorized},
		"metadata without a token":         {"PUT", "/api/v1/jobs/x/metainfo?attempt=1", "", "de", 401, collections.CodeUnauthorized},
		"uploads without a token":          {"POST", "/api/v1/jobs/x/uploads", "", "{}", 401, collections.CodeUnauthorized},
		"an identity without a token":      {"GET", "/api/v1/agents/self", "", "", 401, collections.CodeUnauthorized},
		"an identity that holds":           {"GET", "/api/v1/agents/self", signed, "", 200, ""},
		"a report that is no JSON":         {"POST", "/api/v1/jobs/callback", signed, "{", 400, collections.CodeInvalidInput},
		"a report without a start":         {"POST", "/api/v1/jobs/callback", signed, `{"seq":1}`, 400, collections.CodeInvalidInput},
		"a report of 1 MiB and more":       {"POST", "/api/v1/jobs/callback", signed, strings.Repeat(" ", 1<<20+1), 413, collections.CodeTooLarge},
		"metadata of 16 MiB and more":      {"PUT", "/api/v1/jobs/x/metainfo?attempt=1", signed, strings.Repeat("e", 16<<20+1), 413, collections.CodeTooLarge},
		"metadata without an attempt":      {"PUT", "/api/v1/jobs/x/metainfo", signed, "de", 400, collections.CodeInvalidInput},
		"metadata of an unknown job":       {"PUT", "/api/v1/jobs/x/metainfo?attempt=1", signed, "de", 404, collections.CodeNotFound},
		"uploads of an unknown job":        {"POST", "/api/v1/jobs/x/uploads", signed, "{}", 404, collections.CodeNotFound},
		"an enrolment without a token":     {"POST", "/api/v1/agents/enrol", "", "{}", 400, collections.CodeInvalidInput},
		"people's routes":                  {"GET", "/api/v1/jobs", signed, "", 404, collections.CodeNotFound},
		"the dashboard":                    {"GET", "/_/", signed, "", 404, collections.CodeNotFound},
		"PocketBase's records":             {"GET", "/api/collections/users/records", signed, "", 404, collections.CodeNotFound},
		"the store without a signature":    {"PUT", "/storage/objects/a/1-b", signed, "x", 403, collections.CodeForbidden},
		"a report of a job that has ended": {"POST", "/api/v1/jobs/callback", signed, report, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := m.do(c.method, c.path, c.token, strings.NewReader(c.body))
			var body ErrorBody
			if err := json.Unmarshal(got.Body.Bytes(), &body); err != nil {
				t.Fatalf("%d %s: %v", got.Code, got.Body, err)
			}
			if got.Code != c.status || body.Code != c.code {
				t.Fatalf("got %d %s", got.Code, got.Body)
			}
		})
	}
}
