package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

// quota reads the fields of draft-ietf-httpapi-ratelimit-headers-06.
func (a answer) quota() string {
	var out []string
	for _, name := range []string{"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Policy", "Retry-After"} {
		out = append(out, a.header.Get(name))
	}
	return strings.Join(out, " | ")
}

func (c *clock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

func TestRequestsPerMinuteAreLimitedByUser(t *testing.T) {
	s := newServer(t)
	ann, bob := s.signedIn("ann@example.com"), s.signedIn("bob@example.com")
	key := ann.newKey(collections.ScopeRead, collections.ScopeWrite).Key
	s.set("settings", "", map[string]any{"requests_per_minute": 4, "submits_per_minute": 2})
	second := s.signInAgain("ann@example.com")
	s.clock.set(s.clock.now().Truncate(time.Minute).Add(10 * time.Minute))
	steps := []struct {
		who   *browser
		quota string
	}{
		{ann, "4 | 3 | 60 | 4;w=60 | "}, {s.program(key), "4 | 2 | 60 | 4;w=60 | "}, {second, "4 | 1 | 60 | 4;w=60 | "}, {ann, "4 | 0 | 60 | 4;w=60 | "},
	}
	for i, step := range steps {
		if got := step.who.call("GET", "/jobs", nil); got.status != 200 || got.quota() != step.quota {
			t.Errorf("request %d: %d %q instead of %q", i, got.status, got.quota(), step.quota)
		}
	}
	for _, b := range []*browser{ann, s.program(key)} {
		got := b.call("GET", "/jobs", nil)
		got.want(t, 429, collections.CodeRateLimited)
		if got.quota() != "4 | 0 | 75 | 4;w=60 | 75" {
			t.Errorf("refused with %q", got.quota())
		}
	}
	if got := bob.call("GET", "/jobs", nil); got.status != 200 {
		t.Errorf("another user: %d", got.status)
	}
	if got := ann.call("POST", "/jobs", map[string]any{"magnet": magnetA}); got.status != 201 || got.quota() != "2 | 1 | 60 | 2;w=60 | " {
		t.Errorf("submits share the limit of other requests: %d %q", got.status, got.quota())
	}
	s.clock.advance(75 * time.Second)
	if got := ann.call("GET", "/jobs", nil); got.status != 200 {
		t.Errorf("after the wait: %d %s", got.status, got.quota())
	}
}

func TestSubmitsAreLimitedByUser(t *testing.T) {
	s := newServer(t)
	ann, bob := s.signedIn("ann@example.com"), s.signedIn("bob@example.com")
	s.set("settings", "", map[string]any{"submits_per_minute": 3})
	submit := func(b *browser, i int) answer {
		return b.call("POST", "/jobs", map[string]any{"magnet": fmt.Sprintf("magnet:?xt=urn:btih:%040d", i)})
	}
	for i := range 3 {
		if got := submit(ann, i); got.status != 201 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	got := submit(ann, 9)
	got.want(t, 429, collections.CodeRateLimited)
	if got.header.Get("Retry-After") == "" || got.header.Get("RateLimit-Limit") != "3" {
		t.Errorf("refused with %q", got.quota())
	}
	if got := submit(bob, 9); got.status != 201 {
		t.Errorf("another user: %d %s", got.status, got.body)
	}
}

func TestNobodyIsLimitedByAddress(t *testing.T) {
	s := newServer(t, func(c *Config) { c.Proxies = []string{"127.0.0.1"} })
	ann := s.signedIn("ann@example.com")
	s.set("settings", "", map[string]any{"requests_per_minute": 2})
	guest := s.browser()
	ask := func(address string) answer {
		return guest.call("GET", "/config", nil, header("X-Forwarded-For", address))
	}
	for _, step := range []struct {
		address string
		status  int
	}{
		{"203.0.113.1", 200}, {"203.0.113.1", 200}, {"203.0.113.1", 429}, {"203.0.113.2", 200},
		{"2001:db8:0:1::1", 200}, {"2001:db8:0:1:ffff::2", 200}, {"2001:db8:0:1::3", 429}, {"2001:db8:0:2::1", 200},
	} {
		if got := ask(step.address); got.status != step.status {
			t.Errorf("%s: %d instead of %d", step.address, got.status, step.status)
		}
	}
	blocked := header("X-Forwarded-For", "203.0.113.1")
	if got := ann.call("GET", "/jobs", nil, blocked); got.status != 200 {
		t.Errorf("who is signed in is counted by the address: %d", got.status)
	}
	for _, path := range []string{prefix + "/healthz", prefix + "/readyz", "/healthz", "/readyz", "/", "/assets/app-1a2b3c4d.js"} {
		if got := guest.do(guest.request("GET", path, nil, blocked)); got.status != 200 {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	for _, path := range []string{"/api/health", "/api/realtime", "/api/nothing", prefix + "/nothing"} {
		if got := guest.do(guest.request("GET", path, nil, blocked)); got.status != 429 {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	if got := s.program("lsk_rubbish").call("GET", "/jobs", nil, blocked); got.status != 429 {
		t.Errorf("with a rubbish key: %d", got.status)
	}
	token, err := mustCreateSuperuser(t, s.app, "root@example.com").NewAuthToken()
	if err != nil {
		t.Fatal(err)
	}
	if got := s.program(token).do(guest.request("GET", "/api/collections", nil, blocked)); got.status != 200 {
		t.Errorf("a superuser: %d", got.status)
	}
}

func TestChangedSettingsHoldAtOnceAndThoseOfAnotherProcessSoon(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	limitOf := func() string { return b.call("GET", "/config", nil).header.Get("RateLimit-Limit") }
	if got := limitOf(); got != "3000" {
		t.Fatalf("at first %s", got)
	}
	s.set("settings", "", map[string]any{"requests_per_minute": 500})
	if got := limitOf(); got != "500" {
		t.Errorf("changed here: %s", got)
	}
	s.set("settings", "", map[string]any{"requests_per_minute": 0})
	if got := limitOf(); got != "3000" {
		t.Errorf("emptied: %s", got)
	}
	second := hookstest.SecondApp(t, s.app)
	settings, err := second.FindFirstRecordByFilter("settings", "id != ''")
	if err != nil {
		t.Fatal(err)
	}
	settings.Set("requests_per_minute", 700)
	if err := second.Save(settings); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); limitOf() != "700"; {
		if time.Now().After(deadline) {
			t.Fatal("a change of another process is not seen")
		}
	}
}
