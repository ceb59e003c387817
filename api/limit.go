package api

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/progress"
)

// Failed sign-ins that are allowed in one window.
const (
	signInWindow      = 15 * time.Minute
	signInsPerAccount = 10
	signInsPerAddress = 30
	maxLimiterKeys    = 100_000 // accounts or addresses remembered at once
)

// limiter counts events per key in a sliding window.
type limiter struct {
	max    int // events per key
	window time.Duration
	now    func() time.Time
	keys   int // remembered at once

	mu     sync.Mutex
	events map[string][]time.Time
}

// take notes an event unless the key has had its share; then it answers how long to wait.
func (l *limiter) take(key string) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	events := l.recent(key, now)
	if len(events) >= l.max {
		return events[0].Add(l.window).Sub(now), false
	}
	if len(l.events) >= l.keys {
		l.forget(now)
	}
	l.events[key] = append(events, now)
	return 0, true
}

// giveBack undoes the latest take of the key.
func (l *limiter) giveBack(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if events := l.events[key]; len(events) > 1 {
		l.events[key] = events[:len(events)-1]
	} else {
		delete(l.events, key)
	}
}

func (l *limiter) recent(key string, now time.Time) []time.Time {
	return slices.DeleteFunc(l.events[key], func(at time.Time) bool { return now.Sub(at) >= l.window })
}

// forget makes room: what is over, else anything.
func (l *limiter) forget(now time.Time) {
	for key := range l.events {
		if len(l.recent(key, now)) == 0 || len(l.events) >= l.keys {
			delete(l.events, key)
		}
	}
}

// signIns limits failed sign-ins per account and per address. An attempt counts from its start, so that many at
// once cannot slip through, and is given back when it succeeds.
type signIns struct{ accounts, addresses *limiter }

func newSignIns(now func() time.Time) *signIns {
	return &signIns{accounts: newLimiter(signInsPerAccount, now), addresses: newLimiter(signInsPerAddress, now)}
}

func newLimiter(max int, now func() time.Time) *limiter {
	return &limiter{max: max, window: signInWindow, now: now, keys: maxLimiterKeys, events: map[string][]time.Time{}}
}

// attempt runs try for one account unless it or the address has failed too often; then it answers rate_limited
// and tells the client when to come back.
func (s *signIns) attempt(e *core.RequestEvent, account string, try func() error) error {
	account, address := strings.ToLower(strings.TrimSpace(account)), progress.AddressKey(e.RealIP())
	if wait, ok := s.addresses.take(address); !ok {
		return tooMany(e, wait)
	}
	if wait, ok := s.accounts.take(account); !ok {
		s.addresses.giveBack(address)
		return tooMany(e, wait)
	}
	err := try()
	if err == nil {
		s.addresses.giveBack(address)
		s.accounts.giveBack(account)
	}
	return err
}

func tooMany(e *core.RequestEvent, wait time.Duration) error {
	seconds := strconv.Itoa(int(wait/time.Second) + 1)
	e.Response.Header().Set("Retry-After", seconds)
	return &collections.Error{
		Code: collections.CodeRateLimited, Message: "There were too many failed sign-ins. Try again later.",
		Data: map[string]any{"retry_after_seconds": seconds},
	}
}
