// Package script runs the operator's hook scripts (pb_hooks/*.pb.js).
//
// A file may use PocketBase's own hooks, which PocketBase's jsvm runs as it always does, and the moments of Longshore:
// onJobSubmit, onJobStatus, onFileComplete and onLinkSign, which run here. A moment never runs inside a transaction,
// and what a handler of one does cannot stall or crash the control plane:
//
//   - every call gets a goja runtime of its own, in which the file is run anew (some 30 µs): nothing is left of one
//     call in the next, and a runtime that misbehaved is thrown away
//   - a call has a time limit and is interrupted when it or the growth of memory is over; the caller goes on even when
//     the runtime hangs in Go code that cannot be interrupted
//   - the number of runtimes is bounded, and a file that exceeds its limit again and again is left alone for a minute
//
// What decides (onJobSubmit, onLinkSign) fails closed: when a script cannot be asked, the person is told to try again
// later. Scripts are the operator's own code and are trusted: they are kept from accidents, not from harm.
package script

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/pb_hooks"
)

// Time limits of one call when Config names none.
const (
	DefaultDecideLimit = 250 * time.Millisecond // onJobSubmit, onLinkSign: somebody waits
	DefaultTellLimit   = 2 * time.Second        // onJobStatus, onFileComplete
)

// Runtimes at the same time. Those that tell may call what is decided, but not the other way round, so that neither
// waits for itself.
const (
	decideSlots = 8
	tellSlots   = 4
)

// Config is what scripts need. App, Dir and Logger are required.
type Config struct {
	App         core.App // hooks.Bind has been called on it
	Dir         string   // of the scripts; it need not exist. Declarations for editors are written into the data folder
	DecideLimit time.Duration
	TellLimit   time.Duration
	// Submit accepts a job for $longshore.submit; the errors are those of the API.
	Submit       func(ctx context.Context, user *core.Record, in hooks.Submission) (*core.Record, error)
	AllowPrivate bool             // webhooks may go to private networks
	Now          func() time.Time // time.Now when nil
	Logger       *slog.Logger
}

// Scripts are the operator's scripts, loaded.
type Scripts struct {
	Config
	files    []*file
	decide   *lane
	tell     *lane
	webhooks *webhooks
}

// Load reads the scripts of a folder, registers PocketBase's hooks in the application and ours in its moments. It is
// called once, before the application serves. A script that cannot be run is an error that names it.
func Load(cfg Config) (*Scripts, error) {
	cfg.complete()
	s := &Scripts{Config: cfg, decide: newLane(decideSlots), tell: newLane(tellSlots), webhooks: newWebhooks(cfg)}
	sources, err := readSources(cfg.Dir)
	if err != nil || len(sources) == 0 {
		return s, err
	}
	limitRegexps(max(cfg.DecideLimit, cfg.TellLimit))
	if err := s.compile(sources); err != nil {
		return nil, err
	}
	if err := s.registerPocketBase(sources); err != nil {
		return nil, err
	}
	s.bind(hooks.MomentsOf(cfg.App))
	s.writeTypes()
	return s, nil
}

// writeTypes writes our declarations beside PocketBase's. Only editors read them.
func (s *Scripts) writeTypes() {
	if err := os.WriteFile(filepath.Join(s.App.DataDir(), pb_hooks.TypesFile), pb_hooks.Types, 0o644); err != nil {
		s.Logger.Warn("the declarations for scripts could not be written", "error", err)
	}
}

func (c *Config) complete() {
	if c.DecideLimit <= 0 {
		c.DecideLimit = DefaultDecideLimit
	}
	if c.TellLimit <= 0 {
		c.TellLimit = DefaultTellLimit
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

// Stop sends the webhooks that wait, until ctx ends; no others are taken from now on. Moments are drained before.
func (s *Scripts) Stop(ctx context.Context) {
	if left := s.webhooks.stop(ctx); left > 0 {
		s.Logger.Warn("webhooks were not sent before the end", "webhooks", left)
	}
}
