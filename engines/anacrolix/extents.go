package anacrolix

import (
	"iter"
	"os"

	"golang.org/x/sys/unix"
)

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
