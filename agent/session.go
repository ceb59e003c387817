package agent

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/longshore-project/longshore/plugins"
)

// session is one life of an engine's process.
type session struct {
	host    *host
	process *plugins.Process
	engine  plugins.Engine
	can     plugins.Description

	mu       sync.Mutex
	culprits map[*job]bool // a call for them was not answered in time
}

// open learns what the engine is and can, and opens its event stream.
func (s *session) open(ctx context.Context) (<-chan plugins.Event, error) {
	err := s.call(ctx, nil, "describe", func(ctx context.Context) (err error) {
		s.can, err = s.engine.Describe(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.engine.Events(ctx)
}

// watch kills an engine that no longer answers.
func (s *session) watch(ctx context.Context) {
	tick := time.NewTicker(s.host.limits.health)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = s.call(ctx, nil, "describe", func(ctx context.Context) error {
				_, err := s.engine.Describe(ctx)
				return err
			})
		}
	}
}

// call runs one call of the engine under the time limit. An engine that lets it pass
// hangs: it is killed, and j is taken for the cause.
func (s *session) call(ctx context.Context, j *job, what string, fn func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, s.host.limits.call)
	defer cancel()
	err := fn(limited)
	if err != nil && ctx.Err() == nil && errors.Is(limited.Err(), context.DeadlineExceeded) {
		s.host.log.Error("the engine does not answer: killing it", "call", what)
		s.mu.Lock()
		s.culprits[j] = true
		s.mu.Unlock()
		s.process.Kill() //nolint:contextcheck // it has a time limit of its own
	}
	return err
}

func (s *session) blames(j *job) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.culprits[j]
}
