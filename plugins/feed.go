package plugins

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// Feed is the event stream of an engine written in Go. It never drops an event and
// never blocks who puts one: while nobody reads it merges verified ranges of a torrent. The zero Feed is ready for use.
type Feed struct {
	mu     sync.Mutex
	stream *stream
}

type stream struct {
	pending []Event
	filled  chan struct{} // one slot: pending is not empty
	end     context.CancelFunc
}

// Put hands events to the present stream; without one they are forgotten, because a stream begins with what holds then.
func (f *Feed) Put(events ...Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stream != nil {
		f.stream.put(events)
	}
}

// Open ends the earlier stream and begins a new one with the events of now. No Put may come between what now
// sees and the new stream: Open calls now while it holds Put back, so now must not call Put.
func (f *Feed) Open(ctx context.Context, now func() []Event) <-chan Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stream != nil {
		f.stream.end()
	}
	ctx, end := context.WithCancel(ctx)
	s := &stream{filled: make(chan struct{}, 1), end: end}
	s.put(now())
	f.stream = s
	events := make(chan Event)
	go f.pump(ctx, s, events)
	return events
}

func (f *Feed) pump(ctx context.Context, s *stream, to chan<- Event) {
	defer f.closed(s)
	defer close(to)
	for {
		select {
		case <-s.filled:
		case <-ctx.Done():
			return
		}
		for {
			e, ok := f.take(s)
			if !ok {
				break
			}
			select {
			case to <- e:
			case <-ctx.Done():
				return
			}
		}
	}
}

func (f *Feed) closed(s *stream) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.end()
	if f.stream == s {
		f.stream = nil
	}
}

func (f *Feed) take(s *stream) (Event, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(s.pending) == 0 {
		return Event{}, false
	}
	e := s.pending[0]
	s.pending = s.pending[1:]
	e.Ranges = MergeRanges(e.Ranges)
	return e, true
}

func (s *stream) put(events []Event) {
	for _, e := range events {
		if !s.merge(e) {
			e.Ranges = slices.Clone(e.Ranges)
			e.At = cmp.Or(e.At, time.Now())
			s.pending = append(s.pending, e)
		}
	}
	if len(s.pending) > 0 {
		select {
		case s.filled <- struct{}{}:
		default:
		}
	}
}

// merge adds verified ranges to the torrent's last pending event when that is of the same kind.
func (s *stream) merge(e Event) bool {
	if e.Kind != EventVerified {
		return false
	}
	for i := len(s.pending) - 1; i >= 0; i-- {
		last := &s.pending[i]
		if last.ID != e.ID {
			continue
		}
		if last.Kind != EventVerified || last.Resumed != e.Resumed {
			return false
		}
		last.Ranges = append(last.Ranges, e.Ranges...)
		return true
	}
	return false
}
