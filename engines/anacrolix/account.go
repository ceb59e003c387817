package anacrolix

import (
	"slices"
	"sync"
	"time"

	"github.com/longshore-project/longshore/plugins"
)

// account is the engine's own book of what each torrent has and wants, and the source of
// events. Its lock is held briefly and nothing else is called under it.
type account struct {
	mu      sync.Mutex
	entries []*entry
	reader  *reader
	closed  bool
}

// entry is the book of one torrent.
type entry struct {
	account  *account
	id       string
	info     []byte
	fresh    bitset // verified since this start
	resumed  bitset // found on disk
	wanted   bitset // released pieces are never in it
	missing  int    // wanted and not verified
	open     bool   // its files are known
	finished bool
	failure  *plugins.Error
}

func (a *account) add(id string) *entry {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := &entry{account: a, id: id}
	a.entries = append(a.entries, e)
	return e
}

func (a *account) remove(e *entry) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.entries = slices.DeleteFunc(a.entries, func(have *entry) bool { return have == e })
}

// metadata notes the info dictionary; only the first call counts.
func (e *entry) metadata(info []byte) {
	e.account.mu.Lock()
	defer e.account.mu.Unlock()
	if e.info == nil {
		e.info = info
		e.tell(plugins.Event{Kind: plugins.EventMetadata, InfoBytes: info})
	}
}

// resume opens the book with the pieces found on disk.
func (e *entry) resume(found bitset) {
	e.account.mu.Lock()
	defer e.account.mu.Unlock()
	n := len(found)
	e.fresh, e.resumed, e.wanted = make(bitset, n), found, make(bitset, n)
	if ranges := found.ranges(); ranges != nil {
		e.tell(plugins.Event{Kind: plugins.EventVerified, Ranges: ranges, Resumed: true})
	}
}

// want replaces what is wanted.
func (e *entry) want(wanted bitset) {
	e.account.mu.Lock()
	defer e.account.mu.Unlock()
	e.wanted, e.open = wanted, true
	e.missing = 0
	for w, word := range wanted {
		e.missing += bitset{word &^ (e.fresh[w] | e.resumed[w])}.count()
	}
	e.finished = e.finished && e.missing == 0
	e.finish()
}

func (e *entry) verified(i int, resumed bool) {
	e.account.mu.Lock()
	defer e.account.mu.Unlock()
	if e.has(i) {
		return
	}
	if resumed {
		e.resumed.set(i)
	} else {
		e.fresh.set(i)
	}
	if r := e.account.reader; r != nil {
		r.verified(e.id, i, resumed)
	}
	if e.wanted.has(i) {
		e.missing--
		e.finish()
	}
}

func (e *entry) has(i int) bool { return e.fresh.has(i) || e.resumed.has(i) }

// release forgets pieces. Whether they were verified or not, they are done with.
func (e *entry) release(begin, end int) {
	e.account.mu.Lock()
	defer e.account.mu.Unlock()
	for i := begin; i < end; i++ {
		if e.wanted.has(i) && !e.has(i) {
			e.missing--
		}
		e.wanted.clear(i)
		e.fresh.clear(i)
		e.resumed.clear(i)
	}
	e.finish()
}

func (e *entry) finish() {
	if e.open && !e.finished && e.missing == 0 {
		e.finished = true
		e.tell(plugins.Event{Kind: plugins.EventFinished})
	}
}

func (e *entry) fail(err *plugins.Error) {
	e.account.mu.Lock()
	defer e.account.mu.Unlock()
	e.failure = err
	e.tell(plugins.Event{Kind: plugins.EventError, Err: err})
}

func (e *entry) heal() {
	e.account.mu.Lock()
	defer e.account.mu.Unlock()
	if e.failure != nil {
		e.failure = nil
		e.tell(plugins.Event{Kind: plugins.EventHealed})
	}
}

func (e *entry) tell(ev plugins.Event) {
	if r := e.account.reader; r != nil {
		ev.ID, ev.At = e.id, time.Now()
		r.add(&pending{Event: ev})
	}
}

// present answers the events that say what holds now.
func (e *entry) present() (list []plugins.Event) {
	if e.info != nil {
		list = append(list, plugins.Event{Kind: plugins.EventMetadata, InfoBytes: e.info})
	}
	if ranges := e.resumed.ranges(); ranges != nil {
		list = append(list, plugins.Event{Kind: plugins.EventVerified, Ranges: ranges, Resumed: true})
	}
	if ranges := e.fresh.ranges(); ranges != nil {
		list = append(list, plugins.Event{Kind: plugins.EventVerified, Ranges: ranges})
	}
	if e.finished {
		list = append(list, plugins.Event{Kind: plugins.EventFinished})
	}
	if e.failure != nil {
		list = append(list, plugins.Event{Kind: plugins.EventError, Err: e.failure})
	}
	return list
}
