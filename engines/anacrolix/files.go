package anacrolix

import (
	"container/list"
	"errors"
	"io/fs"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// files opens the files of one torrent below its folder, and never anything else:
// os.Root keeps symbolic links from leading out. A torrent may have more files than a
// process may have descriptors, so only the latest stay open.
type files struct {
	root   *os.Root
	layout layout
	limit  int // open files

	mu     sync.Mutex
	open   map[int]*handle
	recent *list.List // of *handle, latest first
	dirs   map[string]bool
	dirty  map[int]bool // written since the last sync
	closed bool
}

// handle is an open file; it stays open while somebody uses it.
type handle struct {
	*os.File
	index    int
	writable bool
	users    int
	place    *list.Element // nil when it is no longer cached
}

var errNotRegular = errors.New("is not a regular file")

func newFiles(root *os.Root, l layout, limit int) *files {
	return &files{
		root: root, layout: l, limit: limit,
		open: map[int]*handle{}, recent: list.New(), dirs: map[string]bool{}, dirty: map[int]bool{},
	}
}

func (s *files) readAt(b []byte, file int, off int64) error {
	h, err := s.acquire(file, false)
	if err != nil {
		return err
	}
	defer s.release(h)
	_, err = h.ReadAt(b, off)
	return err
}

func (s *files) writeAt(b []byte, file int, off int64) error {
	h, err := s.acquire(file, true)
	if err != nil {
		return err
	}
	defer s.release(h)
	_, err = h.WriteAt(b, off)
	return err
}

// reserve makes sure that a write of this range finds space; the content does not change.
func (s *files) reserve(file int, off, n int64) error {
	h, err := s.acquire(file, true)
	if err != nil {
		return err
	}
	defer s.release(h)
	err = unix.Fallocate(int(h.Fd()), unix.FALLOC_FL_KEEP_SIZE, off, n)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	}
	return err
}

// punch gives the space of a range back. A file that somebody else holds too (hard-linked
// or made read-only) is left alone.
func (s *files) punch(file int, off, n int64) error {
	info, err := s.root.Stat(s.layout.Files[file].DiskPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || isShared(info) {
		return err
	}
	h, err := s.acquire(file, true)
	if err != nil {
		return err
	}
	defer s.release(h)
	return unix.Fallocate(int(h.Fd()), unix.FALLOC_FL_KEEP_SIZE|unix.FALLOC_FL_PUNCH_HOLE, off, n)
}

// acquire answers the open file; the caller releases it.
func (s *files) acquire(file int, write bool) (*handle, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fs.ErrClosed
	}
	h := s.open[file]
	if h == nil || write && !h.writable {
		f, err := s.openFile(file, write)
		if err != nil {
			return nil, err
		}
		s.drop(h)
		h = &handle{File: f, index: file, writable: write}
		h.place = s.recent.PushFront(h)
		s.open[file] = h
	}
	if write {
		s.dirty[file] = true
	}
	h.users++
	s.recent.MoveToFront(h.place)
	s.shrink(s.limit)
	return h, nil
}

func (s *files) release(h *handle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h.users--
	if h.users == 0 && h.place == nil {
		h.Close()
	}
}

// drop takes h out of the cache and closes it as soon as nobody uses it.
func (s *files) drop(h *handle) {
	if h == nil || h.place == nil {
		return
	}
	s.recent.Remove(h.place)
	h.place = nil
	delete(s.open, h.index)
	if h.users == 0 {
		h.Close()
	}
}

func (s *files) shrink(limit int) {
	for s.recent.Len() > limit {
		s.drop(s.recent.Back().Value.(*handle))
	}
}

// forget closes a file that will not be written again.
func (s *files) forget(file int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(s.open[file])
}

// sync brings all written bytes to the disk, and with them errors that the kernel met when writing late.
func (s *files) sync() error {
	s.mu.Lock()
	dirty := s.dirty
	s.dirty = map[int]bool{}
	s.mu.Unlock()
	if len(dirty) > s.limit {
		return s.syncAll()
	}
	var errs []error
	for file := range dirty {
		errs = append(errs, s.syncFile(file))
	}
	return errors.Join(errs...)
}

func (s *files) syncFile(file int) error {
	h, err := s.acquire(file, false)
	if err != nil {
		return ignoreMissing(err)
	}
	defer s.release(h)
	return unix.Fdatasync(int(h.Fd()))
}

func (s *files) syncAll() error {
	dir, err := s.root.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	return unix.Syncfs(int(dir.Fd()))
}

func (s *files) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.shrink(0)
}

// create makes an empty file, or leaves the one that is there.
func (s *files) create(file int) error {
	h, err := s.acquire(file, true)
	if err != nil {
		return err
	}
	s.release(h)
	s.forget(file)
	return nil
}
