package agent

import (
	"reflect"
	"slices"
	"testing"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/plugins"
	"github.com/longshore-project/longshore/plugins/payload"
)

func makeMeta(t *testing.T, pieceLength int64, sizes ...int64) *collections.Metainfo {
	t.Helper()
	var files []payload.File
	for i, size := range sizes {
		files = append(files, payload.File{Name: string(rune('a' + i)), Size: size})
	}
	made, err := payload.Make(payload.Spec{Files: files, PieceLength: pieceLength})
	if err != nil {
		t.Fatal(err)
	}
	return made.Metainfo
}

func never(int) bool { return false }

func TestPartsAreCompleteWithTheirLastPiece(t *testing.T) {
	meta := makeMeta(t, 1*mib, 20*mib+mib/2, 100, 0, 9*mib) // the second file shares the first's last piece
	p := newParts(meta, nil, never)
	var got []collections.PartRef
	order := []int{20, 7, 0, 1, 2, 3, 4, 5, 6, 19, 18, 17, 16, 8, 9, 10, 11, 12, 13, 14, 15, 21, 22, 23, 24, 25, 26, 27, 28, 29}
	for _, piece := range order {
		for _, q := range p.verify(piece) {
			got = append(got, q.ref)
		}
		if again := p.verify(piece); again != nil {
			t.Errorf("piece %d completed parts twice", piece)
		}
	}
	want := []collections.PartRef{{File: 1, Number: 1}, {File: 0, Number: 1}, {File: 0, Number: 3}, {File: 0, Number: 2}, {File: 3, Number: 1}, {File: 3, Number: 2}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("parts completed as %v, not %v", got, want)
	}
	if p.done != p.size || p.unfinished != 0 || p.unsettled != 6 || p.stored != 0 {
		t.Errorf("totals are %+v", *p)
	}
}

func TestTotalsFollowEachChange(t *testing.T) {
	meta := makeMeta(t, 1*mib, 20*mib, 3*mib)
	p := newParts(meta, nil, never)
	check := func(what string, done, stored int64, unfinished, unsettled int) {
		t.Helper()
		if p.done != done || p.stored != stored || p.unfinished != unfinished || p.unsettled != unsettled {
			t.Errorf("%s: done %d, stored %d, unfinished %d, unsettled %d", what, p.done, p.stored, p.unfinished, p.unsettled)
		}
	}
	check("at first", 0, 0, 4, 4)
	for piece := range 8 {
		p.verify(piece)
	}
	check("one part verified", 8*mib, 0, 3, 4)
	first := p.find(collections.PartRef{File: 0, Number: 1})
	p.set(first, partUploaded)
	check("and uploaded", 8*mib, 8*mib, 3, 3)
	p.record(collections.Stored{Files: []int{1}})
	check("another stored from before", 11*mib, 11*mib, 3-1, 2)
	p.doubt(3)
	check("a piece taken back counts no more than its part", 11*mib, 11*mib, 2, 2)
	p.set(first, partOpen)
	check("the part with it", 10*mib, 3*mib, 3, 3)
	if reopened := p.record(collections.Stored{}); len(reopened) != 1 || reopened[0].ref.File != 1 {
		t.Errorf("reopened are %v", reopened)
	}
	check("the store lost it", 7*mib, 0, 4, 4)
}

func TestAccountsOfTheStoreLeaveWhatItCannotKnow(t *testing.T) {
	meta := makeMeta(t, 1*mib, 40*mib)
	p := newParts(meta, nil, never)
	for i, state := range []partState{partStored, partUploaded, partQueued, partOpen, partStored} {
		p.set(&p.list[i], state)
	}
	reopened := p.record(collections.Stored{Parts: []collections.StoredParts{{File: 0, Numbers: []int{4, 5}}}})
	var states []partState
	for _, q := range p.list {
		states = append(states, q.state)
	}
	if want := []partState{partOpen, partUploaded, partQueued, partStored, partStored}; !slices.Equal(states, want) {
		t.Errorf("states are %v", states)
	}
	if len(reopened) != 1 || reopened[0].ref.Number != 1 {
		t.Errorf("reopened are %v", reopened)
	}
}

func TestOnlyPiecesOfUnsettledPartsAreWanted(t *testing.T) {
	meta := makeMeta(t, 1*mib, 20*mib, 3*mib, 2*mib)
	p := newParts(meta, []int{0, 1}, never)
	p.record(collections.Stored{Parts: []collections.StoredParts{{File: 0, Numbers: []int{2}}}})
	want := []plugins.Range{{Begin: 8, End: 16}, {Begin: 23, End: 25}}
	if got := unmarked(p.wanted()); !slices.Equal(got, want) {
		t.Errorf("not wanted are %v, not %v", got, want)
	}
	if p.wants(8) || !p.wants(0) || p.wants(24) {
		t.Error("wants and wanted differ")
	}
}

func TestAnotherLayoutKeepsWhatIsKnown(t *testing.T) {
	meta := makeMeta(t, 1*mib, 20*mib, 3*mib)
	old := newParts(meta, nil, never)
	for piece := range 23 {
		old.verify(piece)
	}
	old.set(old.find(collections.PartRef{File: 1, Number: 1}), partUploaded)
	p := newParts(meta, nil, func(file int) bool { return file == 0 })
	p.adopt(old)
	if got := p.complete(); len(got) != 1 || got[0].ref != (collections.PartRef{}) || got[0].length != 20*mib {
		t.Errorf("complete are %v", got)
	}
	if p.find(collections.PartRef{File: 1, Number: 1}).state != partUploaded || p.find(collections.PartRef{File: 0, Number: 1}) != nil {
		t.Error("states or layout are wrong")
	}
}

func TestTheWindowPrefersEarliestUnitsThatSomebodyHas(t *testing.T) {
	meta := makeMeta(t, 1*mib, 80*mib)
	p := newParts(meta, nil, never)
	w := newWindow(p)
	for piece := range 9 { // the first part and a bit of the second
		p.verify(piece)
	}
	w.choose(p.have, []plugins.Range{{Begin: 9, End: 20}, {Begin: 24, End: 80}}) // nobody has part 3 whole
	got := w.ranges()
	want := []plugins.PriorityRange{
		{Range: plugins.Range{Begin: 8, End: 16}, Priority: plugins.PriorityNow},
		{Range: plugins.Range{Begin: 24, End: 32}, Priority: plugins.PriorityNext},
		{Range: plugins.Range{Begin: 32, End: 40}, Priority: plugins.PriorityReadahead},
		{Range: plugins.Range{Begin: 40, End: 48}, Priority: plugins.PriorityHigh},
	}
	if !slices.Equal(got, want) {
		t.Errorf("priorities are %v, not %v", got, want)
	}
	w.dirty = false
	for piece := 9; piece < 16; piece++ {
		if w.dirty {
			t.Errorf("the window moves before piece %d", piece)
		}
		w.verified(piece)
	}
	if !w.dirty {
		t.Error("the window does not move on with the last piece of a unit")
	}
}

func TestUnitsOfTheWindow(t *testing.T) {
	for _, test := range []struct {
		name  string
		sizes []int64
		whole bool
		want  []unit
	}{
		{"parts of a large file", []int64{20 * mib}, false, []unit{{0, 8}, {8, 16}, {16, 20}}},
		{"a large file that is linked whole", []int64{20 * mib}, true, []unit{{0, 8}, {8, 16}, {16, 20}}},
		{"small files one after another", []int64{3 * mib, 3 * mib, 2 * mib, mib, mib}, false, []unit{{0, 8}, {8, 10}}},
		{"a small file beside a large one", []int64{mib / 2, 9 * mib}, false, []unit{{0, 1}, {0, 9}, {8, 10}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			meta := makeMeta(t, 1*mib, test.sizes...)
			w := newWindow(newParts(meta, nil, func(int) bool { return test.whole }))
			if !slices.Equal(w.units, test.want) {
				t.Errorf("units are %v, not %v", w.units, test.want)
			}
		})
	}
}
