package anacrolix

import (
	"crypto/sha1"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/anacrolix/torrent/metainfo"
	"github.com/anacrolix/torrent/storage"
)

// pieceState says where the bytes of a piece are.
type pieceState int32

const (
	absent    pieceState = iota // not here, or here in part
	unchecked                   // something lies on disk; it counts only after a check
	parked                      // verified, in memory; writing failed and is tried again
	written                     // verified and written
	gone                        // released
)

var (
	errAbsent = errors.New("the piece is not there")
	errClosed = errors.New("the torrent is not open")
)

// piece implements storage.PieceImpl and storage.SelfHashing.
type piece struct {
	store  *store
	index  int32
	state  atomic.Int32 // a pieceState; changed under mu only
	wanted atomic.Bool  // the library may fetch it

	mu     sync.RWMutex // held for reading while bytes are copied in or read out
	direct bool         // chunks go straight to the files, for want of memory or because it is unwanted
	buf    []byte
}

func (p *piece) is(s pieceState) bool   { return pieceState(p.state.Load()) == s }
func (p *piece) become(s pieceState)    { p.state.Store(int32(s)) }
func (p *piece) begin() int64           { return p.store.layout.pieceBegin(int(p.index)) }
func (p *piece) size() int64            { return p.store.layout.PieceSize(int(p.index)) }
func (p *piece) MarkComplete() error    { return nil }
func (p *piece) MarkNotComplete() error { return nil }
func (p *piece) isOpen() bool           { return p.buf != nil || p.direct }

// Completion answers from memory. A piece that is neither there nor wanted is in an unknown
// state for the library, which then leaves it alone.
func (p *piece) Completion() storage.Completion {
	done := p.is(written)
	return storage.Completion{Ok: done || p.wanted.Load(), Complete: done}
}

// WriteAt takes a chunk. Chunks of a piece that needs none any more are swallowed.
func (p *piece) WriteAt(b []byte, off int64) (int, error) {
	p.mu.RLock()
	if p.is(absent) && !p.isOpen() {
		p.mu.RUnlock()
		if err := p.open(); err != nil {
			return 0, err
		}
		p.mu.RLock()
	}
	defer p.mu.RUnlock()
	switch {
	case !p.is(absent) || !p.isOpen():
		return len(b), nil
	case p.buf != nil:
		return copy(p.buf[off:], b), nil
	}
	if err := p.store.write(b, p.begin()+off); err != nil {
		p.store.failed(p, err)
		return 0, err
	}
	return len(b), nil
}

// open finds memory for the piece, or sends its chunks straight to the files.
func (p *piece) open() error {
	var buf []byte
	if p.wanted.Load() {
		buf = p.store.budget.wait(p.size())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	needed := p.store.active.Load() && p.is(absent) && !p.isOpen()
	switch {
	case buf != nil && !needed:
		p.store.budget.put(buf)
	case buf != nil:
		p.buf = buf
		p.clearPadding()
	case needed:
		p.direct = true
	}
	if !p.store.active.Load() {
		return errClosed
	}
	return nil
}

// clearPadding zeroes what no peer of a hybrid torrent sends.
func (p *piece) clearPadding() {
	rest := p.buf
	for s := range p.store.layout.spans(p.begin(), p.begin()+p.size()) {
		if !s.stored {
			clear(rest[:s.length])
		}
		rest = rest[s.length:]
	}
}

// close forgets the bytes that are not written yet.
func (p *piece) close() {
	if p.buf != nil {
		p.store.budget.put(p.buf)
	}
	p.buf, p.direct = nil, false
}

// abandon forgets the chunks of a piece that is not verified.
func (p *piece) abandon() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.is(absent) {
		p.close()
	}
}

// spill moves the chunks of a piece that is wanted no more from memory to the files: the
// library counts on them should it be wanted again.
func (p *piece) spill() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.is(absent) || p.buf == nil {
		return nil
	}
	if err := p.store.write(p.buf, p.begin()); err != nil {
		return err
	}
	p.close()
	p.direct = true
	return nil
}

// ReadAt serves verified bytes.
func (p *piece) ReadAt(b []byte, off int64) (int, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if !p.is(written) {
		return 0, errAbsent
	}
	if err := p.store.read(b, p.begin()+off); err != nil {
		return 0, err
	}
	return len(b), nil
}

// SelfHash hashes the piece and, when the hash is right, writes it: the library heeds an
// error of this call, but not one of MarkComplete.
func (p *piece) SelfHash() (metainfo.Hash, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.is(gone) || p.is(absent) && !p.isOpen() {
		return metainfo.Hash{}, errAbsent
	}
	if p.buf != nil {
		p.store.budget.expect(1)
		defer p.store.budget.expect(-1)
	}
	sum, err := p.hash()
	if err != nil {
		p.store.failed(p, err)
		return metainfo.Hash{}, err
	}
	if p.is(written) {
		return sum, nil
	}
	if sum != p.store.layout.PieceHash(int(p.index)) {
		p.become(absent)
		p.close()
		return sum, nil
	}
	if err := p.settle(false); err != nil {
		return metainfo.Hash{}, err
	}
	return sum, nil
}

func (p *piece) hash() (metainfo.Hash, error) {
	if p.buf != nil {
		return sha1.Sum(p.buf), nil
	}
	return p.store.hashFromDisk(int(p.index))
}

// settle writes a piece whose hash is right and takes it to the account. When writing
// fails the piece stays in memory.
func (p *piece) settle(resumed bool) error {
	if p.buf != nil {
		if err := p.store.write(p.buf, p.begin()); err != nil {
			p.become(parked)
			p.store.failed(p, err)
			return err
		}
	}
	p.close()
	p.become(written)
	p.store.wrote(int(p.index), resumed)
	return nil
}

// check decides about a piece found on disk.
func (p *piece) check() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.is(unchecked) {
		return nil
	}
	sum, err := p.hash()
	if err != nil || sum != p.store.layout.PieceHash(int(p.index)) {
		p.become(absent)
		return ignoreMissing(err)
	}
	return p.settle(true)
}

// retry does again what failed: it writes a parked piece, or finds out whether chunks would find space.
func (p *piece) retry() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.is(parked):
		return p.settle(false)
	case p.is(absent) && p.direct:
		return p.store.reserve(p.begin(), p.begin()+p.size())
	}
	return nil
}

// release makes the piece gone; a read that has begun ends first.
func (p *piece) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.close()
	p.become(gone)
}
