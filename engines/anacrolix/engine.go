package anacrolix

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	lib "github.com/anacrolix/torrent"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/plugins"
)

// Engine implements plugins.Engine.
type Engine struct {
	cfg     Config
	client  *lib.Client
	budget  *budget
	account *account
	logger  *slog.Logger
	checks  chan struct{} // one torrent at a time reads its old pieces
	done    chan struct{}

	refusals refusals

	mu       sync.Mutex
	torrents map[string]*torrent
	given    generations
	closed   bool
}

var _ plugins.Engine = (*Engine)(nil)

// New starts an engine that listens on a free port. The caller ends it with Shutdown.
func New(cfg Config) (*Engine, error) {
	cfg = cfg.withDefaults()
	e := &Engine{
		cfg: cfg, logger: cfg.Logger,
		budget: newBudget(cfg.MemoryBudget), account: &account{},
		checks: make(chan struct{}, 1), done: make(chan struct{}),
		torrents: map[string]*torrent{}, given: generations{},
	}
	g := guard{cfg.AllowPrivate}
	clientConfig := cfg.client(g)
	clientConfig.DHTOnQuery = e.takesDHTQuery
	clientConfig.Callbacks = e.refusals.callbacks()
	clientConfig.Callbacks.PeerConnReadExtensionMessage = []func(lib.PeerConnReadExtensionMessageEvent){e.hearExtension}
	client, err := lib.NewClient(clientConfig)
	if err != nil {
		return nil, fmt.Errorf("starting the torrent client: %w", err)
	}
	e.client = client
	addDialers(client, g)
	go e.tick()
	return e, nil
}

// addDialers lets the client reach peers over TCP through the guard, and over the
// (guarded) sockets of uTP when it listens there.
func addDialers(client *lib.Client, g guard) {
	client.AddDialer(lib.NetworkDialer{Network: "tcp", Dialer: g.dialer()})
	for _, l := range client.Listeners() {
		t, ok := l.(lib.Dialer)
		if ok && l.Addr().Network() == "udp" {
			client.AddDialer(t)
		}
	}
}

// Describe implements plugins.Engine.
func (e *Engine) Describe(context.Context) (plugins.Description, error) {
	return plugins.Description{
		Name:    "anacrolix",
		Version: e.cfg.Version,
		Capabilities: []plugins.Capability{
			plugins.CapRanges, plugins.CapSkip, plugins.CapRelease, plugins.CapSelect, plugins.CapGuard,
		},
	}, nil
}

// Add implements plugins.Engine.
func (e *Engine) Add(_ context.Context, req plugins.AddRequest) error {
	o, err := readOrder(req)
	if err != nil {
		return err
	}
	t, isNew, err := e.take(o)
	if err != nil {
		return err
	}
	if err := t.add(o); err != nil {
		if isNew {
			err = errors.Join(asError(err), e.forget(t))
		}
		return engineError(err)
	}
	return nil
}

// take answers the torrent of the order, a new one if need be.
func (e *Engine) take(o *order) (t *torrent, isNew bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, false, closedError()
	}
	if t := e.torrents[o.ID]; t != nil {
		return t, false, nil
	}
	for _, t := range e.torrents {
		if t.infohash == o.infohash {
			return nil, false, invalidf("this torrent runs already as %s", t.id)
		}
	}
	t = newTorrent(e, o)
	e.torrents[o.ID] = t
	return t, true, nil
}

// Remove implements plugins.Engine.
func (e *Engine) Remove(_ context.Context, id string) error {
	e.mu.Lock()
	t := e.torrents[id]
	e.mu.Unlock()
	if t == nil {
		return nil
	}
	return engineError(e.forget(t))
}

func (e *Engine) forget(t *torrent) error {
	err := t.close()
	e.account.remove(t.entry)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.torrents[t.id] == t {
		delete(e.torrents, t.id)
	}
	return err
}

// Pause implements plugins.Engine.
func (e *Engine) Pause(_ context.Context, id string) error {
	return e.with(id, (*torrent).pause)
}

// Resume implements plugins.Engine.
func (e *Engine) Resume(_ context.Context, id string) error {
	return e.with(id, (*torrent).resume)
}

// Files implements plugins.Engine.
func (e *Engine) Files(_ context.Context, id string) (list []plugins.File, err error) {
	err = e.ask(id, func(t *torrent) (err error) {
		list, err = t.files()
		return err
	})
	return list, err
}

// Statistics implements plugins.Engine.
func (e *Engine) Statistics(_ context.Context, id string) (s plugins.Statistics, err error) {
	err = e.ask(id, func(t *torrent) error {
		s = t.statistics(time.Now())
		return nil
	})
	return s, err
}

// Prioritise implements plugins.Engine. Where ranges overlap, the highest priority counts.
func (e *Engine) Prioritise(_ context.Context, id string, ranges []plugins.PriorityRange) error {
	return e.with(id, func(t *torrent) error { return t.prioritise(ranges) })
}

// Skip implements plugins.Engine.
func (e *Engine) Skip(_ context.Context, id string, ranges []plugins.Range) error {
	return e.with(id, func(t *torrent) error { return t.skip(ranges) })
}

// Release implements plugins.Engine.
func (e *Engine) Release(_ context.Context, id string, ranges []plugins.Range) error {
	return e.with(id, func(t *torrent) error { return t.release(ranges) })
}

// Events implements plugins.Engine.
func (e *Engine) Events(ctx context.Context) (<-chan plugins.Event, error) {
	return e.account.events(ctx)
}

// Shutdown implements plugins.Engine. Calling it again does nothing.
func (e *Engine) Shutdown(context.Context) error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	list := e.list()
	e.mu.Unlock()
	close(e.done)
	var errs []error
	for _, t := range list {
		errs = append(errs, t.pause(), t.close())
	}
	errs = append(errs, e.client.Close()...)
	e.account.close()
	e.budget.trim()
	e.budget.trim()
	return engineError(errors.Join(errs...))
}

func (e *Engine) nextGeneration(infohash collections.Infohash) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := e.given[infohash]
	e.given[infohash]++
	return n
}

func (e *Engine) list() []*torrent {
	list := make([]*torrent, 0, len(e.torrents))
	for _, t := range e.torrents {
		list = append(list, t)
	}
	return list
}

// with does something to a torrent, unless the engine has been shut down.
func (e *Engine) with(id string, do func(*torrent) error) error {
	e.mu.Lock()
	closed := e.closed
	e.mu.Unlock()
	if closed {
		return closedError()
	}
	return e.ask(id, do)
}

// ask reads from a torrent, even after Shutdown.
func (e *Engine) ask(id string, do func(*torrent) error) error {
	e.mu.Lock()
	t := e.torrents[id]
	e.mu.Unlock()
	if t == nil {
		return notFoundError(id)
	}
	return engineError(do(t))
}

func (e *Engine) tick() {
	ticker := time.NewTicker(sampleInterval)
	defer ticker.Stop()
	for {
		select {
		case <-e.done:
			return
		case now := <-ticker.C:
			e.mu.Lock()
			list := e.list()
			e.mu.Unlock()
			for _, t := range list {
				t.tick(now)
			}
			e.budget.trim()
		}
	}
}
