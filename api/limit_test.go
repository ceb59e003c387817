package api

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

func wrong(email string) map[string]string {
	return map[string]string{"email": email, "password": "wrong"}
}

func TestTenFailuresLockAnAccountForFifteenMinutes(t *testing.T) {
	s := newServer(t)
	hookstest.MustCreateUser(t, s.app, "ann@example.com", collections.RoleUser)
	b := s.browser()
	for range 10 {
		b.call("POST", "/auth/login", wrong("ann@example.com")).want(t, 401, collections.CodeUnauthorized)
	}
	right := map[string]string{"email": "ANN@example.com", "password": hookstest.Password}
	got := b.call("POST", "/auth/login", right)
	got.want(t, 429, collections.CodeRateLimited)
	if retry := got.header.Get("Retry-After"); retry != "900" {
		t.Errorf("Retry-After is %q", retry)
	}
	s.clock.advance(15 * time.Minute)
	if got := b.call("POST", "/auth/login", right); got.status != 200 {
		t.Errorf("after the window: %d %s", got.status, got.body)
	}
}

func TestThirtyFailuresLockAnAddress(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	for i := range 30 {
		b.call("POST", "/auth/login", wrong(fmt.Sprintf("u%d@example.com", i/5))).want(t, 401, collections.CodeUnauthorized)
	}
	b.call("POST", "/auth/login", wrong("new@example.com")).want(t, 429, collections.CodeRateLimited)
}

func TestSuccessesDoNotCount(t *testing.T) {
	s := newServer(t)
	hookstest.MustCreateUser(t, s.app, "ann@example.com", collections.RoleUser)
	for range 10 + 2 {
		got := s.browser().call("POST", "/auth/login", map[string]string{"email": "ann@example.com", "password": hookstest.Password})
		if got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
}

func TestParallelGuessesCannotSlipThrough(t *testing.T) {
	s := newServer(t)
	hookstest.MustCreateUser(t, s.app, "ann@example.com", collections.RoleUser)
	var tried atomic.Int32
	var all sync.WaitGroup
	b := s.browser()
	for range 25 {
		all.Go(func() {
			if got := b.call("POST", "/auth/login", wrong("ann@example.com")); got.status == 401 {
				tried.Add(1)
			}
		})
	}
	all.Wait()
	if n := tried.Load(); n != 10 {
		t.Errorf("%d guesses were tried", n)
	}
}

func TestDashboardSignInHasTheSameLimits(t *testing.T) {
	s := newServer(t)
	mustCreateSuperuser(t, s.app, "root@example.com")
	b := s.browser()
	guess := func() answer {
		return b.do(b.request("POST", "/api/collections/_superusers/auth-with-password", map[string]string{"identity": "root@example.com", "password": "wrong"}))
	}
	for range 10 {
		if got := guess(); got.status != 400 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	if got := guess(); got.status != 429 || got.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestPasswordOfNobodyCostsAsMuchAsAnyOther(t *testing.T) {
	s := newServer(t)
	cost := func(hash string) string { return strings.Join(strings.Split(hash, "$")[:3], "$") }
	for i, want := range []int{4, 5} {
		users, err := s.app.FindCollectionByNameOrId("users")
		if err != nil {
			t.Fatal(err)
		}
		users.Fields.GetByName("password").(*core.PasswordField).Cost = want
		if err := s.app.Save(users); err != nil {
			t.Fatal(err)
		}
		user := hookstest.MustCreateUser(t, s.app, fmt.Sprintf("u%d@example.com", i), collections.RoleUser)
		if real, decoy := cost(user.GetString("password:hash")), cost(s.api.nobody.hashFor(users).Hash); real != decoy {
			t.Errorf("a real hash costs %s, nobody's %s", real, decoy)
		}
	}
}

func TestRestartForgivesNobody(t *testing.T) {
	before := newServer(t)
	hookstest.MustCreateUser(t, before.app, "ann@example.com", collections.RoleUser)
	for range 10 {
		before.browser().call("POST", "/auth/login", wrong("ann@example.com")).want(t, 401, collections.CodeUnauthorized)
	}
	after := newServerOn(t, hookstest.SecondApp(t, before.app))
	right := map[string]string{"email": "ann@example.com", "password": hookstest.Password}
	after.browser().call("POST", "/auth/login", right).want(t, 429, collections.CodeRateLimited)
	after.clock.advance(15 * time.Minute)
	if got := after.browser().call("POST", "/auth/login", right); got.status != 200 {
		t.Errorf("after the window: %d %s", got.status, got.body)
	}
}

func TestLimitsOfSignInFollowTheSettings(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	s.set("settings", "", map[string]any{"sign_ins_per_account": 2, "sign_ins_per_address": 3})
	for _, step := range []struct {
		email  string
		status int
	}{{"a@example.com", 401}, {"a@example.com", 401}, {"a@example.com", 429}, {"b@example.com", 401}, {"c@example.com", 429}} {
		if got := b.call("POST", "/auth/login", wrong(step.email)); got.status != step.status {
			t.Errorf("%s: %d instead of %d", step.email, got.status, step.status)
		}
	}
	s.set("settings", "", map[string]any{"sign_ins_per_account": 5, "sign_ins_per_address": 9})
	b.call("POST", "/auth/login", wrong("a@example.com")).want(t, 401, collections.CodeUnauthorized)
	s.set("settings", "", map[string]any{"sign_ins_per_account": 0, "sign_ins_per_address": 0})
	for range 7 {
		b.call("POST", "/auth/login", wrong("a@example.com"))
	}
	b.call("POST", "/auth/login", wrong("a@example.com")).want(t, 429, collections.CodeRateLimited)
}

func TestRefusedSignInTellsWhenToComeBack(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	for range 10 {
		b.call("POST", "/auth/login", wrong("ann@example.com"))
		s.clock.advance(time.Minute)
	}
	got := b.call("POST", "/auth/login", wrong("ann@example.com"))
	if got.quota() != "10 | 0 | 300 | 10;w=900 | 300" {
		t.Errorf("refused with %q", got.quota())
	}
	s.clock.advance(300 * time.Second)
	b.call("POST", "/auth/login", wrong("ann@example.com")).want(t, 401, collections.CodeUnauthorized)
	b.call("POST", "/auth/login", wrong("ann@example.com")).want(t, 429, collections.CodeRateLimited)
}

func TestSignInsOfOneNetworkAreCountedTogether(t *testing.T) {
	s := newServer(t, func(c *Config) { c.Proxies = []string{"127.0.0.1"} })
	s.set("settings", "", map[string]any{"sign_ins_per_address": 4})
	b := s.browser()
	from := func(i int, address string) answer {
		return b.call("POST", "/auth/login", wrong(fmt.Sprintf("u%d@example.com", i)), header("X-Forwarded-For", address))
	}
	for i := range 4 {
		from(i, fmt.Sprintf("2001:db8:0:1:%x::1", i)).want(t, 401, collections.CodeUnauthorized)
	}
	from(5, "2001:db8:0:1:ffff:ffff:ffff:ffff").want(t, 429, collections.CodeRateLimited)
	from(6, "2001:db8:0:2::1").want(t, 401, collections.CodeUnauthorized)
}

func TestCountsOfLimitsAreSweptAndNameNobody(t *testing.T) {
	s := newServer(t)
	s.browser().call("POST", "/auth/login", wrong("ann@example.com"))
	var keys []string
	if err := s.app.DB().Select("key").From("rate_events").Column(&keys); err != nil || len(keys) != 2 || strings.Contains(strings.Join(keys, " "), "ann") {
		t.Errorf("counted by %q: %v", keys, err)
	}
	for _, step := range []struct {
		after time.Duration
		left  int64
	}{{longestWindow, 2}, {time.Second, 0}} {
		s.clock.advance(step.after)
		if err := s.api.sweepAccess(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n, _ := s.app.CountRecords("rate_events"); n != step.left {
			t.Errorf("after %s %d counts are left", step.after, n)
		}
	}
}
