package anacrolix

import (
	"iter"
	"sort"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/plugins"
)

// span is a part of the piece space that lies in one file.
type span struct {
	file   int
	offset int64 // in the file
	length int64
	stored bool // false for pad files and symlinks: they have no place on disk and read as zeros
}

// layout maps the piece space of a torrent to its files.
type layout struct{ *collections.Metainfo }

func (l layout) pieceBegin(i int) int64 { return int64(i) * l.PieceLength }
func (l layout) pieceEnd(i int) int64   { return l.pieceBegin(i) + l.PieceSize(i) }

// spans answers the parts of [begin, end) in order; they cover it without gaps.
func (l layout) spans(begin, end int64) iter.Seq[span] {
	return func(yield func(span) bool) {
		first := sort.Search(len(l.Files), func(i int) bool {
			return l.Files[i].Offset+l.Files[i].Size > begin
		})
		for i := first; i < len(l.Files) && begin < end; i++ {
			f := &l.Files[i]
			n := min(end, f.Offset+f.Size) - begin
			if n <= 0 {
				continue
			}
			if !yield(span{i, begin - f.Offset, n, f.Wanted()}) {
				return
			}
			begin += n
		}
	}
}

// filePieces answers the range of pieces that hold bytes of file i.
func (l layout) filePieces(i int) (begin, end int) {
	f := &l.Files[i]
	return l.FilePieces(f, 0, f.Size)
}

// selected answers the pieces that hold bytes of the chosen files; nil chooses all.
func (l layout) selected(files []int) bitset {
	set := newBitset(l.NumPieces)
	mark := func(i int) {
		if l.Files[i].Wanted() {
			set.setRange(l.filePieces(i))
		}
	}
	if files == nil {
		for i := range l.Files {
			mark(i)
		}
	}
	for _, i := range files {
		mark(i)
	}
	return set
}

// list answers where each file lies.
func (l layout) list() []plugins.File {
	list := make([]plugins.File, len(l.Files))
	for i, f := range l.Files {
		list[i] = plugins.File{Index: i, Size: f.Size}
		if f.Wanted() {
			list[i].Path = f.DiskPath
		}
	}
	return list
}
