package hooks

import (
	"context"
	"log/slog"
	"sync"

	"github.com/pocketbase/pocketbase/core"
)

const (
	afterWorkers = 4      // jobs that are told of at the same time
	maxAfter     = 20_000 // moments that wait; more are not told
)

// afterQueue holds the moments that come after a commit until they are told. Each job has a line of its own.
type afterQueue struct {
	mu      sync.Mutex
	lines   map[string]*line
	ready   []*line // whose first moment can be told
	workers int
	waiting int
	dropped int
	emptied chan struct{} // closed when nothing waits; nil when nobody asks
}

// line is what is to be told of one job, in the order of the transactions.
type line struct {
	jobID   string
	moments []*moment
	taken   bool // is in ready or with a worker
}

// moment is what is to be told once its transaction is committed.
type moment struct {
	line      *line
	tell      func()
	tx        *core.TxAppInfo // nil once committed
	revision  int64           // of the job, that the transaction wrote
	cancelled bool
}

// hold notes a moment inside the transaction that writes revision of the job. False when too much waits already.
func (q *afterQueue) hold(jobID string, revision int64, tx *core.TxAppInfo, tell func()) (*moment, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.append(jobID, &moment{tell: tell, tx: tx, revision: revision})
}

// add notes a moment whose transaction is committed.
func (q *afterQueue) add(jobID string, tell func()) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	m, ok := q.append(jobID, &moment{tell: tell})
	if ok {
		q.wake(m.line)
	}
	return ok
}

func (q *afterQueue) append(jobID string, m *moment) (*moment, bool) {
	if q.waiting >= maxAfter {
		q.dropped++
		return nil, false
	}
	if q.lines == nil {
		q.lines = map[string]*line{}
	}
	l := q.lines[jobID]
	if l == nil {
		l = &line{jobID: jobID}
		q.lines[jobID] = l
	}
	m.line = l
	l.moments = append(l.moments, m)
	q.waiting++
	return m, true
}

// resolve lets a held moment go, or forgets it when its transaction was rolled back.
func (q *afterQueue) resolve(m *moment, committed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	m.tx, m.cancelled = nil, m.cancelled || !committed
	q.wake(m.line)
}

// settle decides on the moments of a job that an earlier transaction held and did not resolve. The later transaction
// tx writes revision, so the lower ones are committed and the others are not. Without this, two commits could be told in
// the wrong order, and a transaction that ended in a panic, of which PocketBase tells nobody, would hold up its job.
func (q *afterQueue) settle(jobID string, revision int64, tx *core.TxAppInfo) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lines[jobID]
	if l == nil {
		return
	}
	for _, m := range l.moments {
		if m.tx != nil && m.tx != tx {
			m.tx, m.cancelled = nil, m.revision >= revision
		}
	}
	q.wake(l)
}

// wake hands a line to the workers if its first moment can be told.
func (q *afterQueue) wake(l *line) {
	if l.taken {
		return
	}
	q.skipCancelled(l)
	if len(l.moments) == 0 || l.moments[0].tx != nil {
		return
	}
	l.taken = true
	q.ready = append(q.ready, l)
	if q.workers < afterWorkers {
		q.workers++
		go q.work()
	}
}

func (q *afterQueue) skipCancelled(l *line) {
	for len(l.moments) > 0 && l.moments[0].cancelled {
		q.pop(l)
	}
	if len(l.moments) == 0 && q.lines[l.jobID] == l {
		delete(q.lines, l.jobID)
	}
}

func (q *afterQueue) pop(l *line) {
	l.moments[0] = nil
	l.moments = l.moments[1:]
	q.waiting--
	if q.waiting == 0 && q.emptied != nil {
		close(q.emptied)
		q.emptied = nil
	}
}

// work tells one moment of one line after the other until no line is ready.
func (q *afterQueue) work() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.ready) > 0 {
		l := q.ready[0]
		q.ready = q.ready[1:]
		tell := l.moments[0].tell
		q.mu.Unlock()
		guarded(tell)
		q.mu.Lock()
		q.pop(l)
		l.taken = false
		q.wake(l)
	}
	q.workers--
}

func guarded(tell func()) {
	defer func() {
		if p := recover(); p != nil {
			slog.Error("a handler of a moment panicked", "panic", p)
		}
	}()
	tell()
}

// drain waits until nothing waits or ctx ends, and answers how many are left.
func (q *afterQueue) drain(ctx context.Context) int {
	q.mu.Lock()
	if q.waiting == 0 {
		q.mu.Unlock()
		return 0
	}
	if q.emptied == nil {
		q.emptied = make(chan struct{})
	}
	emptied := q.emptied
	q.mu.Unlock()
	select {
	case <-emptied:
	case <-ctx.Done():
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting
}
