package script

import (
	"sync"
	"time"
)

const (
	breakAfter = 5           // calls in a row that exceeded their limit
	breakFor   = time.Minute // how long the handler is left alone then
)

// breaker leaves a handler alone that exceeds its limit again and again.
type breaker struct {
	mu       sync.Mutex
	exceeded int // in a row
	until    time.Time
}

// open says whether the handler is left alone at the moment.
func (b *breaker) open(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return now.Before(b.until)
}

// note takes the outcome of a call. It answers true when the handler is left alone from now on.
func (b *breaker) note(exceeded bool, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !exceeded {
		b.exceeded = 0
		return false
	}
	b.exceeded++
	if b.exceeded < breakAfter || now.Before(b.until) {
		return false
	}
	b.until = now.Add(breakFor)
	return true
}
