package api

import (
	"hash/maphash"
	"maps"
	"sync"
	"time"
)

const (
	windowShards  = 64
	keysPerShard  = 2048 // 131,072 users or addresses at once, at most 20 MB
	requestWindow = time.Minute
)

// windows counts requests per key in a sliding minute: those of this minute and, by the part of it that the
// sliding one still covers, those of the minute before. A new key never gets more than the limit in any minute; one
// that has been at it is off by as much as its requests of the minute before were unevenly spread.
type windows[K comparable] struct {
	seed   maphash.Seed
	shards [windowShards]windowShard[K]
}

type windowShard[K comparable] struct {
	mu     sync.Mutex
	counts map[K]windowCount
	_      [48]byte // a cache line each
}

type windowCount struct {
	minute      int64 // of count; before is of the one before
	count, past int64
}

func newWindows[K comparable]() *windows[K] {
	w := &windows[K]{seed: maphash.MakeSeed()}
	for i := range w.shards {
		w.shards[i].counts = map[K]windowCount{}
	}
	return w
}

// taken is what became of one request.
type taken struct {
	limit, remaining int64
	reset            time.Duration // until more remains
	refused          bool
}

// take counts a request of key unless it has had limit of them; then it answers how long to wait.
func (w *windows[K]) take(key K, limit int64, now time.Time) taken {
	s := &w.shards[maphash.Comparable(w.seed, key)%windowShards]
	minute, into := now.UnixMilli()/requestWindow.Milliseconds(), now.UnixMilli()%requestWindow.Milliseconds()
	s.mu.Lock()
	defer s.mu.Unlock()
	c, known := s.counts[key]
	if !known && len(s.counts) >= keysPerShard {
		s.makeRoom(minute)
	}
	c.rollTo(minute)
	used := c.count + weighed(c.past, into)
	if used >= limit {
		return taken{limit: limit, reset: c.wait(limit, into), refused: true}
	}
	c.count++
	s.counts[key] = c
	return taken{limit: limit, remaining: limit - used - 1, reset: time.Duration(requestWindow.Milliseconds()-into) * time.Millisecond}
}

// rollTo makes minute the present one. A clock that was set back changes nothing.
func (c *windowCount) rollTo(minute int64) {
	switch {
	case minute == c.minute+1:
		c.minute, c.past, c.count = minute, c.count, 0
	case minute > c.minute:
		*c = windowCount{minute: minute}
	}
}

// weighed answers how much of the minute before still counts, rounded up.
func weighed(past, into int64) int64 {
	whole := requestWindow.Milliseconds()
	return (past*(whole-into) + whole - 1) / whole
}

// wait answers how long it takes until one more is allowed, if nothing else comes.
func (c *windowCount) wait(limit, into int64) time.Duration {
	whole := requestWindow.Milliseconds()
	if c.count < limit {
		return time.Duration(freeAt(c.past, limit-1-c.count)-into) * time.Millisecond
	}
	return time.Duration(whole-into+freeAt(c.count, limit-1)) * time.Millisecond
}

// freeAt answers after which part of a minute, in ms, no more than room of the past one counts.
func freeAt(past, room int64) int64 {
	whole := requestWindow.Milliseconds()
	if past <= room {
		return 0
	}
	return whole - room*whole/past
}

// makeRoom drops what is over; when all is in use, an eighth of it: a flood of addresses costs no more memory.
func (s *windowShard[K]) makeRoom(minute int64) {
	maps.DeleteFunc(s.counts, func(_ K, c windowCount) bool { return c.minute < minute-1 })
	for key := range s.counts {
		if len(s.counts) < keysPerShard*7/8 {
			break
		}
		delete(s.counts, key)
	}
}
