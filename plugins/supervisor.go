package plugins

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// healthyAfter is how long an engine must have lived for its death to count as the first.
const healthyAfter = time.Minute

// Supervisor keeps one process of a Spec alive.
type Supervisor struct {
	spec    Spec
	wait    *backoff.ExponentialBackOff
	healthy time.Duration
	now     func() time.Time
}

// NewSupervisor makes one; Run starts the engine. The executable's checksum is the present one unless spec has it.
func NewSupervisor(spec Spec) *Supervisor {
	wait := backoff.NewExponentialBackOff()
	wait.MaxInterval = 30 * time.Second
	if spec.Checksum == nil {
		spec.Checksum, _ = checksum(cmp.Or(spec.Path, selfPath))
	}
	return &Supervisor{spec: spec, wait: wait, healthy: healthyAfter, now: time.Now}
}

// Run keeps the engine running until ctx ends, then kills it and answers nil. For each new process it calls up with a context that
// ends when that process is gone, and waits for up to return before it starts the next. Between deaths it waits 0.25 s
// to 45 s, longer each time, from the start again once a process lived for a minute. It answers an error at once when
// a new try cannot help.
func (s *Supervisor) Run(ctx context.Context, up func(ctx context.Context, p *Process)) error {
	for ctx.Err() == nil {
		began := s.now()
		if err := s.once(ctx, up); err != nil && ctx.Err() == nil {
			if EngineError(err).Code == ErrInvalid {
				return err
			}
			s.spec.logger().Error("the engine does not start", "error", err)
		}
		if s.now().Sub(began) >= s.healthy {
			s.wait.Reset()
		}
		s.pause(ctx)
	}
	return nil
}

// once is the life of one process.
func (s *Supervisor) once(ctx context.Context, up func(ctx context.Context, p *Process)) error {
	p, err := Launch(ctx, s.spec)
	if err != nil {
		return err
	}
	alive, dead := context.WithCancel(ctx)
	defer dead()
	var user sync.WaitGroup
	user.Go(func() { up(alive, p) })
	select {
	case <-p.Done():
	case <-ctx.Done():
	}
	dead()
	user.Wait()
	p.kill(context.WithoutCancel(ctx))
	return nil
}

func (s *Supervisor) pause(ctx context.Context) {
	timer := time.NewTimer(s.wait.NextBackOff())
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
