package api

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
)

const (
	readyKept    = 2 * time.Second // how long an answer is given again
	readyTimeout = 5 * time.Second
	minFreeBytes = 64 << 20 // in the data folder, for the database
)

type health struct {
	Status string `json:"status"`
}

func (a *API) healthz(e *core.RequestEvent) error { return ok(e, health{"ok"}) }

func (a *API) readyz(e *core.RequestEvent) error {
	if err := a.readiness.ask(a); err != nil {
		return err
	}
	return ok(e, health{"ok"})
}

// readiness keeps the last answer, so that probes cannot load the store.
type readiness struct {
	mu  sync.Mutex
	at  time.Time
	err error
}

func (r *readiness) ask(a *API) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := a.Now(); r.at.IsZero() || now.Sub(r.at) >= readyKept {
		r.at, r.err = now, a.checkAll()
	}
	return r.err
}

// checkAll tells callers only which check failed: they are not signed in. The log has the cause.
func (a *API) checkAll() error {
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	failed := map[string]any{}
	for name, check := range map[string]func(context.Context) error{
		"database": a.checkDatabase, "disk": a.checkDisk, "store": a.Store.Check, "agent": a.Ready,
	} {
		if check == nil {
			continue
		}
		if err := check(ctx); err != nil {
			a.Logger.Error("not ready", "check", name, "error", err)
			failed[name] = "failed"
		}
	}
	if len(failed) == 0 {
		return nil
	}
	return &collections.Error{Code: collections.CodeUnavailable, Message: "Longshore is not ready.", Data: failed}
}

func (a *API) checkDatabase(ctx context.Context) error {
	var one int
	return a.app.NonconcurrentDB().NewQuery("SELECT 1").WithContext(ctx).Row(&one)
}

func (a *API) checkDisk(context.Context) error {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(a.app.DataDir(), &fs); err != nil {
		return err
	}
	if free := fs.Bavail * uint64(fs.Bsize); free < minFreeBytes {
		return fmt.Errorf("the data folder has %d bytes left", free)
	}
	return nil
}
