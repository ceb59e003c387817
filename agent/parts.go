package agent

import (
	"iter"
	"slices"
	"sort"

	"github.com/longshore-project/longshore/collections"
)

// partState is how far a part has come.
type partState uint8

const (
	partOpen     partState = iota // waits for its pieces, then for its turn
	partQueued                    // on its way to the store
	partUploaded                  // there; a report that says so was not answered yet
	partStored                    // recorded by the control plane
)

// part is a range of a file that is uploaded at once. Number 0 is a whole file that is linked.
type part struct {
	ref            collections.PartRef
	offset, length int64 // bytes of the file
	begin, end     int   // pieces that hold them
	missing        int   // of those, not verified yet
	verified       int64 // bytes
	state          partState
}

func (p *part) settled() bool { return p.state >= partUploaded }

// parts is a job's account: which pieces are verified, and how far each part of each
// selected file has come. Files of 0 bytes, which the control plane writes, are not in it.
type parts struct {
	meta  *collections.Metainfo
	have  []bool
	list  []part // by place in the piece space
	first map[int]int

	size       int64 // bytes of all parts
	done       int64 // verified or stored
	stored     int64
	unfinished int // parts that are not settled and lack pieces
	unsettled  int
}

// newParts lays out the account. Files for which whole says so become one part of number 0.
func newParts(meta *collections.Metainfo, selection []int, whole func(file int) bool) *parts {
	p := &parts{meta: meta, have: make([]bool, meta.NumPieces), first: map[int]int{}}
	for _, i := range selectedFiles(meta, selection) {
		p.first[i] = len(p.list)
		p.addFile(&meta.Files[i], whole(i))
	}
	for i := range p.list {
		p.count(&p.list[i], +1)
		p.size += p.list[i].length
	}
	return p
}

// selectedFiles lists the files with content of their own to store, ascending.
func selectedFiles(meta *collections.Metainfo, selection []int) []int {
	var files []int
	if selection == nil {
		for i := range meta.Files {
			files = append(files, i)
		}
	} else {
		files = slices.Clone(selection)
		slices.Sort(files)
		files = slices.Compact(files)
	}
	return slices.DeleteFunc(files, func(i int) bool {
		return i < 0 || i >= len(meta.Files) || !meta.Files[i].Wanted() || meta.Files[i].Size == 0
	})
}

func (p *parts) addFile(f *collections.MetaFile, whole bool) {
	if whole {
		p.addPart(f, 0, 0, f.Size)
		return
	}
	size := collections.PartSize(f.Size)
	for n := 1; n <= collections.PartCount(f.Size, size); n++ {
		offset, length := collections.PartRange(f.Size, size, n)
		p.addPart(f, n, offset, length)
	}
}

func (p *parts) addPart(f *collections.MetaFile, number int, offset, length int64) {
	begin, end := p.meta.FilePieces(f, offset, length)
	p.list = append(p.list, part{
		ref:    collections.PartRef{File: f.Index, Number: number},
		offset: offset, length: length, begin: begin, end: end, missing: end - begin,
	})
}

// count adds a part to the totals, or takes it out. Whoever changes a part does so between the two.
func (p *parts) count(q *part, sign int) {
	if q.settled() {
		p.done += int64(sign) * q.length
		p.stored += int64(sign) * q.length
		return
	}
	p.done += int64(sign) * q.verified
	p.unsettled += sign
	if q.missing > 0 {
		p.unfinished += sign
	}
}

// find answers the part, nil when the account has none of that name.
func (p *parts) find(ref collections.PartRef) *part {
	i, ok := p.first[ref.File]
	if !ok {
		return nil
	}
	i += max(0, ref.Number-1)
	if i >= len(p.list) || p.list[i].ref != ref {
		return nil
	}
	return &p.list[i]
}

func (p *parts) set(q *part, state partState) {
	p.count(q, -1)
	q.state = state
	p.count(q, +1)
}

// verify notes that a piece is on disk and right, and answers the parts that were waiting for just that.
func (p *parts) verify(piece int) (complete []*part) {
	if p.have[piece] {
		return nil
	}
	p.have[piece] = true
	for q := range p.overlapping(piece) {
		p.count(q, -1)
		q.missing--
		q.verified += p.overlap(q, piece)
		p.count(q, +1)
		if q.missing == 0 && q.state == partOpen {
			complete = append(complete, q)
		}
	}
	return complete
}

// doubt takes a piece back: it is not on disk, or not right.
func (p *parts) doubt(piece int) {
	if !p.have[piece] {
		return
	}
	p.have[piece] = false
	for q := range p.overlapping(piece) {
		p.count(q, -1)
		q.missing++
		q.verified -= p.overlap(q, piece)
		p.count(q, +1)
	}
}

// overlapping iterates over the parts that have bytes in a piece.
func (p *parts) overlapping(piece int) iter.Seq[*part] { return p.within(unit{piece, piece + 1}) }

// within iterates over the parts that have bytes in a unit.
func (p *parts) within(u unit) iter.Seq[*part] {
	return func(yield func(*part) bool) {
		i := sort.Search(len(p.list), func(i int) bool { return p.list[i].end > u.begin })
		for ; i < len(p.list) && p.list[i].begin < u.end; i++ {
			if !yield(&p.list[i]) {
				return
			}
		}
	}
}

func (p *parts) overlap(q *part, piece int) int64 {
	begin := p.meta.Files[q.ref.File].Offset + q.offset
	pieceBegin := int64(piece) * p.meta.PieceLength
	pieceEnd := pieceBegin + p.meta.PieceSize(piece)
	return min(begin+q.length, pieceEnd) - max(begin, pieceBegin)
}

// wanted marks the pieces that hold bytes of unsettled parts.
func (p *parts) wanted() []bool {
	marks := make([]bool, p.meta.NumPieces)
	for i := range p.list {
		if q := &p.list[i]; !q.settled() {
			for piece := q.begin; piece < q.end; piece++ {
				marks[piece] = true
			}
		}
	}
	return marks
}

// wants says whether a piece is neither verified nor of use only to settled parts.
func (p *parts) wants(piece int) bool {
	if p.have[piece] {
		return false
	}
	for q := range p.overlapping(piece) {
		if !q.settled() {
			return true
		}
	}
	return false
}

// record takes over the control plane's account. Parts that it does not name and that were
// thought to be stored are open again. Parts that it cannot know of yet stay as they are.
func (p *parts) record(stored collections.Stored) (reopened []*part) {
	recorded := recordedParts(stored)
	for i := range p.list {
		q := &p.list[i]
		switch {
		case recorded(q.ref):
			if q.state != partStored {
				p.set(q, partStored)
			}
		case q.state == partStored:
			p.set(q, partOpen)
			reopened = append(reopened, q)
		}
	}
	return reopened
}

func recordedParts(stored collections.Stored) func(collections.PartRef) bool {
	files := map[int]bool{}
	for _, i := range stored.Files {
		files[i] = true
	}
	refs := map[collections.PartRef]bool{}
	for _, s := range stored.Parts {
		for _, n := range s.Numbers {
			refs[collections.PartRef{File: s.File, Number: n}] = true
		}
	}
	return func(ref collections.PartRef) bool { return files[ref.File] || refs[ref] }
}

// complete lists the open parts whose pieces are all verified.
func (p *parts) complete() []*part {
	var all []*part
	for i := range p.list {
		if q := &p.list[i]; q.state == partOpen && q.missing == 0 {
			all = append(all, q)
		}
	}
	return all
}

// adopt takes over what an earlier layout of the same job knew.
func (p *parts) adopt(old *parts) {
	for piece, have := range old.have {
		if have {
			p.verify(piece)
		}
	}
	for i := range old.list {
		q := &old.list[i]
		if same := p.find(q.ref); same != nil {
			p.set(same, q.state)
		}
	}
}

// fileBytes answers how many bytes of each file are verified or stored.
func (p *parts) fileBytes() map[int]int64 {
	bytes := map[int]int64{}
	for i := range p.list {
		q := &p.list[i]
		if q.settled() {
			bytes[q.ref.File] += q.length
		} else {
			bytes[q.ref.File] += q.verified
		}
	}
	return bytes
}
