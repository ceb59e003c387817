package api

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/longshore-project/longshore/collections"
)

// lateBody lets something happen when the server, which knows by then who asks, begins to read the body.
type lateBody struct {
	io.Reader
	once   sync.Once
	before func()
}

func (l *lateBody) Read(p []byte) (int, error) {
	l.once.Do(l.before)
	return l.Reader.Read(p)
}

// late holds a request's body back until the server asks for it, and does before then.
func late(before func()) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Expect", "100-continue")
		r.Body, r.GetBody = io.NopCloser(&lateBody{Reader: r.Body, before: before}), nil
	}
}

// patient is a browser that waits for the server to ask for bodies.
func (b *browser) patient() *browser {
	b.http.Transport = &http.Transport{ExpectContinueTimeout: time.Minute}
	b.s.t.Cleanup(b.http.CloseIdleConnections)
	return b
}

func TestWhoLosesAccessWhileTheBodyIsOnItsWayDoesNothing(t *testing.T) {
	key := map[string]any{"name": "way back in", "scopes": []string{"read"}}
	for name, tc := range map[string]struct {
		role   collections.Role
		method string
		path   string
		body   any
		lose   func(s *server, b *browser)
		status int
		code   collections.Code
	}{
		"a session that is revoked makes no key": {"user", "POST", "/auth/keys", key, func(s *server, b *browser) {
			b.again().call("DELETE", "/auth/sessions", nil).want(s.t, 204, "")
		}, 401, collections.CodeUnauthorized},
		"nor one whose password is another now": {"user", "POST", "/auth/keys", key, func(s *server, b *browser) {
			token := s.token(b.user.ID, collections.TokenReset, b.user.Email, time.Hour)
			s.browser().call("POST", "/auth/reset/confirm", map[string]string{"token": token, "password": newPassword}).want(s.t, 204, "")
		}, 401, collections.CodeUnauthorized},
		"nor that of a disabled user": {"user", "POST", "/auth/keys", key, func(s *server, b *browser) {
			s.disable(b.user.Email)
		}, 401, collections.CodeUnauthorized},
		"an admin who is one no longer makes no user": {"admin", "POST", "/admin/users", map[string]string{"email": "new@example.com", "password": newPassword, "role": "admin"},
			func(s *server, b *browser) {
				user := s.find(b.user.Email)
				user.Set("role", string(collections.RoleUser))
				if err := s.app.Save(user); err != nil {
					s.t.Fatal(err)
				}
			}, 403, collections.CodeForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			b := s.signedInAs("ann@example.com", tc.role).patient()
			b.call(tc.method, tc.path, tc.body, late(func() { tc.lose(s, b) })).want(t, tc.status, tc.code)
			if s.count("api_keys", nil) != 0 || s.count("users", nil) != 1 {
				t.Error("it did it all the same")
			}
		})
	}
}

func TestARevokedKeySubmitsNothingThatIsOnItsWay(t *testing.T) {
	for name, body := range map[string]func() any{
		"a magnet":  func() any { return map[string]string{"magnet": magnet(1)} },
		"a torrent": func() any { return newForm().torrent(torrent("film", testFile{"a.mkv", 3})) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			b := s.signedIn("ann@example.com")
			key := b.newKey(collections.ScopeWrite)
			program := s.browser().patient()
			revoke := func() { b.call("DELETE", "/auth/keys/"+key.ID, nil).want(t, 204, "") }
			program.call("POST", "/jobs", body(), late(revoke), header("Authorization", key.Key)).want(t, 401, collections.CodeUnauthorized)
			if n := s.count("jobs", nil); n != 0 {
				t.Errorf("there are %d jobs", n)
			}
		})
	}
}

func TestAPasswordThatChangesWhileItIsCheckedOpensNoSession(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	checked := s.find(b.user.Email)
	changed := s.find(b.user.Email)
	changed.SetPassword(newPassword)
	if err := s.app.Save(changed); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/api/v1/auth/login", nil)
	e := &core.RequestEvent{App: s.app, Event: router.Event{Request: r, Response: httptest.NewRecorder()}}
	if _, err := s.api.openSession(e, checked); collections.CodeOf(err) != collections.CodeUnauthorized {
		t.Errorf("answered %v", err)
	}
	if n := s.count("sessions", nil); n != 0 {
		t.Errorf("there are %d sessions", n)
	}
}
