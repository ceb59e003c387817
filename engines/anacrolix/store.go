package anacrolix

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"

	"github.com/anacrolix/torrent/metainfo"
	"github.com/anacrolix/torrent/storage"

	"github.com/longshore-project/longshore/collections"
)

// store keeps the bytes of one torrent. It implements storage.ClientImpl. It calls nothing
// of the library: the library may hold its locks when it calls the store.
type store struct {
	layout layout
	files  *files
	record *record
	budget *budget
	entry  *entry
	pieces []piece
	active atomic.Bool // the library has it open

	mu       sync.Mutex
	left     []int32 // pieces of each file that are not written
	troubled map[*piece]bool
	onError  func(error)
}

// openStore opens what is below root. Trusted pieces count at once; other bytes that lie
// there are unchecked. onError hears of failing writes and must not block.
func openStore(root *os.Root, m *collections.Metainfo, b *budget, e *entry, onError func(error)) (*store, error) {
	s := &store{
		layout: layout{m}, budget: b, entry: e, onError: onError,
		pieces: make([]piece, m.NumPieces), left: make([]int32, len(m.Files)), troubled: map[*piece]bool{},
	}
	s.files = newFiles(root, s.layout, maxOpenFiles)
	var err error
	if s.record, err = openRecord(root, m, bootID()); err != nil {
		return nil, err
	}
	s.find()
	return s, nil
}

// OpenTorrent implements storage.ClientImpl.
func (s *store) OpenTorrent(context.Context, *metainfo.Info, metainfo.Hash) (storage.TorrentImpl, error) {
	s.active.Store(true)
	return storage.TorrentImpl{
		Piece: func(p metainfo.Piece) storage.PieceImpl { return &s.pieces[p.Index()] },
		Close: s.deactivate,
	}, nil
}

// noStorage is the client's own: every torrent brings a store. Without it the library
// would keep a database in the working directory.
type noStorage struct{}

func (noStorage) OpenTorrent(context.Context, *metainfo.Info, metainfo.Hash) (storage.TorrentImpl, error) {
	return storage.TorrentImpl{}, errClosed
}

// deactivate gives the memory of unfinished pieces back.
func (s *store) deactivate() error {
	s.active.Store(false)
	for i := range s.pieces {
		if p := &s.pieces[i]; p.is(absent) {
			p.abandon()
		}
	}
	return nil
}

// close ends all access; the library must have let go before.
func (s *store) close() error {
	for i := range s.pieces {
		p := &s.pieces[i]
		p.mu.Lock()
		p.close()
		p.mu.Unlock()
	}
	s.files.close()
	return s.record.close()
}

// read fills b from the piece space at off.
func (s *store) read(b []byte, off int64) error {
	for sp := range s.layout.spans(off, off+int64(len(b))) {
		if !sp.stored {
			clear(b[:sp.length])
		} else if err := s.files.readAt(b[:sp.length], sp.file, sp.offset); err != nil {
			return err
		}
		b = b[sp.length:]
	}
	return nil
}

// write puts b at off of the piece space, with one write per file.
func (s *store) write(b []byte, off int64) error {
	for sp := range s.layout.spans(off, off+int64(len(b))) {
		if sp.stored {
			if err := s.files.writeAt(b[:sp.length], sp.file, sp.offset); err != nil {
				return err
			}
		}
		b = b[sp.length:]
	}
	return nil
}

func (s *store) reserve(begin, end int64) error {
	for sp := range s.layout.spans(begin, end) {
		if sp.stored {
			if err := s.files.reserve(sp.file, sp.offset, sp.length); err != nil {
				return err
			}
		}
	}
	return nil
}

// wrote takes a verified and written piece to record and account.
func (s *store) wrote(i int, resumed bool) {
	if err := s.record.verify(i); err != nil {
		s.onError(err)
	}
	s.mu.Lock()
	var whole []int
	for sp := range s.layout.spans(s.layout.pieceBegin(i), s.layout.pieceEnd(i)) {
		s.left[sp.file]--
		if s.left[sp.file] == 0 && sp.stored {
			whole = append(whole, sp.file)
		}
	}
	s.mu.Unlock()
	for _, file := range whole {
		s.files.forget(file)
	}
	s.entry.verified(i, resumed)
}

// failed remembers that writing p failed, for retry.
func (s *store) failed(p *piece, err error) {
	s.mu.Lock()
	s.troubled[p] = true
	s.mu.Unlock()
	s.onError(err)
}

// retry does the failed writes again. It answers the pieces that are settled now, and the
// first error; those that failed again stay.
func (s *store) retry() (settled []int, err error) {
	s.mu.Lock()
	var troubled []*piece
	for p := range s.troubled {
		troubled = append(troubled, p)
	}
	s.mu.Unlock()
	for _, p := range troubled {
		if err := p.retry(); err != nil {
			return settled, err
		}
		s.mu.Lock()
		delete(s.troubled, p)
		s.mu.Unlock()
		if p.is(written) {
			settled = append(settled, int(p.index))
		}
	}
	return settled, nil
}

// release makes [begin, end) gone and gives its space back.
func (s *store) release(begin, end int) error {
	var errs []error
	for i := begin; i < end; i++ {
		s.pieces[i].release()
		errs = append(errs, s.record.release(i))
	}
	s.entry.release(begin, end)
	for sp := range s.layout.spans(s.layout.pieceBegin(begin), s.layout.pieceEnd(end-1)) {
		if sp.stored {
			errs = append(errs, s.files.punch(sp.file, sp.offset, sp.length))
		}
	}
	return errors.Join(errs...)
}

// createEmpty makes the chosen files of no bytes; nil chooses all.
func (s *store) createEmpty(selection []int) error {
	if selection == nil {
		for i := range s.layout.Files {
			if err := s.createIfEmpty(i); err != nil {
				return err
			}
		}
	}
	for _, i := range selection {
		if err := s.createIfEmpty(i); err != nil {
			return err
		}
	}
	return nil
}

func (s *store) createIfEmpty(i int) error {
	if f := &s.layout.Files[i]; !f.Wanted() || f.Size > 0 {
		return nil
	}
	return s.files.create(i)
}
