package anacrolix

import (
	lib "github.com/anacrolix/torrent"

	"github.com/longshore-project/longshore/plugins"
)

// want tells account and library what the selection, less what is skipped or released, asks for.
func (t *torrent) want() {
	wanted := newBitset(len(t.applied))
	for i := range t.applied {
		if t.selected.has(i) && !t.skipped.has(i) && !t.store.pieces[i].is(gone) {
			wanted.set(i)
		}
	}
	t.entry.want(wanted)
	t.apply(0, len(t.applied))
}

// level is the priority the library is to give piece i.
func (t *torrent) level(i int) lib.PiecePriority {
	p := &t.store.pieces[i]
	if !t.selected.has(i) || t.skipped.has(i) || p.is(gone) || p.is(unchecked) {
		return lib.PiecePriorityNone
	}
	if t.levels == nil {
		return lib.PiecePriorityNormal
	}
	return t.levels[i]
}

// apply tells store and library the priorities of [begin, end) that changed, in runs.
func (t *torrent) apply(begin, end int) {
	live := t.lib != nil && t.store.active.Load()
	for i := begin; i < end; {
		from, to := t.applied[i], t.level(i)
		run := i + 1
		for run < end && t.applied[run] == from && t.level(run) == to {
			run++
		}
		if live && from != to && to == lib.PiecePriorityNone {
			t.lib.CancelPieces(i, run)
		}
		t.offer(i, run, to != lib.PiecePriorityNone, live)
		if live && from != to {
			t.setLevel(i, run, from, to)
		}
		i = run
	}
}

// offer lets the library fetch pieces, or hides them: priorities alone do not keep
// webseeds from being asked for pieces that lie between wanted ones.
func (t *torrent) offer(begin, end int, wanted, live bool) {
	for i := begin; i < end; i++ {
		p := &t.store.pieces[i]
		if p.wanted.Swap(wanted) == wanted {
			continue
		}
		if live {
			t.lib.Piece(i).UpdateCompletion()
		}
		if !wanted {
			t.spill(p)
		}
	}
}

func (t *torrent) setLevel(begin, end int, from, to lib.PiecePriority) {
	switch {
	case to == lib.PiecePriorityNone:
	case to == lib.PiecePriorityNormal && from == lib.PiecePriorityNone:
		t.lib.DownloadPieces(begin, end)
	default:
		for i := begin; i < end; i++ {
			t.lib.Piece(i).SetPriority(to)
		}
	}
	for i := begin; i < end; i++ {
		t.applied[i] = to
	}
}

// spill frees memory that an unwanted piece holds. Where that fails it keeps it.
func (t *torrent) spill(p *piece) {
	if err := p.spill(); err != nil {
		t.engine.logger.Warn("chunks of a piece that is wanted no more stay in memory", "job", t.id, "piece", p.index, "error", err)
	}
}

func (t *torrent) prioritise(ranges []plugins.PriorityRange) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.checkPieces(); err != nil {
		return err
	}
	levels := make([]lib.PiecePriority, len(t.applied))
	for i := range levels {
		levels[i] = lib.PiecePriorityNormal
	}
	for _, r := range ranges {
		if err := checkRanges([]plugins.Range{r.Range}, len(levels)); err != nil {
			return err
		}
		if r.Priority < plugins.PriorityNormal || r.Priority > plugins.PriorityNow {
			return invalidf("there is no priority %d", r.Priority)
		}
		for i := r.Begin; i < r.End; i++ {
			levels[i].Raise(libraryLevels[r.Priority])
		}
	}
	t.levels = levels
	t.apply(0, len(t.applied))
	return nil
}

var libraryLevels = [...]lib.PiecePriority{
	plugins.PriorityNormal:    lib.PiecePriorityNormal,
	plugins.PriorityHigh:      lib.PiecePriorityHigh,
	plugins.PriorityReadahead: lib.PiecePriorityReadahead,
	plugins.PriorityNext:      lib.PiecePriorityNext,
	plugins.PriorityNow:       lib.PiecePriorityNow,
}

func (t *torrent) skip(ranges []plugins.Range) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.checkPieces(ranges...); err != nil {
		return err
	}
	for _, r := range ranges {
		t.skipped.setRange(r.Begin, r.End)
	}
	t.want()
	return nil
}

// release makes the pieces gone in the store first: from then on no read of them succeeds.
// Then the library learns that it does not want and does not have them.
func (t *torrent) release(ranges []plugins.Range) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.checkPieces(ranges...); err != nil {
		return err
	}
	for _, r := range ranges {
		if r.Begin == r.End {
			continue
		}
		err := t.store.release(r.Begin, r.End)
		t.apply(r.Begin, r.End)
		t.updateCompletion(r.Begin, r.End)
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *torrent) updateCompletion(begin, end int) {
	if t.lib == nil || !t.store.active.Load() {
		return
	}
	for i := begin; i < end; i++ {
		t.lib.Piece(i).UpdateCompletion()
	}
}

// checkPieces refuses calls about pieces before there are any, and ranges beyond the last one.
func (t *torrent) checkPieces(ranges ...plugins.Range) error {
	if t.store == nil || t.closed {
		return errNoMetainfo
	}
	return checkRanges(ranges, len(t.applied))
}
