package anacrolix

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"

	lib "github.com/anacrolix/torrent"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/plugins"
)

// torrent is one torrent of the engine. While it is paused the library does not have it
// at all: nothing else is sure to end all its traffic.
type torrent struct {
	engine   *Engine
	id       string
	infohash collections.Infohash
	dir      string
	entry    *entry
	ctx      context.Context // ends with the torrent
	stop     context.CancelFunc
	work     sync.WaitGroup // goroutines that use the store
	failing  atomic.Bool    // a write failed; nothing is downloaded until it heals
	private  atomic.Bool    // BEP 27
	assembly assembly

	mu         sync.Mutex
	lib        *lib.Torrent // nil while paused
	order      order        // the latest
	info       []byte
	generation int
	store      *store // nil until the metainfo is accepted
	root       *os.Root
	paused     bool
	closed     bool
	selected   bitset
	skipped    bitset
	levels     []lib.PiecePriority // asked for by Prioritise, per piece; nil means normal
	applied    []lib.PiecePriority // what the library was told
	traffic    traffic
}

func newTorrent(e *Engine, o *order) *torrent {
	t := &torrent{engine: e, id: o.ID, infohash: o.infohash, dir: o.Dir, entry: e.account.add(o.ID)}
	t.ctx, t.stop = context.WithCancel(context.Background())
	t.traffic.samples = []sample{{at: time.Now()}}
	return t
}

// add brings the torrent to what the order says; after a failure it can be called again.
func (t *torrent) add(o *order) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return notFoundError(t.id)
	case o.infohash != t.infohash:
		return invalidf("%s is the torrent %s already", t.id, t.infohash)
	case o.Dir != t.dir:
		return invalidf("%s has its files in another folder", t.id)
	}
	t.order = *o
	t.paused = o.Paused
	if o.meta != nil {
		if err := t.accept(o); err != nil {
			return err
		}
	}
	if t.paused {
		t.leave()
		return nil
	}
	t.recover()
	return t.join()
}

// accept opens the files of the torrent and sets what is wanted of it.
func (t *torrent) accept(o *order) error {
	if t.store == nil {
		if err := t.openStore(o.meta); err != nil {
			return err
		}
		t.info = o.meta.InfoBytes
		t.private.Store(o.meta.Private)
		t.entry.metadata(t.info)
	}
	t.selected = t.store.layout.selected(o.Selection)
	for _, r := range o.Skip {
		t.skipped.setRange(r.Begin, r.End)
	}
	if err := t.store.createEmpty(o.Selection); err != nil {
		return err
	}
	t.want()
	return nil
}

func (t *torrent) openStore(m *collections.Metainfo) (err error) {
	t.root, err = os.OpenRoot(t.dir)
	if err != nil {
		return err
	}
	t.store, err = openStore(t.root, m, t.engine.budget, t.entry, t.writeFailed)
	if err != nil {
		return errors.Join(err, t.root.Close())
	}
	n := m.NumPieces
	t.skipped = newBitset(n)
	t.applied = make([]lib.PiecePriority, n)
	t.startCheck()
	return nil
}

// pause ends the traffic and brings what is written to the disk.
func (t *torrent) pause() error {
	t.mu.Lock()
	t.paused = true
	t.leave()
	store := t.store
	if t.closed {
		store = nil
	}
	t.mu.Unlock()
	if store == nil {
		return nil
	}
	return store.files.sync()
}

func (t *torrent) resume() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return notFoundError(t.id)
	}
	t.paused = false
	t.recover()
	return t.join()
}

// close ends the torrent for good. Its files stay.
func (t *torrent) close() error {
	t.stop()
	t.mu.Lock()
	closed := t.closed
	t.closed = true
	t.leave()
	t.mu.Unlock()
	t.work.Wait()
	if closed || t.store == nil {
		return nil
	}
	return errors.Join(t.store.close(), t.root.Close())
}

func (t *torrent) files() ([]plugins.File, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.store == nil {
		return nil, errNoMetainfo
	}
	return t.store.layout.list(), nil
}
