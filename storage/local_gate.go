package storage

import (
	"context"
	"sync"
)

// slot is what one PUT at a time may write: a part of an upload, or number 0 of a key.
type slot struct {
	id     string
	number int
}

type turn struct {
	cancel func()
	done   chan struct{}
}

// gate keeps writers apart: one PUT per slot, and none of an upload beside its Complete or Abort.
type gate struct {
	mu    sync.Mutex
	puts  map[slot]*turn
	shuts map[string]chan struct{}
}

func newGate() *gate {
	return &gate{puts: map[slot]*turn{}, shuts: map[string]chan struct{}{}}
}

// enter takes the slot. A PUT that holds it is cancelled first: a client that lost its
// connection comes back sooner than the server sees the loss.
func (g *gate) enter(ctx context.Context, s slot, cancel func()) (leave func(), err error) {
	t := &turn{cancel: cancel, done: make(chan struct{})}
	for {
		busy := g.tryEnter(s, t)
		if busy == nil {
			return func() { g.leave(s, t) }, nil
		}
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (g *gate) tryEnter(s slot, t *turn) (busy <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if shut, ok := g.shuts[s.id]; ok {
		return shut
	}
	if old, ok := g.puts[s]; ok {
		old.cancel()
		return old.done
	}
	g.puts[s] = t
	return nil
}

func (g *gate) leave(s slot, t *turn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.puts, s)
	close(t.done)
}

// shut cancels the PUTs of an upload, waits until they are gone, and keeps new ones waiting
// until open is called.
func (g *gate) shut(id string) (open func()) {
	closed := make(chan struct{})
	for {
		busy := g.tryShut(id, closed)
		if busy == nil {
			break
		}
		<-busy
	}
	for _, t := range g.cancelAll(id) {
		<-t.done
	}
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.shuts, id)
		close(closed)
	}
}

func (g *gate) tryShut(id string, closed chan struct{}) (busy <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if other, ok := g.shuts[id]; ok {
		return other
	}
	g.shuts[id] = closed
	return nil
}

func (g *gate) cancelAll(id string) (turns []*turn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for s, t := range g.puts {
		if s.id == id {
			t.cancel()
			turns = append(turns, t)
		}
	}
	return turns
}
