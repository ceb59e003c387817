package agent

import (
	"context"
	"log/slog"
	"testing"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/plugins"
)

func TestAFullDiskIsToldAsLongAsItIsTrue(t *testing.T) {
	t.Parallel()
	full := &plugins.Error{Code: plugins.ErrDiskFull, Message: "no space"}
	event := plugins.Event{ID: "first", Kind: plugins.EventError, Err: full}
	for name, test := range map[string]struct {
		before func(*job)
		added  string // the id of the torrent that the engine takes then
		want   collections.Code
	}{
		"an Add that found no space is taken at last": {
			func(j *job) { j.handleNotAdded(plugins.AddRequest{ID: "first"}, full) }, "first", "",
		},
		"another process has space for the torrent": {func(j *job) { j.handleEvent(event) }, "second", ""},
		"the torrent's first write finds no space":  {func(j *job) { j.handleEvent(event) }, "first", collections.CodeDiskFull},
	} {
		t.Run(name, func(t *testing.T) {
			j := &job{agent: &Agent{limits: defaultLimits()}, log: slog.New(slog.DiscardHandler), ctx: context.Background()}
			s := &session{}
			j.torrent.session, j.torrent.id, j.torrent.polled = s, "first", test.added
			test.before(j)
			if got := j.report(); got.Code != collections.CodeDiskFull || got.State == collections.AgentFailed {
				t.Fatalf("before it is told as %s, %s", got.State, got.Code)
			}
			j.torrent.id = test.added
			j.handleAdded(s, plugins.AddRequest{ID: test.added}, nil, nil)
			if got := j.report(); got.Code != test.want {
				t.Errorf("told is %q, not %q", got.Code, test.want)
			}
		})
	}
}

// slow is an engine that carries out an Add when it is told to.
type slow struct {
	plugins.Engine
	asked, goOn chan struct{}
	ended       error
}

func (e *slow) Add(ctx context.Context, _ plugins.AddRequest) error {
	close(e.asked)
	select {
	case <-e.goOn:
	case <-ctx.Done():
	}
	e.ended = ctx.Err()
	return nil
}

func TestTheEndOfAnAttemptDoesNotBreakOffAnAdd(t *testing.T) {
	t.Parallel()
	engine := &slow{asked: make(chan struct{}), goOn: make(chan struct{})}
	j := &job{agent: &Agent{ctx: t.Context()}}
	s := &session{host: &host{limits: defaultLimits()}, engine: engine}
	ctx, end := context.WithCancel(t.Context())
	added := make(chan error)
	go func() {
		_, err := j.add(ctx, s, "", false, plugins.AddRequest{ID: "one"})
		added <- err
	}()
	<-engine.asked
	end()
	select {
	case <-added:
		t.Fatal("the attempt goes on to its Remove while the engine still adds the torrent")
	case engine.goOn <- struct{}{}:
	}
	if err := <-added; err != nil || engine.ended != nil {
		t.Fatalf("got %v, the engine saw %v", err, engine.ended)
	}
}
