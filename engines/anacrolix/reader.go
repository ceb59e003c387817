package anacrolix

import (
	"context"
	"slices"
	"time"

	"github.com/longshore-project/longshore/plugins"
)

// mergeTime is how long verified pieces may wait for company. Other events go at once.
const mergeTime = 5 * time.Millisecond

// reader holds the events its channel has not taken yet. While it is slow, verified
// pieces of a torrent become one event. The lock of the account guards it.
type reader struct {
	queue  []*pending
	last   map[string]*pending // the latest event of each torrent, while it can still grow
	wake   chan struct{}       // something is there
	hurry  chan struct{}       // something is there that should not wait
	cancel context.CancelFunc
}

// pending is an event to be told; pieces are verified ones that are not in its ranges yet.
type pending struct {
	plugins.Event
	pieces []int
}

// events starts a reader in place of the earlier one.
func (a *account) events(ctx context.Context) (<-chan plugins.Event, error) {
	ctx, cancel := context.WithCancel(ctx)
	r := &reader{
		last: map[string]*pending{}, cancel: cancel,
		wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1),
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		cancel()
		return nil, closedError()
	}
	if a.reader != nil {
		a.reader.cancel()
	}
	a.reader = r
	for _, e := range a.entries {
		for _, ev := range e.present() {
			ev.ID, ev.At = e.id, time.Now()
			r.add(&pending{Event: ev})
		}
	}
	ch := make(chan plugins.Event)
	go a.pump(ctx, r, ch)
	return ch, nil
}

func (a *account) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	if a.reader != nil {
		a.reader.cancel()
	}
}

func (r *reader) add(p *pending) {
	r.queue = append(r.queue, p)
	delete(r.last, p.ID)
	signal(r.wake)
	signal(r.hurry)
}

func (r *reader) verified(id string, i int, resumed bool) {
	p := r.last[id]
	if p == nil || p.Resumed != resumed {
		p = &pending{Event: plugins.Event{ID: id, Kind: plugins.EventVerified, Resumed: resumed, At: time.Now()}}
		r.queue = append(r.queue, p)
		r.last[id] = p
	}
	p.pieces = append(p.pieces, i)
	signal(r.wake)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// take answers the oldest event.
func (a *account) take(r *reader) (plugins.Event, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(r.queue) == 0 {
		return plugins.Event{}, false
	}
	p := r.queue[0]
	r.queue[0] = nil
	r.queue = r.queue[1:]
	if r.last[p.ID] == p {
		delete(r.last, p.ID)
	}
	slices.Sort(p.pieces)
	for _, i := range p.pieces {
		p.Ranges = appendRange(p.Ranges, i, i+1)
	}
	return p.Event, true
}

func (a *account) pump(ctx context.Context, r *reader, ch chan<- plugins.Event) {
	defer close(ch)
	defer r.cancel()
	for {
		ev, ok := a.take(r)
		if !ok {
			if !r.wait(ctx) {
				return
			}
			continue
		}
		select {
		case ch <- ev:
		case <-ctx.Done():
			return
		}
	}
}

// wait answers true when there is something to take, false when the reader has ended.
func (r *reader) wait(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-r.wake:
	}
	company := time.NewTimer(mergeTime)
	defer company.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-r.hurry:
	case <-company.C:
	}
	return true
}
