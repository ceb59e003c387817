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
