package enginetest

import (
	"sync"
	"time"
)

// pacer holds everybody who waits on it together to a rate.
type pacer struct {
	mu      sync.Mutex
	rate    int64 // bytes per second; 0 is no limit
	due     time.Time
	changed chan struct{} // closed when rate changes
}

// paceSlack is what may be caught up: timers fire late, and without it every block would pay for that.
const paceSlack = 20 * time.Millisecond

func newPacer(rate int64) *pacer { return &pacer{rate: rate, changed: make(chan struct{})} }

func (p *pacer) limited() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rate > 0
}

func (p *pacer) set(rate int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rate, p.due = rate, time.Time{}
	close(p.changed)
	p.changed = make(chan struct{})
}

// wait returns when n more bytes may be sent.
func (p *pacer) wait(n int64) {
	turn, changed := p.book(n)
	if turn <= 0 {
		return
	}
	timer := time.NewTimer(turn)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-changed:
	}
}

func (p *pacer) book(n int64) (turn time.Duration, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rate <= 0 {
		return 0, nil
	}
	now := time.Now()
	if earliest := now.Add(-paceSlack); p.due.Before(earliest) {
		p.due = earliest
	}
	p.due = p.due.Add(time.Duration(float64(n) / float64(p.rate) * float64(time.Second)))
	return p.due.Sub(now), p.changed
}
