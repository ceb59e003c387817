package agent

import (
	"context"
	"slices"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/plugins"
)

// priorities are asked for on that many of the earliest unfinished units at a time, falling in this
// order; the rest is left to the engine, so that rare pieces are not starved. Measured: 1 GiB at 100 MB/s down and up took
// 12.5 s with four, 14.8 to 21 s without.
var priorities = []plugins.Priority{
	plugins.PriorityNow, plugins.PriorityNext, plugins.PriorityReadahead, plugins.PriorityHigh,
}

// urlsAhead is how many parts of the window may have their URLs before they are verified.
const urlsAhead = 16

// unit is a stretch of pieces that is preferred at once: a part, about a part's size
// of consecutive small files, or that much of a file that will be linked.
type unit struct{ begin, end int }

// window prefers the few earliest unfinished units whose pieces somebody connected has.
type window struct {
	units []unit
	first int // the units before are verified
	now   []unit
	left  []int // pieces that each of now lacks
	sent  []plugins.PriorityRange
	dirty bool
	busy  bool
	ahead []collections.PartRef // parts in the window that lack a URL
}

func newWindow(p *parts) window {
	w := window{dirty: true}
	var room int64 // bytes the last unit may still take
	for i := range p.list {
		q := &p.list[i]
		if q.settled() {
			continue
		}
		if n := len(w.units); n > 0 && q.length <= room && q.begin <= w.units[n-1].end {
			w.units[n-1].end = max(q.end, w.units[n-1].end)
			room -= q.length
			continue
		}
		w.units = append(w.units, p.units(q)...)
		room = collections.PartSize(0) - q.length
	}
	return w
}

// units cuts a part that is a whole large file into pieces of the size its parts would have.
func (p *parts) units(q *part) []unit {
	step := max(1, int(collections.PartSize(q.length)/p.meta.PieceLength))
	if q.ref.Number > 0 {
		step = q.end - q.begin
	}
	var units []unit
	for begin := q.begin; begin < q.end; begin += step {
		units = append(units, unit{begin, min(begin+step, q.end)})
	}
	return units
}

// forget makes the priorities be sent again: the engine has lost them.
func (w *window) forget() { w.sent, w.dirty = nil, true }

// verified notes a piece; the window moves on when it was the last of a unit.
func (w *window) verified(piece int) {
	for i, u := range w.now {
		if u.begin <= piece && piece < u.end {
			w.left[i]--
			w.dirty = w.dirty || w.left[i] == 0
		}
	}
}

// choose picks the units to prefer now.
func (w *window) choose(have []bool, available []plugins.Range) {
	w.now, w.left = nil, nil
	for ; w.first < len(w.units); w.first++ {
		if missing, _ := w.units[w.first].missing(have, nil); missing > 0 {
			break
		}
	}
	for _, u := range w.units[w.first:] {
		if len(w.now) == len(priorities) {
			return
		}
		if missing, had := u.missing(have, available); missing > 0 && had {
			w.now, w.left = append(w.now, u), append(w.left, missing)
		}
	}
}

// missing counts the pieces a unit lacks and says whether somebody has them all.
func (u unit) missing(have []bool, available []plugins.Range) (n int, had bool) {
	had = true
	for piece := u.begin; piece < u.end; piece++ {
		if have[piece] {
			continue
		}
		n++
		for len(available) > 0 && available[0].End <= piece {
			available = available[1:]
		}
		had = had && len(available) > 0 && available[0].Begin <= piece
	}
	return n, had
}

// ranges gives falling priorities to the chosen units.
func (w *window) ranges() []plugins.PriorityRange {
	var ranges []plugins.PriorityRange
	end := 0
	for i, u := range w.now {
		u.begin = max(u.begin, end) // neighbours may share a piece
		end = max(u.end, end)
		if u.begin < u.end {
			ranges = append(ranges, plugins.PriorityRange{Range: plugins.Range{Begin: u.begin, End: u.end}, Priority: priorities[i]})
		}
	}
	return ranges
}

// driveWindow moves the window on.
func (j *job) driveWindow() {
	w, t := &j.window, &j.torrent
	if !w.dirty || w.busy || t.session == nil || t.paths == nil || t.busy || t.pending {
		return
	}
	w.dirty = false
	w.choose(j.parts.have, t.stats.Availability)
	w.ahead = j.aheadOf(w.now)
	ranges := w.ranges()
	if slices.Equal(ranges, w.sent) || !t.session.can.Has(plugins.CapRanges) {
		return
	}
	w.busy, w.sent = true, ranges
	session, id := t.session, t.id
	j.spawn(func(ctx context.Context) {
		err := session.call(ctx, j, "prioritise", func(ctx context.Context) error {
			return session.engine.Prioritise(ctx, id, ranges)
		})
		j.post(func() { j.handlePrioritised(err) })
	})
}

func (j *job) handlePrioritised(err error) {
	j.window.busy = false
	if err != nil {
		j.window.sent = nil
		j.log.Debug("priorities were not taken", "error", err)
	}
}

// aheadOf lists parts in the chosen units for which no URL is at hand.
func (j *job) aheadOf(units []unit) []collections.PartRef {
	var refs []collections.PartRef
	for _, u := range units {
		for q := range j.parts.within(u) {
			if len(refs) == urlsAhead {
				return refs
			}
			if q.state == partOpen && q.missing > 0 && !j.upload.has(q.ref) {
				refs = append(refs, q.ref)
			}
		}
	}
	return refs
}
