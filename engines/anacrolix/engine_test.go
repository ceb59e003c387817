package anacrolix

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/plugins"
	"github.com/longshore-project/longshore/plugins/enginetest"
)

const patience = 20 * time.Second

func newEngine(t *testing.T, change ...func(*Config)) *Engine {
	t.Helper()
	cfg := Config{AllowPrivate: true, ListenHost: "127.0.0.1"}
	for _, c := range change {
		c(&cfg)
	}
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Shutdown(context.Background()) })
	return e
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// watcher keeps what the event stream of one engine said.
type watcher struct {
	mu       sync.Mutex
	info     map[string][]byte
	verified map[string]map[int]bool // to whether it was resumed
	order    map[string][]int
	finished map[string]int
	events   map[string][]plugins.Event
}

func watch(t *testing.T, e *Engine) *watcher {
	t.Helper()
	ch, err := e.Events(t.Context())
	must(t, err)
	w := &watcher{
		info: map[string][]byte{}, verified: map[string]map[int]bool{}, order: map[string][]int{},
		finished: map[string]int{}, events: map[string][]plugins.Event{},
	}
	go func() {
		for ev := range ch {
			w.take(ev)
		}
	}()
	return w
}

func (w *watcher) take(ev plugins.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events[ev.ID] = append(w.events[ev.ID], ev)
	switch ev.Kind {
	case plugins.EventMetadata:
		w.info[ev.ID] = ev.InfoBytes
	case plugins.EventFinished:
		w.finished[ev.ID]++
	case plugins.EventVerified:
		if w.verified[ev.ID] == nil {
			w.verified[ev.ID] = map[int]bool{}
		}
		for _, r := range ev.Ranges {
			for i := r.Begin; i < r.End; i++ {
				w.verified[ev.ID][i] = ev.Resumed
				w.order[ev.ID] = append(w.order[ev.ID], i)
			}
		}
	}
}

func (w *watcher) count(id string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.verified[id])
}

func (w *watcher) pieces(id string) map[int]bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	set := map[int]bool{}
	for i := range w.verified[id] {
		set[i] = true
	}
	return set
}

func (w *watcher) kinds(id string) (kinds []plugins.EventKind) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, ev := range w.events[id] {
		kinds = append(kinds, ev.Kind)
	}
	return kinds
}

func (w *watcher) awaitFinished(t *testing.T, id string) {
	t.Helper()
	await(t, "finished", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.finished[id] > 0
	})
}

func wantFile(t *testing.T, p *enginetest.Payload, dir string, i int) {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, p.Files[i].DiskPath))
	must(t, err)
	defer f.Close()
	if !p.Equal(i, f) {
		t.Errorf("%s differs from what was seeded", p.Files[i].DiskPath)
	}
}

func TestMagnetFetchesMetadataOnlyUntilMetainfoIsAdded(t *testing.T) {
	p := enginetest.NewPayload(t, enginetest.PayloadFile{Name: "a/b.bin", Size: 1<<20 + 7}, enginetest.PayloadFile{Name: "empty"})
	s := enginetest.NewSeeder(t, p, enginetest.SeederOptions{})
	e, dir := newEngine(t), t.TempDir()
	w := watch(t, e)
	must(t, e.Add(t.Context(), plugins.AddRequest{ID: "j", Dir: dir, Magnet: p.Magnet(), Peers: []string{s.Addr()}}))
	await(t, "metadata", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.info["j"] != nil })
	if names, _ := os.ReadDir(dir); len(names) != 0 || s.Sent() != 0 {
		t.Fatalf("a magnet wrote %v and fetched %d bytes", names, s.Sent())
	}
	meta := collections.BuildMetainfo(w.info["j"], nil, nil)
	must(t, e.Add(t.Context(), plugins.AddRequest{ID: "j", Dir: dir, Metainfo: meta}))
	w.awaitFinished(t, "j")
	wantFile(t, p, dir, 0)
	wantFile(t, p, dir, 1)
}

func TestSelectionAndSkipKeepPiecesFromBeingRequested(t *testing.T) {
	p := enginetest.MakePayload(t, enginetest.PayloadSpec{PieceLength: 16 << 10, Files: []enginetest.PayloadFile{
		{Name: "a", Size: 20 * 16 << 10}, {Name: "b", Size: 20 * 16 << 10}, {Name: "c", Size: 20 * 16 << 10},
	}})
	s := enginetest.NewSeeder(t, p, enginetest.SeederOptions{})
	e, dir := newEngine(t), t.TempDir()
	w := watch(t, e)
	must(t, e.Add(t.Context(), plugins.AddRequest{
		ID: "j", Dir: dir, Metainfo: p.Torrent, Peers: []string{s.Addr()},
		Selection: []int{0, 2}, Skip: []plugins.Range{{Begin: 5, End: 10}},
	}))
	w.awaitFinished(t, "j")
	for i, n := range s.Requested() {
		wanted := i < 5 || i >= 10 && i < 20 || i >= 40
		if (n > 0) != wanted {
			t.Errorf("piece %d was requested %d times, wanted: %v", i, n, wanted)
		}
	}
	must(t, e.Add(t.Context(), plugins.AddRequest{ID: "j", Dir: dir, Metainfo: p.Torrent, Peers: []string{s.Addr()}}))
	await(t, "finished again", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.finished["j"] == 2 })
	wantFile(t, p, dir, 1)
	if s.Requested()[7] != 0 {
		t.Error("a skipped piece was requested after all")
	}
}

func TestPiecesNobodyHasDoNotStopTheOthers(t *testing.T) {
	p := enginetest.NewPayload(t, enginetest.PayloadFile{Name: "x", Size: 96 << 20})
	lack := p.NumPieces / 2
	s := enginetest.NewSeeder(t, p, enginetest.SeederOptions{Lack: []plugins.Range{{Begin: 0, End: lack}}})
	e := newEngine(t)
	w := watch(t, e)
	must(t, e.Add(t.Context(), plugins.AddRequest{ID: "j", Dir: t.TempDir(), Metainfo: p.Torrent, Peers: []string{s.Addr()}}))
	must(t, e.Prioritise(t.Context(), "j", []plugins.PriorityRange{{Range: plugins.Range{End: lack}, Priority: plugins.PriorityNow}}))
	await(t, "all that there is", func() bool { return w.count("j") == p.NumPieces-lack })
	st, err := e.Statistics(t.Context(), "j")
	must(t, err)
	if len(st.Availability) != 1 || st.Availability[0] != (plugins.Range{Begin: lack, End: p.NumPieces}) || st.Seeds != 0 || st.Peers != 1 {
		t.Errorf("statistics: %+v", st)
	}
}

func TestPrioritisedPiecesComeFirst(t *testing.T) {
	p := enginetest.MakePayload(t, enginetest.PayloadSpec{PieceLength: 64 << 10, Single: true, Files: []enginetest.PayloadFile{{Name: "x", Size: 16 << 20}}})
	s := enginetest.NewSeeder(t, p, enginetest.SeederOptions{Rate: 16 << 20})
	e := newEngine(t)
	w := watch(t, e)
	add := plugins.AddRequest{ID: "j", Dir: t.TempDir(), Metainfo: p.Torrent, Paused: true}
	must(t, e.Add(t.Context(), add))
	must(t, e.Prioritise(t.Context(), "j", []plugins.PriorityRange{
		{Range: plugins.Range{Begin: 100, End: 120}, Priority: plugins.PriorityNow},
		{Range: plugins.Range{Begin: 40, End: 60}, Priority: plugins.PriorityNext},
	}))
	add.Paused, add.Peers = false, []string{s.Addr()}
	must(t, e.Add(t.Context(), add))
	w.awaitFinished(t, "j")
	early := 0
	for _, i := range w.order["j"][:64] {
		if i >= 100 && i < 120 || i >= 40 && i < 60 {
			early++
		}
	}
	if early < 38 {
		t.Errorf("of the 40 prioritised pieces %d were among the first 64", early)
	}
}

func TestPauseEndsAllTrafficAndResumeGoesOn(t *testing.T) {
	p := enginetest.NewPayload(t, enginetest.PayloadFile{Name: "x", Size: 8 << 20})
	tracker := enginetest.NewTracker(t)
	s := enginetest.NewSeeder(t, p, enginetest.SeederOptions{Rate: 4 << 20, Trackers: []string{tracker.URL}})
	e, dir := newEngine(t), t.TempDir()
	w := watch(t, e)
	must(t, e.Add(t.Context(), plugins.AddRequest{ID: "j", Dir: dir, Metainfo: p.WithTrackers(tracker.URL)}))
	await(t, "some pieces", func() bool { return w.count("j") > 10 })
	must(t, e.Pause(t.Context(), "j"))
	must(t, e.Pause(t.Context(), "j"))
	await(t, "no connections", func() bool { return s.Peers() == 0 })
	await(t, "stopped at the tracker", func() bool { return len(tracker.Peers(p.Infohash)) == 1 })
	have := w.count("j")
	if st, err := e.Statistics(t.Context(), "j"); err != nil || !st.Paused || st.Peers != 0 || st.Downloaded == 0 {
		t.Errorf("paused: %+v %v", st, err)
	}
	s.SetRate(0)
	must(t, e.Resume(t.Context(), "j"))
	w.awaitFinished(t, "j")
	wantFile(t, p, dir, 0)
	if have == p.NumPieces {
		t.Error("the pause came too late to show anything")
	}
}

func TestErrorsHaveCodes(t *testing.T) {
	e := newEngine(t)
	p := enginetest.NewPayload(t, enginetest.PayloadFile{Name: "x", Size: 100_000})
	ctx := t.Context()
	must(t, e.Add(ctx, plugins.AddRequest{ID: "magnet", Dir: t.TempDir(), Magnet: p.Magnet()}))
	_, filesErr := e.Files(ctx, "magnet")
	for name, c := range map[string]struct {
		err  error
		code plugins.ErrorCode
	}{
		"pausing what was never added":  {e.Pause(ctx, "nothing"), plugins.ErrNotFound},
		"files before metainfo":         {filesErr, plugins.ErrNotFound},
		"a broken metainfo":             {e.Add(ctx, plugins.AddRequest{ID: "b", Dir: t.TempDir(), Metainfo: []byte("d")}), plugins.ErrInvalid},
		"one torrent twice":             {e.Add(ctx, plugins.AddRequest{ID: "c", Dir: t.TempDir(), Metainfo: p.Torrent}), plugins.ErrInvalid},
		"pieces beyond the last":        {e.Add(ctx, plugins.AddRequest{ID: "magnet", Metainfo: p.Torrent, Dir: t.TempDir(), Skip: []plugins.Range{{Begin: 0, End: 99}}}), plugins.ErrInvalid},
		"a folder that is not there":    {e.Add(ctx, plugins.AddRequest{ID: "d", Dir: "/no/such/folder", Metainfo: enginetest.NewPayload(t, enginetest.PayloadFile{Name: "y", Size: 1}).Torrent}), plugins.ErrInvalid},
		"removing what was never added": {e.Remove(ctx, "nothing"), ""},
	} {
		pe, _ := errors.AsType[*plugins.Error](c.err)
		if c.code == "" && c.err != nil || c.code != "" && (pe == nil || pe.Code != c.code) {
			t.Errorf("%s: %v, want %q", name, c.err, c.code)
		}
	}
	must(t, e.Shutdown(ctx))
	if err := e.Resume(ctx, "magnet"); plugins.EngineError(err).Code != plugins.ErrClosed {
		t.Errorf("after shutdown: %v", err)
	}
}
