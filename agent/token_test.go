package agent

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/longshore-project/longshore/collections"
)

func TestOnlyTokensOfTheControlPlaneAreTaken(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	a := cp.agent(t.TempDir())
	_, stranger, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signed := func(method jwt.SigningMethod, key any, change func(*jwt.RegisteredClaims)) string {
		c := claims()
		change(&c)
		token, err := jwt.NewWithClaims(method, c).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	eddsa := func(change func(*jwt.RegisteredClaims)) string { return signed(jwt.SigningMethodEdDSA, cp.key, change) }
	ago := func(d time.Duration) *jwt.NumericDate { return jwt.NewNumericDate(time.Now().Add(-d)) }
	nothing := func(*jwt.RegisteredClaims) {}
	for _, test := range []struct {
		name   string
		token  string
		status int
	}{
		{"a good one", eddsa(nothing), http.StatusOK},
		{"none", "", http.StatusUnauthorized},
		{"rubbish", "rubbish", http.StatusUnauthorized},
		{"for another agent", eddsa(func(c *jwt.RegisteredClaims) { c.Audience = jwt.ClaimStrings{"agent2"} }), http.StatusUnauthorized},
		{"without an audience", eddsa(func(c *jwt.RegisteredClaims) { c.Audience = nil }), http.StatusUnauthorized},
		{"of another issuer", eddsa(func(c *jwt.RegisteredClaims) { c.Issuer = "other" }), http.StatusUnauthorized},
		{"expired", eddsa(func(c *jwt.RegisteredClaims) { c.IssuedAt, c.ExpiresAt = ago(10*time.Minute), ago(5*time.Minute) }), http.StatusUnauthorized},
		{"without expiry", eddsa(func(c *jwt.RegisteredClaims) { c.ExpiresAt = nil }), http.StatusUnauthorized},
		{"without a time of issue", eddsa(func(c *jwt.RegisteredClaims) { c.IssuedAt = nil }), http.StatusUnauthorized},
		{"of the future", eddsa(func(c *jwt.RegisteredClaims) { c.IssuedAt, c.ExpiresAt = ago(-3*time.Minute), ago(-5*time.Minute) }), http.StatusUnauthorized},
		{"that lives too long", eddsa(func(c *jwt.RegisteredClaims) { c.ExpiresAt = ago(-time.Hour) }), http.StatusUnauthorized},
		{"signed by a stranger", signed(jwt.SigningMethodEdDSA, stranger, nothing), http.StatusUnauthorized},
		{"with alg none", signed(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nothing), http.StatusUnauthorized},
		{"signed with the public key as a secret", signed(jwt.SigningMethodHS256, []byte(a.identity.ControlKey), nothing), http.StatusUnauthorized},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, path := range []string{"/health", "/status/job1", "/files/job1", "/nowhere"} {
				status, body := a.callWith(test.token, http.MethodGet, path, nil)
				want := test.status
				if want == http.StatusOK && path != "/health" {
					want = http.StatusNotFound
				}
				if status != want {
					t.Errorf("%s: %d %s", path, status, body)
				}
			}
		})
	}
}

func TestErrorsHaveTheCommonShape(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	a := cp.agent(t.TempDir())
	hash := strings.Repeat("a", 40)
	for _, test := range []struct {
		name, path string
		body       any
		status     int
		code       collections.Code
	}{
		{"a start that is no object", "/start", []int{1}, 400, collections.CodeInvalidInput},
		{"a job id that is a path", "/start", collections.StartRequest{JobID: "../x", Attempt: 1, Infohash: hash, Magnet: "magnet:?"}, 400, collections.CodeInvalidInput},
		{"a start without an attempt", "/start", collections.StartRequest{JobID: "job1", Infohash: hash, Magnet: "magnet:?"}, 400, collections.CodeInvalidInput},
		{"a start without an infohash", "/start", collections.StartRequest{JobID: "job1", Attempt: 1, Magnet: "magnet:?"}, 400, collections.CodeInvalidInput},
		{"a start without a torrent", "/start", collections.StartRequest{JobID: "job1", Attempt: 1, Infohash: hash}, 400, collections.CodeInvalidInput},
		{"a stop that is too large", "/stop", strings.Repeat("x", collections.MaxJSONBytes), 413, collections.CodeTooLarge},
		{"a stop of no job", "/stop", collections.StopRequest{JobID: "..", Attempt: 1}, 400, collections.CodeInvalidInput},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, body := a.call(http.MethodPost, test.path, test.body)
			var shape struct {
				Status  int              `json:"status"`
				Code    collections.Code `json:"code"`
				Message string           `json:"message"`
				Data    map[string]any   `json:"data"`
			}
			if err := json.Unmarshal(body, &shape); err != nil || shape.Data == nil || shape.Message == "" {
				t.Fatalf("%s: %v", body, err)
			}
			if status != test.status || shape.Status != test.status || shape.Code != test.code {
				t.Errorf("%d %s", status, body)
			}
		})
	}
}

func TestServersBeyondThisMachineAreRefused(t *testing.T) {
	for server, good := range map[string]bool{
		"http://127.0.0.1:8090": true, "http://localhost:1": true, "http://[::1]:80/": true,
		"http://example.org": false, "http://10.0.0.1:80": false, "http://127.0.0.1.example.org": false,
		"https://127.0.0.1": false, "127.0.0.1:80": false, "": false, "http://": false, "ftp://localhost": false,
	} {
		_, err := New(Config{Server: server, Dir: t.TempDir()})
		if (err == nil) != good {
			t.Errorf("%q: %v", server, err)
		}
	}
}

func TestAForgottenAgentEnrolsAnewWithAToken(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	dir := t.TempDir()
	first := cp.agent(dir)
	first.stop()
	again := cp.agent(dir) // the used token is of no account while the identity holds
	again.stop()
	stranger, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	forget := func() { cp.with(func() { cp.agentKey = stranger }) }

	forget()
	used, err := New(Config{Server: cp.server.URL, Dir: dir, Token: "token"})
	if err != nil {
		t.Fatal(err)
	}
	if err := used.Run(t.Context()); !unrecognised(err) {
		t.Errorf("with a used token it ended with %v", err)
	}
	if id, err := readIdentity(dir); err != nil || !bytes.Equal(id.Seed, first.identity.Seed) {
		t.Errorf("the identity is %v, %v", id, err)
	}
	cp.with(func() { cp.tokens["token"] = true })
	anew := cp.agent(dir)
	if bytes.Equal(anew.identity.Seed, first.identity.Seed) {
		t.Error("the agent kept its key")
	}
	anew.stop()

	forget()
	minted := 0
	mint := func(a *Agent) {
		a.cfg.MintToken = func() (string, error) {
			minted++
			cp.with(func() { cp.tokens["minted"] = true })
			return "minted", nil
		}
	}
	cp.agent(dir, mint).stop()
	cp.agent(dir, mint).stop()
	if minted != 1 {
		t.Errorf("%d tokens were made", minted)
	}
}

func TestEnrolment(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	dir := t.TempDir()
	a := cp.agent(dir)
	info, err := os.Stat(filepath.Join(dir, identityFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the identity is %v, %v", info, err)
	}
	if _, err := New(Config{Server: cp.server.URL, Dir: dir}); err != nil {
		t.Fatal(err)
	}
	second, err := New(Config{Server: cp.server.URL, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "another agent") {
		t.Errorf("a second agent on the same folder ended with %v", err)
	}
	a.stop()
	for name, cfg := range map[string]Config{
		"a token that was used":        {Server: cp.server.URL, Dir: t.TempDir(), Token: "token"},
		"no token":                     {Server: cp.server.URL, Dir: t.TempDir()},
		"a listener that others reach": {Server: cp.server.URL, Dir: t.TempDir(), Token: "token", Listen: "0.0.0.0:0"},
	} {
		b, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Run(t.Context()); err == nil {
			t.Errorf("with %s the agent ran", name)
		}
		if _, err := os.Stat(filepath.Join(cfg.Dir, identityFile)); err == nil {
			t.Errorf("with %s there is an identity", name)
		}
	}
}
