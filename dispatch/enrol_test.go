package dispatch_test

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/dispatch"
)

func request(t *testing.T, token string) collections.EnrolRequest {
	t.Helper()
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return collections.EnrolRequest{Token: token, Name: "host", PublicKey: public, Advertise: "http://127.0.0.1:4000"}
}

func TestOneOfManyEnrolsWithOneToken(t *testing.T) {
	r := newRig(t)
	token, err := dispatch.NewAgentToken(r.app, false, time.Hour)
	r.must(err)
	results := make(chan error, 20)
	for range 20 {
		req := request(t, token)
		go func() {
			_, err := r.Enrol(context.Background(), req)
			results <- err
		}()
	}
	won := 0
	for range 20 {
		if err := <-results; err == nil {
			won++
		} else if collections.CodeOf(err) != collections.CodeUnauthorized {
			t.Fatal(err)
		}
	}
	if n, _ := r.app.CountRecords("agents"); won != 1 || n != 1 {
		t.Fatalf("%d enrolled, %d agents", won, n)
	}
}

func TestWhoMayNotEnrol(t *testing.T) {
	r := newRig(t)
	for name, c := range map[string]struct {
		change func(*collections.EnrolRequest)
		want   collections.Code
	}{
		"an unknown token":     {func(q *collections.EnrolRequest) { q.Token = "nonsense" }, collections.CodeUnauthorized},
		"an empty token":       {func(q *collections.EnrolRequest) { q.Token = "" }, collections.CodeUnauthorized},
		"a short key":          {func(q *collections.EnrolRequest) { q.PublicKey = q.PublicKey[:31] }, collections.CodeInvalidInput},
		"another machine":      {func(q *collections.EnrolRequest) { q.Advertise = "http://192.168.1.1:80" }, collections.CodeInvalidInput},
		"a name":               {func(q *collections.EnrolRequest) { q.Advertise = "http://localhost.example:80" }, collections.CodeInvalidInput},
		"another scheme":       {func(q *collections.EnrolRequest) { q.Advertise = "file:///etc/passwd" }, collections.CodeInvalidInput},
		"an address with path": {func(q *collections.EnrolRequest) { q.Advertise = "http://127.0.0.1:1/x" }, collections.CodeInvalidInput},
	} {
		t.Run(name, func(t *testing.T) {
			token, err := dispatch.NewAgentToken(r.app, false, time.Hour)
			r.must(err)
			req := request(t, token)
			c.change(&req)
			if _, err := r.Enrol(context.Background(), req); err == nil || collections.CodeOf(err) != c.want {
				t.Fatalf("got %v", err)
			}
		})
	}
	token, err := dispatch.NewAgentToken(r.app, false, time.Hour)
	r.must(err)
	r.clock.Advance(2 * time.Hour)
	if _, err := r.Enrol(context.Background(), request(t, token)); collections.CodeOf(err) != collections.CodeUnauthorized {
		t.Fatalf("an expired token: %v", err)
	}
}

func TestTheTokenIsNotOnRecord(t *testing.T) {
	r := newRig(t)
	token, err := dispatch.NewAgentToken(r.app, false, time.Hour)
	r.must(err)
	row, err := r.app.FindFirstRecordByFilter("agent_tokens", "id != ''")
	r.must(err)
	if b, _ := row.MarshalJSON(); strings.Contains(string(b), token) || len(token) < 26 {
		t.Fatalf("got %s", b)
	}
}

func TestAuthenticate(t *testing.T) {
	r := newRig(t)
	a, other := r.newAgent(false), r.newAgent(false)
	for name, c := range map[string]struct {
		token func() string
		want  bool
	}{
		"a good token":          {func() string { return a.bearer(a.claims()) }, true},
		"nothing":               {func() string { return "" }, false},
		"another agent's key":   {func() string { return other.bearer(a.claims()) }, false},
		"another audience":      {func() string { c := a.claims(); c.Audience = jwt.ClaimStrings{"x"}; return a.bearer(c) }, false},
		"another subject":       {func() string { c := a.claims(); c.Subject = other.id; return a.bearer(c) }, false},
		"an unknown issuer":     {func() string { c := a.claims(); c.Issuer, c.Subject = "x", "x"; return a.bearer(c) }, false},
		"no end":                {func() string { c := a.claims(); c.ExpiresAt = nil; return a.bearer(c) }, false},
		"no beginning":          {func() string { c := a.claims(); c.IssuedAt = nil; return a.bearer(c) }, false},
		"a life of six minutes": {func() string { c := a.claims(); c.ExpiresAt.Time = c.ExpiresAt.Add(time.Minute); return a.bearer(c) }, false},
		"issued in the future":  {func() string { c := a.claims(); c.IssuedAt.Time = c.IssuedAt.Add(time.Minute); return a.bearer(c) }, false},
		"expired": {func() string {
			c := a.claims()
			c.IssuedAt.Time = c.IssuedAt.Add(-7 * time.Minute)
			c.ExpiresAt.Time = c.ExpiresAt.Add(-7 * time.Minute)
			return a.bearer(c)
		}, false},
		"the algorithm none":     {func() string { return unsigned(t, a.claims()) }, false},
		"the key as HMAC secret": {func() string { return withHMAC(t, r, a) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			id, err := r.Authenticate(c.token())
			if (err == nil) != c.want || c.want && id != a.id {
				t.Fatalf("got %q, %v", id, err)
			}
			if err != nil && collections.CodeOf(err) != collections.CodeUnauthorized {
				t.Fatalf("code %s", collections.CodeOf(err))
			}
		})
	}
}

func unsigned(t *testing.T, claims jwt.Claims) string {
	t.Helper()
	token, err := jwt.NewWithClaims(jwt.SigningMethodNone, claims).SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func withHMAC(t *testing.T, r *rig, a *testAgent) string {
	t.Helper()
	key, err := hex.DecodeString(r.find("agents", a.id).GetString("public_key"))
	r.must(err)
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, a.claims()).SignedString(key)
	r.must(err)
	return token
}

func TestARevokedAgentIsRefused(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	row := r.find("agents", a.id)
	row.Set("revoked", true)
	r.must(r.app.Save(row))
	if _, err := a.tryReport(); collections.CodeOf(err) != collections.CodeUnauthorized {
		t.Fatalf("got %v", err)
	}
}

func TestAnAgentMayMoveToAnotherPort(t *testing.T) {
	r := newRig(t)
	a, elsewhere := r.newAgent(false), r.newAgent(false)
	a.report()
	a.last.Advertise, a.last.Seq = elsewhere.server.URL, 2
	elsewhere.id = a.id // its API expects tokens for this agent
	_, err := a.again()
	r.must(err)
	r.addTorrent(r.user, metainfo(t, "t", testFile{"a", 1}), nil)
	elsewhere.started(1)
	r.clock.Advance(collections.ProgressWrite)
	a.last.Seq = 3
	a.last.Advertise = "http://192.168.1.1:80"
	_, err = a.again()
	r.must(err)
	if got := r.find("agents", a.id).GetString("address"); got != elsewhere.server.URL {
		t.Fatalf("got %s", got)
	}
}
