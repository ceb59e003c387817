package hooks

import (
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

// MeterInterval is how often a Meter is to be flushed: a crash loses no more than what was served in it.
const MeterInterval = 3 * time.Second

// Meter counts the bytes that a store delivers to users and writes them in batches. Its methods may be called from
// several goroutines at once.
type Meter struct {
	app core.App
	now func() time.Time

	mu      sync.Mutex
	pending map[meterDay]int64
}

// meterDay is a user's UTC day.
type meterDay struct{ user, date string }

// NewMeter answers a Meter that writes nothing before Flush.
func NewMeter(app core.App, now func() time.Time) *Meter {
	return &Meter{app: app, now: now, pending: map[meterDay]int64{}}
}

// Served counts bytes that were sent just now for a link of that user.
func (m *Meter) Served(userID string, bytes int64) {
	if userID == "" || bytes <= 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pending[meterDay{userID, dateOf(m.now())}] += bytes
}

// Flush writes what was counted, in one transaction. What cannot be written is kept for the next time.
func (m *Meter) Flush() error {
	m.mu.Lock()
	batch := m.pending
	m.pending = map[meterDay]int64{}
	m.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	err := InTransaction(m.app, func(tx core.App) error {
		for day, bytes := range batch {
			at, err := time.Parse(time.DateOnly, day.date)
			if err != nil {
				return err
			}
			if err := AddMetrics(tx, day.user, at, Metrics{Served: bytes}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		for day, bytes := range batch {
			m.pending[day] += bytes
		}
	}
	return err
}
