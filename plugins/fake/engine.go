package fake

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/longshore-project/longshore/plugins"
)

// Engine follows the scripts of its torrents' Params. It can do ranges, skip, release and select, and it is
// guarded, because it opens no connection.
type Engine struct {
	feed plugins.Feed
	hung chan struct{} // closed when a script hangs the engine

	mu       sync.Mutex // guards every torrent's fields, too
	torrents map[string]*torrent
}

// New makes an engine without torrents.
func New() *Engine {
	return &Engine{hung: make(chan struct{}), torrents: map[string]*torrent{}}
}

// answer runs a call, unless a script has hung the engine: then it is never answered.
func (e *Engine) answer(ctx context.Context, call func() error) error {
	select {
	case <-e.hung:
		<-ctx.Done()
		return ctx.Err()
	default:
		return call()
	}
}

func (e *Engine) hang() {
	e.mu.Lock()
	defer e.mu.Unlock()
	select {
	case <-e.hung:
	default:
		close(e.hung)
	}
}

// with runs a call for one torrent.
func (e *Engine) with(ctx context.Context, id string, call func(t *torrent) error) error {
	return e.answer(ctx, func() error {
		e.mu.Lock()
		defer e.mu.Unlock()
		t := e.torrents[id]
		if t == nil {
			return &plugins.Error{Code: plugins.ErrNotFound, Message: "no torrent has the id " + id}
		}
		return call(t)
	})
}

func (e *Engine) Describe(ctx context.Context) (d plugins.Description, err error) {
	err = e.answer(ctx, func() error {
		d = plugins.Description{Name: "fake", Version: "1", Capabilities: []plugins.Capability{
			plugins.CapRanges, plugins.CapSkip, plugins.CapRelease, plugins.CapSelect, plugins.CapGuard,
		}}
		return nil
	})
	return d, err
}

func (e *Engine) Add(ctx context.Context, req plugins.AddRequest) error {
	return e.answer(ctx, func() error {
		fresh, err := newTorrent(e, req)
		if err != nil {
			return &plugins.Error{Code: plugins.ErrInvalid, Message: err.Error()}
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		t := e.torrents[req.ID]
		if t == nil {
			t = fresh
			e.torrents[req.ID] = t
			defer func() { go t.run() }()
		}
		return t.add(req, fresh)
	})
}

func (e *Engine) Remove(ctx context.Context, id string) error {
	return e.answer(ctx, func() error {
		e.mu.Lock()
		t := e.torrents[id]
		delete(e.torrents, id)
		e.mu.Unlock()
		if t != nil {
			t.stop()
		}
		return nil
	})
}

func (e *Engine) Pause(ctx context.Context, id string) error {
	return e.with(ctx, id, func(t *torrent) error { t.pause(true); return nil })
}

func (e *Engine) Resume(ctx context.Context, id string) error {
	return e.with(ctx, id, func(t *torrent) error { t.pause(false); return nil })
}

func (e *Engine) Files(ctx context.Context, id string) (files []plugins.File, err error) {
	err = e.with(ctx, id, func(t *torrent) error { files, err = t.files(); return err })
	return files, err
}

func (e *Engine) Statistics(ctx context.Context, id string) (s plugins.Statistics, err error) {
	err = e.with(ctx, id, func(t *torrent) error { s = t.statistics(); return nil })
	return s, err
}

func (e *Engine) Prioritise(ctx context.Context, id string, ranges []plugins.PriorityRange) error {
	return e.with(ctx, id, func(t *torrent) error { t.prioritise(ranges); return nil })
}

func (e *Engine) Skip(ctx context.Context, id string, ranges []plugins.Range) error {
	return e.with(ctx, id, func(t *torrent) error { t.skip(ranges); return nil })
}

func (e *Engine) Release(ctx context.Context, id string, ranges []plugins.Range) error {
	return e.with(ctx, id, func(t *torrent) error { return t.release(ranges) })
}

func (e *Engine) Events(ctx context.Context) (events <-chan plugins.Event, err error) {
	err = e.answer(ctx, func() error {
		e.mu.Lock()
		defer e.mu.Unlock()
		events = e.feed.Open(ctx, func() (now []plugins.Event) {
			for _, t := range e.torrents {
				now = append(now, t.now()...)
			}
			return now
		})
		return nil
	})
	return events, err
}

func (e *Engine) Shutdown(ctx context.Context) error {
	return e.answer(ctx, func() error {
		e.mu.Lock()
		torrents := slices.Collect(maps.Values(e.torrents))
		e.mu.Unlock()
		for _, t := range torrents {
			t.stop()
		}
		return nil
	})
}
