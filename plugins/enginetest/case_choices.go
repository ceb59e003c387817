package enginetest

import (
	"slices"

	"github.com/longshore-project/longshore/plugins"
)

var choiceCases = []testCase{
	{name: "only pieces of selected files are fetched", needs: []plugins.Capability{plugins.CapSelect}, run: selection},
	{name: "nothing selected is nothing fetched", needs: []plugins.Capability{plugins.CapSelect}, run: emptySelection},
	{name: "a later Add widens the selection", needs: []plugins.Capability{plugins.CapSelect}, run: widerSelection},
	{name: "higher priorities come first", needs: []plugins.Capability{plugins.CapRanges}, run: priorities},
	{name: "pieces come one event after another, not all at the end", needs: []plugins.Capability{plugins.CapRanges}, run: steadyEvents},
	{name: "all that a partial swarm has arrives", run: partialSwarm, swarm: true},
	{name: "a priority for pieces nobody has holds nothing up", needs: []plugins.Capability{plugins.CapRanges}, run: partialPriority, swarm: true},
	{name: "skipped pieces are never requested", needs: []plugins.Capability{plugins.CapSkip}, run: skipped},
	{name: "pieces skipped later are not requested any more", needs: []plugins.Capability{plugins.CapSkip}, run: skippedLater},
}

// filePieces answers the pieces that hold bytes of file i.
func (o *offer) filePieces(i int) plugins.Range {
	begin, end := o.FilePieces(&o.Files[i], 0, o.Files[i].Size)
	return plugins.Range{Begin: begin, End: end}
}

func selection(r *rig) {
	d := r.run(r.offer(wish{size: 6 << 20, files: 3}), selecting(1))
	d.awaitFinished()
	want := d.filePieces(1)
	d.checkNothingBut(want)
	if n := d.verifiedBytes(want); n != d.bytes(want) {
		r.t.Errorf("%d bytes of the selected file's pieces are verified, want %d", n, d.bytes(want))
	}
	files, err := r.engine.Files(r.ctx(), d.id)
	r.must(err)
	d.checkFile(1, files[1].Path)
}

// checkNothingBut fails the test when pieces outside were fetched.
func (d *download) checkNothingBut(want plugins.Range) {
	d.r.t.Helper()
	for _, other := range []plugins.Range{{Begin: 0, End: want.Begin}, {Begin: want.End, End: d.NumPieces}} {
		if sent, told := d.sent(other), d.verifiedBytes(other); sent > 0 || told > 0 {
			d.r.t.Errorf("of pieces %v, which are not wanted, %d bytes were fetched and %d told", other, sent, told)
		}
	}
}

func emptySelection(r *rig) {
	d := r.run(r.offer(wish{size: 1 << 20, files: 2}), selecting())
	d.awaitFinished()
	r.stays("nothing is fetched", func() bool { return d.sent(all(d)) == 0 && d.verifiedBytes(all(d)) == 0 })
}

func widerSelection(r *rig) {
	d := r.run(r.offer(wish{size: 6 << 20, files: 3}), selecting(2))
	d.awaitFinished()
	d.add()
	d.awaitFinishes(2)
	d.checkFiles()
}

// quarters are four ranges of pieces.
func quarters(d *download) (q [4]plugins.Range) {
	for i := range q {
		q[i] = plugins.Range{Begin: d.NumPieces * i / 4, End: d.NumPieces * (i + 1) / 4}
	}
	return q
}

// priorities asks for the quarters of a torrent in reverse. A piece or two in flight may come before their turn.
func priorities(r *rig) {
	d := r.run(r.offer(wish{size: 16 << 20, rate: 16 << 20}), paused)
	q := quarters(d)
	r.must(r.engine.Prioritise(r.ctx(), d.id, []plugins.PriorityRange{
		{Range: q[3], Priority: plugins.PriorityNow},
		{Range: q[2], Priority: plugins.PriorityNext},
		{Range: q[1], Priority: plugins.PriorityHigh},
	}))
	r.must(r.engine.Resume(r.ctx(), d.id))
	d.awaitFinished()
	order := d.account().order
	var ends [4]int
	for i, span := range q {
		ends[i] = lastIndex(order, span)
	}
	if !slices.IsSortedFunc(ends[:], func(a, b int) int { return b - a }) {
		r.t.Errorf("the quarters were complete at pieces %v of %d; asked for in reverse", ends, len(order))
	}
	if ends[3] > d.NumPieces/2 {
		r.t.Errorf("the most urgent quarter of %d pieces was complete at piece %d only", d.NumPieces, ends[3])
	}
}

// lastIndex is the place in order of the last piece of a range.
func lastIndex(order []int, span plugins.Range) (last int) {
	for i, piece := range order {
		if span.Begin <= piece && piece < span.End {
			last = i
		}
	}
	return last
}

func steadyEvents(r *rig) {
	d := r.run(r.offer(wish{size: 4 << 20, rate: 2 << 20}))
	d.awaitFinished()
	if a := d.account(); a.batches < 4 {
		r.t.Errorf("%d pieces that came within two seconds were told by %d events", d.NumPieces, a.batches)
	}
}

const partialSize, partialLack = 156 << 20, 100 << 20

func partialOffer(r *rig) (*offer, plugins.Range) {
	p := NewPayload(r.t, PayloadFile{Name: "partial.bin", Size: partialSize})
	lack := plugins.Range{Begin: 0, End: int(partialLack / p.PieceLength)}
	return swarmOffer(r.t, p, SeederOptions{Lack: []plugins.Range{lack}}), lack
}

func partialSwarm(r *rig) {
	o, lack := partialOffer(r)
	d := r.run(o)
	d.awaitBytes(partialSize - partialLack)
	s := d.statistics()
	if len(s.Availability) != 1 || s.Availability[0] != (plugins.Range{Begin: lack.End, End: d.NumPieces}) || s.Seeds != 0 {
		r.t.Errorf("availability %v with %d seeds; the only peer lacks %v", s.Availability, s.Seeds, lack)
	}
	d.checkAccount()
	if d.account().finishes > 0 {
		r.t.Error("it says finished")
	}
}

func partialPriority(r *rig) {
	o, lack := partialOffer(r)
	d := r.run(o, paused)
	r.must(r.engine.Prioritise(r.ctx(), d.id, []plugins.PriorityRange{{Range: lack, Priority: plugins.PriorityNow}}))
	r.must(r.engine.Resume(r.ctx(), d.id))
	d.awaitBytes(partialSize - partialLack)
	d.checkAccount()
}

func skipped(r *rig) {
	o := r.offer(wish{size: 4 << 20})
	skip := plugins.Range{Begin: o.NumPieces / 4, End: o.NumPieces / 2}
	d := r.run(o, skipping(skip))
	d.awaitFinished()
	d.checkNotRequested(skip)
	if n := d.verifiedBytes(all(d)); n != d.TotalSize-d.bytes(skip) {
		r.t.Errorf("%d bytes are verified, want %d", n, d.TotalSize-d.bytes(skip))
	}
	d.add()
	r.stays("what was skipped stays skipped", func() bool { return d.sent(skip) == 0 && d.verifiedBytes(skip) == 0 })
}

func (d *download) checkNotRequested(skip plugins.Range) {
	d.r.t.Helper()
	if n := d.verifiedBytes(skip); n > 0 {
		d.r.t.Errorf("%d bytes of pieces %v were told verified", n, skip)
	}
	if d.seeder == nil {
		return
	}
	for i, n := range d.seeder.Requested()[skip.Begin:skip.End] {
		if n > 0 {
			d.r.t.Errorf("piece %d was requested %d times", skip.Begin+i, n)
		}
	}
}

func skippedLater(r *rig) {
	d := r.run(r.offer(wish{size: 4 << 20}), paused)
	q := quarters(d)
	r.must(r.engine.Skip(r.ctx(), d.id, []plugins.Range{q[0], q[3]}))
	r.must(r.engine.Skip(r.ctx(), d.id, []plugins.Range{q[2]}))
	r.must(r.engine.Resume(r.ctx(), d.id))
	d.awaitFinished()
	for _, skip := range []plugins.Range{q[0], q[2], q[3]} {
		d.checkNotRequested(skip)
	}
	if n := d.verifiedBytes(q[1]); n != d.bytes(q[1]) {
		r.t.Errorf("%d bytes of the rest are verified, want %d", n, d.bytes(q[1]))
	}
}
