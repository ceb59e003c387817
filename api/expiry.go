package api

import (
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/hooks"
)

const (
	expiryLife   = 10 * time.Second // what another process changes, or a plan that expires, is seen then
	expiryOwners = 10_000
)

// expiries tells when the files of ended jobs leave. The plans of owners are kept for a while: lists and realtime ask
// for every job.
type expiries struct {
	app core.App
	now func() time.Time

	mu     sync.Mutex
	owners map[string]ownerRetention
}

type ownerRetention struct {
	hooks.Retention
	read time.Time
}

func newExpiries(app core.App, now func() time.Time) *expiries {
	x := &expiries{app: app, now: now, owners: map[string]ownerRetention{}}
	forget := func(e *core.RecordEvent) error {
		x.forget()
		return e.Next()
	}
	tables := []string{"plans", "user_plan_assignments", "settings"}
	app.OnRecordAfterCreateSuccess(tables...).BindFunc(forget)
	app.OnRecordAfterUpdateSuccess(tables...).BindFunc(forget)
	app.OnRecordAfterDeleteSuccess(tables...).BindFunc(forget)
	return x
}

func (x *expiries) forget() {
	x.mu.Lock()
	defer x.mu.Unlock()
	clear(x.owners)
}

// of is progress.Board's Expiry.
func (x *expiries) of(owner string, ended, warned time.Time) (time.Time, bool) {
	now := x.now()
	retention, err := x.retention(owner, now)
	if err != nil {
		x.app.Logger().Warn("a plan's retention could not be read", "error", err)
		return time.Time{}, false
	}
	return retention.Expiry(ended, warned, now)
}

func (x *expiries) retention(owner string, now time.Time) (hooks.Retention, error) {
	x.mu.Lock()
	known, ok := x.owners[owner]
	x.mu.Unlock()
	if ok && now.Sub(known.read) < expiryLife {
		return known.Retention, nil
	}
	retention, err := hooks.RetentionOf(x.app, owner, now)
	if err != nil {
		return retention, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.owners) >= expiryOwners {
		clear(x.owners)
	}
	x.owners[owner] = ownerRetention{retention, now}
	return retention, nil
}
