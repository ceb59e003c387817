package api

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
)

// newKey makes an API key of the browser's user and answers it with its id.
func (b *browser) newKey(scopes ...collections.Scope) newKeyBody {
	b.s.t.Helper()
	var made newKeyBody
	b.call("POST", "/auth/keys", map[string]any{"name": "backup", "scopes": scopes}).into(b.s.t, 201, &made)
	return made
}

// program is a client that sends an API key, and neither cookie nor CSRF token.
func (s *server) program(key string) *browser {
	p := s.browser()
	p.http.Transport = authorised{p.http.Transport, key}
	return p
}

type authorised struct {
	http.RoundTripper
	with string
}

func (a authorised) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", a.with)
	return a.RoundTripper.RoundTrip(r)
}

func (a authorised) CloseIdleConnections() {
	a.RoundTripper.(*http.Transport).CloseIdleConnections()
}

func TestKeyIsToldOnceAndNeverStored(t *testing.T) {
	s := newServer(t)
	ann := s.signedIn("ann@example.com")
	made := ann.newKey(collections.ScopeRead, collections.ScopeWrite)
	if !regexp.MustCompile(`^lsk_[A-Z2-7]{52}$`).MatchString(made.Key) || made.Prefix != made.Key[:12] || made.ExpiresAt != nil || made.LastUsedAt != nil {
		t.Errorf("made %+v", made)
	}
	var list page[keyBody]
	got := ann.call("GET", "/auth/keys", nil)
	got.into(t, 200, &list)
	if len(list.Items) != 1 || list.Items[0].ID != made.ID || !slices.Equal(list.Items[0].Scopes, []string{"read", "write"}) {
		t.Errorf("listed %+v", list)
	}
	row, err := s.app.FindRecordById("api_keys", made.ID)
	if err != nil {
		t.Fatal(err)
	}
	hash := row.GetString("key_hash")
	if hash != hashToken(made.Key) || strings.Contains(string(got.body), hash) || strings.Contains(string(got.body), made.Key[12:]) {
		t.Errorf("stored %q, listed %s", hash, got.body)
	}
	var trail string
	err = s.app.DB().NewQuery("SELECT group_concat(action || metadata) FROM audit_logs WHERE target_type = 'api_keys'").Row(&trail)
	if err != nil || !strings.Contains(trail, "key.create") || strings.Contains(trail, hash) || strings.Contains(trail, made.Key[12:]) {
		t.Errorf("audited %q: %v", trail, err)
	}
}

func TestKeyStandsForItsOwner(t *testing.T) {
	s := newServer(t)
	ann, bob := s.signedIn("ann@example.com"), s.signedIn("bob@example.com")
	key := ann.newKey(collections.ScopeRead, collections.ScopeWrite).Key
	job := bob.mustCreate(map[string]any{"magnet": magnetA})
	for name, header := range map[string]string{"alone": key, "as a bearer token": "Bearer " + key, "in another case": "bearer  " + key} {
		var who sessionBody
		s.program(header).call("GET", "/auth/session", nil).into(t, 200, &who)
		if who.User.ID != ann.user.ID || who.CSRFToken != "" {
			t.Errorf("%s: %+v", name, who)
		}
	}
	p := s.program(key)
	mine := p.mustCreate(map[string]any{"magnet": magnetA})
	p.call("GET", "/jobs/"+job.ID, nil).want(t, 404, collections.CodeNotFound)
	if got := p.call("DELETE", "/jobs/"+mine.ID, nil); got.status != 204 {
		t.Errorf("deleting: %d %s", got.status, got.body)
	}
	var kinds []string
	if err := s.app.DB().NewQuery("SELECT actor_kind FROM audit_logs WHERE target_id = {:job} ORDER BY rowid").Bind(dbx.Params{"job": mine.ID}).Column(&kinds); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(kinds, []string{"key", "key"}) {
		t.Errorf("audited as done by %v", kinds)
	}
}

func TestKeysThatAreNotGood(t *testing.T) {
	s := newServer(t)
	ann := s.signedIn("ann@example.com")
	revoked, expiring, live := ann.newKey(collections.ScopeRead), newKeyBody{}, ann.newKey(collections.ScopeRead)
	ann.call("POST", "/auth/keys", map[string]any{"name": "x", "scopes": []string{"read"}, "expires_at": s.clock.now().Add(time.Hour)}).into(t, 201, &expiring)
	p := s.program(expiring.Key)
	if got := p.call("GET", "/jobs", nil); got.status != 200 {
		t.Fatalf("before it expires: %d %s", got.status, got.body)
	}
	if got := ann.call("DELETE", "/auth/keys/"+revoked.ID, nil); got.status != 204 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	s.clock.advance(time.Hour)
	for name, key := range map[string]string{
		"revoked": revoked.Key, "expired": expiring.Key, "never made": newKey(), "cut": live.Key[:20], "the hash": keyPrefix + hashToken(live.Key), "only the beginning": keyPrefix,
	} {
		s.program(key).call("GET", "/jobs", nil).want(t, 401, collections.CodeUnauthorized)
		if got := s.program(key).do(ann.request("GET", "/api/realtime", nil)); got.status != 401 {
			t.Errorf("%s may listen: %d", name, got.status)
		}
	}
	both := ann.call("GET", "/jobs", nil, header("Authorization", revoked.Key))
	both.want(t, 401, collections.CodeUnauthorized)
	if got := s.program(live.Key).call("GET", "/jobs", nil); got.status != 200 {
		t.Errorf("the one that is good: %d", got.status)
	}
}

func TestKeysOfADisabledUserEnd(t *testing.T) {
	s := newServer(t)
	ann := s.signedIn("ann@example.com")
	key := ann.newKey(collections.ScopeRead).Key
	set := func(disabled bool) {
		user, err := s.app.FindRecordById("users", ann.user.ID)
		if err != nil {
			t.Fatal(err)
		}
		user.Set("disabled", disabled)
		if err := s.app.Save(user); err != nil {
			t.Fatal(err)
		}
	}
	set(true)
	s.program(key).call("GET", "/jobs", nil).want(t, 401, collections.CodeUnauthorized)
	set(false)
	s.program(key).call("GET", "/jobs", nil).want(t, 401, collections.CodeUnauthorized)
}

func TestBadNewKeys(t *testing.T) {
	s := newServer(t)
	ann, root := s.signedIn("ann@example.com"), s.signedInAs("root@example.com", collections.RoleAdmin)
	for _, tc := range []struct {
		name   string
		body   any
		status int
		code   collections.Code
	}{
		{"no name", map[string]any{"scopes": []string{"read"}}, 400, collections.CodeInvalidInput},
		{"a blank name", map[string]any{"name": "  ", "scopes": []string{"read"}}, 400, collections.CodeInvalidInput},
		{"a long name", map[string]any{"name": strings.Repeat("x", 101), "scopes": []string{"read"}}, 400, collections.CodeInvalidInput},
		{"no scope", map[string]any{"name": "x", "scopes": []string{}}, 400, collections.CodeInvalidInput},
		{"an unknown scope", map[string]any{"name": "x", "scopes": []string{"root"}}, 400, collections.CodeInvalidInput},
		{"a scope twice", map[string]any{"name": "x", "scopes": []string{"read", "read"}}, 400, collections.CodeInvalidInput},
		{"another's scope", map[string]any{"name": "x", "scopes": []string{"read", "admin"}}, 403, collections.CodeForbidden},
		{"over already", map[string]any{"name": "x", "scopes": []string{"read"}, "expires_at": s.clock.now()}, 400, collections.CodeInvalidInput},
		{"no time", map[string]any{"name": "x", "scopes": []string{"read"}, "expires_at": "soon"}, 400, collections.CodeInvalidInput},
		{"a hash of one's own", map[string]any{"name": "x", "scopes": []string{"read"}, "key_hash": "x"}, 400, collections.CodeInvalidInput},
	} {
		t.Run(tc.name, func(t *testing.T) { ann.call("POST", "/auth/keys", tc.body).want(t, tc.status, tc.code) })
	}
	if n, _ := s.app.CountRecords("api_keys"); n != 0 {
		t.Errorf("%d keys were made", n)
	}
	other := root.newKey(collections.ScopeAdmin)
	ann.call("DELETE", "/auth/keys/"+other.ID, nil).want(t, 404, collections.CodeNotFound)
	if n, _ := s.app.CountRecords("api_keys"); n != 1 {
		t.Error("another user's key is gone")
	}
}

func TestUserHasAtMostAHundredKeys(t *testing.T) {
	s := newServer(t)
	ann := s.signedIn("ann@example.com")
	for range maxKeys {
		ann.newKey(collections.ScopeRead)
	}
	ann.call("POST", "/auth/keys", map[string]any{"name": "one more", "scopes": []string{"read"}}).want(t, 400, collections.CodeInvalidInput)
	var list page[keyBody]
	ann.call("GET", "/auth/keys", nil).into(t, 200, &list)
	if len(list.Items) != maxKeys {
		t.Errorf("%d keys", len(list.Items))
	}
}

func TestUseOfAKeyIsNotedCoarsely(t *testing.T) {
	s := newServer(t)
	ann := s.signedIn("ann@example.com")
	made := ann.newKey(collections.ScopeRead)
	p := s.program(made.Key)
	used := func() string {
		p.call("GET", "/jobs", nil)
		row, err := s.app.FindRecordById("api_keys", made.ID)
		if err != nil {
			t.Fatal(err)
		}
		return row.GetString("last_used_at")
	}
	first := used()
	s.clock.advance(keyTouch - time.Second)
	if second := used(); first == "" || second != first {
		t.Errorf("noted %q, then %q", first, second)
	}
	s.clock.advance(time.Second)
	if third := used(); third == first {
		t.Errorf("still %q", third)
	}
}

func TestKeyListensUntilItIsRevoked(t *testing.T) {
	s := newServer(t)
	ann := s.signedIn("ann@example.com")
	made := ann.newKey(collections.ScopeRead)
	p := s.program(made.Key)
	st, browsers := p.stream(), ann.stream()
	for b, st := range map[*browser]*stream{p: st, ann: browsers} {
		if got := b.subscribe(st, []string{"jobs/*", "progress"}); got.status != 204 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	if got := p.subscribe(st, []string{"jobs/all"}); got.status != 403 {
		t.Errorf("a user's key may have jobs/all: %d", got.status)
	}
	job := ann.mustCreate(map[string]any{"magnet": magnetA})
	st.until(t, job.ID)
	if got := ann.call("DELETE", "/auth/keys/"+made.ID, nil); got.status != 204 {
		t.Fatal(got.status)
	}
	if line := st.until(t, "nothing says this"); line != "" {
		t.Errorf("still heard %s", line)
	}
	s.board.Report(ann.user.ID, collections.Progress{JobID: "of the browser"})
	browsers.until(t, "of the browser")
	if got := s.program(ann.newKey(collections.ScopeWrite).Key).do(p.request("GET", "/api/realtime", nil)); got.status != 403 {
		t.Errorf("a key that may not read listens: %d", got.status)
	}
}

// TestKeysNeverReachPocketBase looks where PocketBase would: it writes what it cannot read into its log.
func TestKeysNeverReachPocketBase(t *testing.T) {
	s := newServer(t)
	key := s.signedIn("ann@example.com").newKey(collections.ScopeRead).Key
	asked := 0
	s.app.OnRealtimeConnectRequest().BindFunc(func(e *core.RealtimeConnectRequestEvent) error {
		asked++
		if got := e.Request.Header.Get("Authorization"); got != "" {
			t.Errorf("PocketBase sees %q", got)
		}
		return e.ForbiddenError("", nil)
	})
	for _, sent := range []string{key, "Bearer " + key, "BEARER " + key} {
		if got := s.program(sent).do(s.browser().request("GET", "/api/realtime", nil)); got.status != 403 {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	if asked != 3 {
		t.Errorf("PocketBase was asked %d times", asked)
	}
}
