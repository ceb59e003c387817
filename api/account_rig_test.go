package api

import (
	"net/http"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/hooks/hookstest"
	"github.com/longshore-project/longshore/mail"
	"github.com/longshore-project/longshore/mail/mailtest"
)

const newPassword = "violet kettle orchard"

// newMailServer answers a server whose mails go out to a real SMTP server.
func newMailServer(t testing.TB, change ...func(*Config)) (*server, *mailtest.Server) {
	t.Helper()
	s, smtp := newServer(t, change...), mailtest.Start(t)
	smtp.Use(s.app)
	m := mail.New(s.app, mail.Config{PublicURL: s.url, Logger: s.api.Logger})
	m.Start(t.Context())
	t.Cleanup(m.Stop)
	return s, smtp
}

func withRegistration(kind collections.Registration) func(*Config) {
	return func(c *Config) { c.Registration = kind }
}

func behindProxy(c *Config) { c.Proxies = []string{"127.0.0.1"} }

// forwarded sends what a proxy would for a client.
type forwarded struct {
	client string
	http.RoundTripper
}

func (f forwarded) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("X-Forwarded-For", f.client)
	return f.RoundTripper.RoundTrip(r)
}

// browserFrom answers a browser at another address, behind the proxy.
func (s *server) browserFrom(address string) *browser {
	b := s.browser()
	b.http.Transport = forwarded{address, b.http.Transport}
	return b
}

// invite makes an invitation and answers its code.
func (s *server) invite(set map[string]any) string {
	s.t.Helper()
	c, err := s.app.FindCollectionByNameOrId("invites")
	if err != nil {
		s.t.Fatal(err)
	}
	row := core.NewRecord(c)
	row.Load(set)
	code := core.GenerateDefaultRandomId()
	row.Set("code_hash", hashToken(code))
	if err := s.app.Save(row); err != nil {
		s.t.Fatal(err)
	}
	return code
}

// token makes one of the kind as if it had been mailed to the user's address now.
func (s *server) token(userID string, kind collections.AccountTokenKind, email string, life time.Duration) string {
	s.t.Helper()
	expires, err := types.ParseDateTime(s.clock.now().Add(life))
	if err != nil {
		s.t.Fatal(err)
	}
	token, err := hooks.NewAccountToken(s.app, hooks.AccountToken{UserID: userID, Kind: kind, Email: email, ExpiresAt: expires})
	if err != nil {
		s.t.Fatal(err)
	}
	return token
}

// tryLogin answers the status of a sign-in.
func (s *server) tryLogin(email, password string) int {
	return s.browser().call("POST", "/auth/login", map[string]string{"email": email, "password": password}).status
}

// tryDashboard answers the status of a superuser's sign-in.
func (s *server) tryDashboard(email, password string) int {
	b := s.browser()
	return b.do(b.request("POST", "/api/collections/_superusers/auth-with-password", map[string]string{"identity": email, "password": password})).status
}

func (s *server) count(table string, where dbx.Expression) int64 {
	s.t.Helper()
	n, err := s.app.CountRecords(table, where)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

func (s *server) find(email string) *core.Record {
	s.t.Helper()
	user, err := hooks.FindByEmail(s.app, "users", email)
	if err != nil {
		s.t.Fatal(err)
	}
	return user
}

func (s *server) disable(email string) {
	s.t.Helper()
	user := s.find(email)
	user.Set("disabled", true)
	if err := s.app.Save(user); err != nil {
		s.t.Fatal(err)
	}
}

// apiKey gives the browser's user an API key and answers it.
func (b *browser) apiKey() string {
	b.s.t.Helper()
	var made struct{ Key string }
	b.call("POST", "/auth/keys", map[string]any{"name": "laptop", "scopes": []string{"read"}}).into(b.s.t, 201, &made)
	return made.Key
}

// again answers another browser of the same user.
func (b *browser) again() *browser {
	b.s.t.Helper()
	other := b.s.browser()
	var in signedIn
	other.call("POST", "/auth/login", map[string]string{"email": b.user.Email, "password": hookstest.Password}).into(b.s.t, 200, &in)
	other.csrf, other.user = in.CSRFToken, in.User
	return other
}
