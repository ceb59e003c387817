package fake

import (
	"context"
	"fmt"
	"time"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/plugins"
	"github.com/longshore-project/longshore/plugins/payload"
)

// torrent is one script and how far it has come. The engine's lock guards all fields that change.
type torrent struct {
	engine  *Engine
	id      string
	disk    disk
	script  Params
	payload *payload.Payload
	stop    func() // ends run and waits for it
	ctx     context.Context
	done    chan struct{}
	changed chan struct{} // one slot: something run looks at has changed

	open     bool // metainfo was added
	paused   bool
	wanted   []bool // by piece
	skipped  []bool
	priority []plugins.Priority
	verified []bool
	resumed  []bool // verified, and found on disk
	released []bool
	told     bool // metadata
	finished bool
	failure  *plugins.Error
	traffic  meter
}

func newTorrent(e *Engine, req plugins.AddRequest) (*torrent, error) {
	script, infohash, err := scriptOf(req)
	if err != nil {
		return nil, err
	}
	made, err := script.Payload()
	if err != nil {
		return nil, err
	}
	if made.Infohash != infohash {
		return nil, fmt.Errorf("the script makes the torrent %s, not %s", made.Infohash, infohash)
	}
	n := made.NumPieces
	t := &torrent{
		engine: e, id: req.ID, script: script, payload: made, disk: disk{req.Dir, made},
		done: make(chan struct{}), changed: make(chan struct{}, 1),
		wanted: make([]bool, n), skipped: make([]bool, n), priority: make([]plugins.Priority, n),
		verified: make([]bool, n), resumed: make([]bool, n), released: make([]bool, n),
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.ctx, t.stop = ctx, func() { cancel(); <-t.done }
	return t, nil
}

func scriptOf(req plugins.AddRequest) (Params, collections.Infohash, error) {
	if len(req.Metainfo) > 0 {
		return ofMetainfo(req.Metainfo)
	}
	return ofMagnet(req.Magnet)
}

// add takes over what a request says; fresh is what the request would make by itself.
func (t *torrent) add(req plugins.AddRequest, fresh *torrent) error {
	if fresh.payload.Infohash != t.payload.Infohash || fresh.disk.dir != t.disk.dir {
		return &plugins.Error{Code: plugins.ErrInvalid, Message: "the id belongs to another torrent or folder"}
	}
	if len(req.Metainfo) > 0 {
		if err := t.opened(); err != nil {
			return err
		}
		t.want(req.Selection)
	}
	t.paused = req.Paused
	t.skip(req.Skip)
	return nil
}

// opened reads the account of released pieces before anybody can change it.
func (t *torrent) opened() error {
	if t.open {
		return nil
	}
	released, err := t.disk.released()
	if err != nil {
		return &plugins.Error{Code: plugins.ErrIO, Message: err.Error()}
	}
	fill(t.released, released)
	t.open, t.told = true, true
	return nil
}

// want marks the pieces of the selected files.
func (t *torrent) want(selection []int) {
	clear(t.wanted)
	mark := func(f *collections.MetaFile) {
		begin, end := t.payload.FilePieces(f, 0, f.Size)
		fill(t.wanted, []plugins.Range{{Begin: begin, End: end}})
	}
	if selection == nil {
		for i := range t.payload.Files {
			mark(&t.payload.Files[i])
		}
	}
	for _, i := range selection {
		if i < len(t.payload.Files) {
			mark(&t.payload.Files[i])
		}
	}
	t.wake()
}

func (t *torrent) pause(on bool) {
	t.paused = on
	t.wake()
}

func (t *torrent) prioritise(ranges []plugins.PriorityRange) {
	clear(t.priority)
	for _, r := range ranges {
		for i := r.Begin; i < min(r.End, len(t.priority)); i++ {
			t.priority[i] = max(t.priority[i], r.Priority)
		}
	}
}

func (t *torrent) skip(ranges []plugins.Range) {
	fill(t.skipped, ranges)
	t.wake()
}

func (t *torrent) release(ranges []plugins.Range) error {
	fill(t.released, ranges)
	for i, gone := range t.released {
		if gone {
			t.verified[i] = false
		}
	}
	t.wake()
	return t.disk.release(t.released)
}

func (t *torrent) files() ([]plugins.File, error) {
	if !t.open {
		return nil, &plugins.Error{Code: plugins.ErrNotFound, Message: "the torrent's metainfo was not added"}
	}
	files := make([]plugins.File, len(t.payload.Files))
	for i, f := range t.payload.Files {
		files[i] = plugins.File{Index: i, Path: f.DiskPath, Size: f.Size}
	}
	return files, nil
}

func (t *torrent) statistics() plugins.Statistics {
	s := plugins.Statistics{Downloaded: t.traffic.total, DownloadRate: t.traffic.rate(time.Now()), Paused: t.paused}
	if t.open && !t.paused {
		s.Peers, s.Seeds = 1, 1
		s.Availability = []plugins.Range{{Begin: 0, End: t.payload.NumPieces}}
	}
	return s
}

// now is what a new event stream begins with.
func (t *torrent) now() (now []plugins.Event) {
	if t.told {
		now = append(now, t.event(plugins.Event{Kind: plugins.EventMetadata, InfoBytes: t.payload.InfoBytes}))
	}
	for _, resumed := range []bool{true, false} {
		ranges := rangesOf(len(t.verified), func(i int) bool { return t.verified[i] && t.resumed[i] == resumed })
		if len(ranges) > 0 {
			now = append(now, t.event(plugins.Event{Kind: plugins.EventVerified, Ranges: ranges, Resumed: resumed}))
		}
	}
	if t.finished {
		now = append(now, t.event(plugins.Event{Kind: plugins.EventFinished}))
	}
	if t.failure != nil {
		now = append(now, t.event(plugins.Event{Kind: plugins.EventError, Err: t.failure}))
	}
	return now
}

func (t *torrent) event(e plugins.Event) plugins.Event {
	e.ID, e.At = t.id, time.Now()
	return e
}

func (t *torrent) tell(e plugins.Event) { t.engine.feed.Put(t.event(e)) }

func (t *torrent) wake() {
	select {
	case t.changed <- struct{}{}:
	default:
	}
}

func fill(bits []bool, ranges []plugins.Range) {
	for _, r := range ranges {
		for i := r.Begin; i < min(r.End, len(bits)); i++ {
			bits[i] = true
		}
	}
}

func rangesOf(n int, holds func(i int) bool) (ranges []plugins.Range) {
	for i := range n {
		if holds(i) {
			ranges = append(ranges, plugins.Range{Begin: i, End: i + 1})
		}
	}
	return plugins.MergeRanges(ranges)
}
