package anacrolix

import (
	"crypto/sha1"
	"hash"
	"sync"

	"github.com/anacrolix/torrent/metainfo"
)

const hashBuffer = 256 << 10

var zeros [hashBuffer]byte

var hashBuffers = sync.Pool{New: func() any { return new([hashBuffer]byte) }}

func (s *store) hashFromDisk(i int) (sum metainfo.Hash, err error) {
	h := sha1.New()
	buf := hashBuffers.Get().(*[hashBuffer]byte)
	defer hashBuffers.Put(buf)
	for sp := range s.layout.spans(s.layout.pieceBegin(i), s.layout.pieceEnd(i)) {
		if err := s.hashSpan(h, sp, buf); err != nil {
			return sum, err
		}
	}
	h.Sum(sum[:0])
	return sum, nil
}

func (s *store) hashSpan(h hash.Hash, sp span, buf *[hashBuffer]byte) error {
	for sp.length > 0 {
		n := min(sp.length, hashBuffer)
		if !sp.stored {
			h.Write(zeros[:n])
		} else if err := s.files.readAt(buf[:n], sp.file, sp.offset); err != nil {
			return err
		} else {
			h.Write(buf[:n])
		}
		sp.offset += n
		sp.length -= n
	}
	return nil
}
