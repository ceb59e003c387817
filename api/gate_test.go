package api

import (
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

// passable lists what others than superusers may reach of PocketBase's API.
var passable = map[string]bool{
	"GET /api/health": true, "GET /api/realtime": true, "POST /api/realtime": true,
}

func TestOfPocketBasesRoutesOnlyTheListedAreOpen(t *testing.T) {
	s := newServer(t)
	guest, user, admin := s.browser(), s.signedIn("ann@example.com"), s.signedInAs("root@example.com", collections.RoleAdmin)
	walked := 0
	for _, pattern := range patterns(t) {
		method, path, _ := strings.Cut(pattern, " ")
		if !strings.HasPrefix(path, "/api/") || strings.HasPrefix(path, prefix+"/") || passable[pattern] {
			continue
		}
		walked++
		path = strings.NewReplacer("{collection}", "users", "{id}", user.user.ID, "{recordId}", user.user.ID, "{filename}", "x", "{key}", "x").Replace(path)
		for who, b := range map[string]*browser{"a guest": guest, "a user": user, "an admin": admin} {
			if got := b.do(b.request(method, path, nil)); got.status != 403 {
				t.Errorf("%s may %s: %d %s", who, pattern, got.status, got.body)
			}
		}
	}
	if walked < 40 {
		t.Errorf("only %d routes were walked", walked)
	}
}

func TestUsersCannotSignInThroughPocketBase(t *testing.T) {
	s := newServer(t)
	user := hookstest.MustCreateUser(t, s.app, "ann@example.com", collections.RoleUser)
	b := s.browser()
	body := map[string]string{"identity": "ann@example.com", "password": hookstest.Password}
	for _, path := range []string{"users", user.Collection().Id, "%75sers"} {
		if got := b.do(b.request("POST", "/api/collections/"+path+"/auth-with-password", body)); got.status != 403 {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
}

func TestDashboardSignsInAndReads(t *testing.T) {
	s := newServer(t)
	mustCreateSuperuser(t, s.app, "root@example.com")
	b := s.signedIn("ann@example.com") // of the same browser
	if got := b.do(b.request("GET", "/api/collections/_superusers/auth-methods", nil)); got.status != 200 {
		t.Errorf("auth-methods: %d %s", got.status, got.body)
	}
	var in struct{ Token string }
	b.do(b.request("POST", "/api/collections/_superusers/auth-with-password",
		map[string]string{"identity": "root@example.com", "password": hookstest.Password})).into(t, 200, &in)
	auth := header("Authorization", in.Token)
	for _, path := range []string{"/api/settings", "/api/collections", "/api/collections/jobs/records", "/api/logs"} {
		if got := b.do(b.request("GET", path, nil, auth)); got.status != 200 {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if got := b.do(b.request("POST", "/api/collections/_superusers/auth-refresh", nil, auth)); got.status != 200 {
		t.Errorf("auth-refresh: %d %s", got.status, got.body)
	}
}

func TestGuestsCannotFillPocketBasesMemory(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	for _, path := range []string{"/api/realtime", "/api/collections/_superusers/auth-with-password"} {
		body := `{"clientId":"` + strings.Repeat("x", collections.MaxJSONBytes) + `"}`
		if got := b.do(b.request("POST", path, body)); got.status != 413 {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
		sent := &countingReader{r: io.MultiReader(strings.NewReader(`{"clientId":"`), io.LimitReader(xs{}, 64<<20))}
		r := b.request("POST", path, nil, header("Content-Type", "application/json"))
		r.Body, r.ContentLength = io.NopCloser(sent), -1
		if got := b.do(r); got.status < 400 || sent.n.Load() > 24<<20 {
			t.Errorf("%s, without a length: %d after %d bytes", path, got.status, sent.n.Load())
		}
	}
}

type countingReader struct {
	r io.Reader
	n atomic.Int64
}

func (c *countingReader) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n.Add(int64(n))
	return n, err
}

type xs struct{}

func (xs) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'x'
	}
	return len(b), nil
}

func TestMailsToSuperusersAreLimited(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	ask := func(i int) answer {
		return b.do(b.request("POST", "/api/collections/_superusers/request-password-reset", map[string]string{"email": "nobody@example.com"}, rotate(i)))
	}
	for i := range 30 {
		if got := ask(i); got.status != 204 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	if got := ask(31); got.status != 429 || got.header.Get("Retry-After") != "3600" {
		t.Errorf("one more: %d %s", got.status, got.quota())
	}
}
