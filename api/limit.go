package api

import (
	"cmp"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/progress"
)

// limited names what may be done only so often. It is part of the keys in rate_events.
type limited string

// The names. Of sign-ins only failures count.
const (
	limitSignIn   limited = "sign_in"
	limitReset    limited = "reset"    // mails with a link for a new password
	limitVerify   limited = "verify"   // mails with a link that proves an address
	limitRegister limited = "register" // new accounts
)

// allowance is how often something may be done per account and per address.
type allowance struct {
	window              time.Duration
	perAccount, perAddr int64
}

const longestWindow = time.Hour

func (n limited) allowance(s collections.Settings) allowance {
	usual := collections.DefaultSettings()
	switch n {
	case limitSignIn: // a setting that was emptied does not open the door
		return allowance{15 * time.Minute, cmp.Or(s.SignInsPerAccount, usual.SignInsPerAccount), cmp.Or(s.SignInsPerAddress, usual.SignInsPerAddress)}
	case limitRegister:
		return allowance{time.Hour, 5, 20}
	default:
		return allowance{time.Hour, 5, 30}
	}
}

// limits counts what is dangerous when done often. The counts are rows, so that a restart forgives nobody.
type limits struct {
	app     core.App
	now     func() time.Time
	choices *choices

	mu     sync.Mutex
	trying map[string]int64 // attempts under way, by key
}

func newLimits(app core.App, now func() time.Time, c *choices) *limits {
	return &limits{app: app, now: now, choices: c, trying: map[string]int64{}}
}

// share is what a key has of an allowance.
type share struct {
	key    string
	limit  int64
	window time.Duration
}

// shares answers the keys that a request counts for. An account is named by its hash: people type passwords into the
// field for the address, too.
func (l *limits) shares(e *core.RequestEvent, name limited, account string) ([]share, error) {
	settings, err := l.choices.get()
	if err != nil {
		return nil, err
	}
	a := name.allowance(settings)
	out := []share{{string(name) + " address " + progress.AddressKey(e.RealIP()), a.perAddr, a.window}}
	if account = strings.ToLower(strings.TrimSpace(account)); account != "" {
		sum := sha256.Sum256([]byte(account))
		out = append(out, share{string(name) + " account " + hex.EncodeToString(sum[:]), a.perAccount, a.window})
	}
	return out, nil
}

// take counts one use of name by the account, which may be empty, and by the request's address. When one of both
// has had its share it counts nothing and answers rate_limited. It must not be called inside a transaction.
func (l *limits) take(e *core.RequestEvent, name limited, account string) error {
	shares, err := l.shares(e, name, account)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.refuse(e, shares); err != nil {
		return err
	}
	return l.write(shares)
}

// attempt runs try for one account unless it or the address has failed too often; then it answers rate_limited.
// Attempts under way count, so that many at once cannot slip through; those that succeed do not count.
func (l *limits) attempt(e *core.RequestEvent, name limited, account string, try func() error) (err error) {
	shares, err := l.shares(e, name, account)
	if err != nil {
		return err
	}
	if err := l.begin(e, shares); err != nil {
		return err
	}
	failed := true
	defer func() { err = errors.Join(err, l.end(shares, failed)) }()
	err = try()
	failed = err != nil
	return err
}

func (l *limits) begin(e *core.RequestEvent, shares []share) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.refuse(e, shares); err != nil {
		return err
	}
	for _, s := range shares {
		l.trying[s.key]++
	}
	return nil
}

func (l *limits) end(shares []share, failed bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range shares {
		if l.trying[s.key]--; l.trying[s.key] <= 0 {
			delete(l.trying, s.key)
		}
	}
	if !failed {
		return nil
	}
	return l.write(shares)
}

func (l *limits) refuse(e *core.RequestEvent, shares []share) error {
	for _, s := range shares {
		wait, err := l.wait(s)
		if err != nil {
			return err
		}
		if wait > 0 {
			writeShare(e.Response.Header(), s.limit, 0, wait, s.window)
			return tooMany(e, wait, "There were too many attempts. Try again later.")
		}
	}
	return nil
}

// wait answers how long a key must wait for its next use: until the event is over whose end makes room.
func (l *limits) wait(s share) (time.Duration, error) {
	room := s.limit - l.trying[s.key]
	if room <= 0 {
		return time.Second, nil // those under way may succeed
	}
	var at types.DateTime
	err := l.app.DB().Select("at").From("rate_events").
		Where(dbx.NewExp("key = {:key} AND at > {:since}", dbx.Params{"key": s.key, "since": dbTime(l.now().Add(-s.window))})).
		OrderBy("at DESC").Offset(room - 1).Limit(1).Row(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return max(at.Time().Add(s.window).Sub(l.now()), time.Millisecond), err
}

func (l *limits) write(shares []share) error {
	for _, s := range shares {
		_, err := l.app.NonconcurrentDB().Insert("rate_events", dbx.Params{
			"id": core.GenerateDefaultRandomId(), "key": s.key, "at": dbTime(l.now()), "created_at": dbTime(l.now()), "updated_at": dbTime(l.now()),
		}).Execute()
		if err != nil {
			return fmt.Errorf("a limit could not be counted: %w", err)
		}
	}
	return nil
}

// sweep removes what no window holds any more.
func (l *limits) sweep() error {
	_, err := l.app.NonconcurrentDB().Delete("rate_events",
		dbx.NewExp("at < {:since}", dbx.Params{"since": dbTime(l.now().Add(-longestWindow))})).Execute()
	return err
}
