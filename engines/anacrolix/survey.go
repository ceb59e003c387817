package anacrolix

import (
	"io/fs"
	"iter"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// find sets the state of all pieces from the record and the disk.
func (s *store) find() {
	for i := range s.pieces {
		s.pieces[i].store, s.pieces[i].index = s, int32(i)
	}
	onDisk, whole := s.survey()
	trusted := newBitset(len(s.pieces))
	for i := range s.pieces {
		switch {
		case s.record.isReleased(i):
			s.pieces[i].become(gone)
		case s.record.isVerified(i) && whole.has(i):
			s.pieces[i].become(written)
			trusted.set(i)
		case onDisk.has(i):
			s.pieces[i].become(unchecked)
		}
	}
	for i := range s.layout.Files {
		begin, end := s.layout.filePieces(i)
		for p := begin; p < end; p++ {
			if !trusted.has(p) {
				s.left[i]++
			}
		}
	}
	s.entry.resume(trusted)
}

// survey looks at the files that are there: which pieces have some bytes on disk, and
// which have all their files as long as they need.
func (s *store) survey() (onDisk, whole bitset) {
	onDisk, whole = newBitset(len(s.pieces)), newBitset(len(s.pieces))
	if !s.anyFiles() {
		return onDisk, whole
	}
	whole.setRange(0, len(s.pieces))
	for i := range s.layout.Files {
		if f := &s.layout.Files[i]; f.Wanted() && f.Size > 0 {
			s.surveyFile(i, onDisk, whole)
		}
	}
	return onDisk, whole
}

func (s *store) anyFiles() bool {
	dir, err := s.files.root.Open(".")
	if err != nil {
		return false
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(3)
	for _, n := range names {
		if !strings.HasPrefix(n, ".longshore-") {
			return true
		}
	}
	return false
}

func (s *store) surveyFile(i int, onDisk, whole bitset) {
	f := &s.layout.Files[i]
	size := int64(0)
	if h, err := s.files.acquire(i, false); err == nil {
		defer s.files.release(h)
		var info fs.FileInfo
		if info, err = h.Stat(); err == nil {
			size = min(info.Size(), f.Size)
		}
		for begin, end := range extents(h.File, size) {
			onDisk.setRange(s.layout.FilePieces(f, begin, end-begin))
		}
	}
	begin, end := s.layout.FilePieces(f, size, f.Size-size)
	for p := begin; p < end; p++ {
		whole.clear(p)
	}
}

// extents answers the parts of the first size bytes of f that hold data; what lies between are holes.
func extents(f *os.File, size int64) iter.Seq2[int64, int64] {
	return func(yield func(begin, end int64) bool) {
		for pos := int64(0); pos < size; {
			begin, err := f.Seek(pos, unix.SEEK_DATA)
			if err != nil || begin >= size {
				return
			}
			end, err := f.Seek(begin, unix.SEEK_HOLE)
			if err != nil {
				end = size
			}
			if !yield(begin, min(end, size)) {
				return
			}
			pos = end
		}
	}
}
