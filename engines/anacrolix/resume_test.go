package anacrolix

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/longshore-project/longshore/plugins"
	"github.com/longshore-project/longshore/plugins/enginetest"
)

// half downloads the first half of a torrent into dir and shuts the engine down.
func half(t *testing.T, p *enginetest.Payload, dir string) {
	t.Helper()
	s := enginetest.NewSeeder(t, p, enginetest.SeederOptions{Lack: []plugins.Range{{Begin: p.NumPieces / 2, End: p.NumPieces}}})
	e := newEngine(t)
	w := watch(t, e)
	must(t, e.Add(t.Context(), plugins.AddRequest{ID: "j", Dir: dir, Metainfo: p.Torrent, Peers: []string{s.Addr()}}))
	await(t, "half of it", func() bool { return w.count("j") == p.NumPieces/2 })
	must(t, e.Shutdown(t.Context()))
}

// resume downloads the rest and answers what was requested of a seeder that has everything.
func resume(t *testing.T, p *enginetest.Payload, dir string) (requested []int, w *watcher) {
	t.Helper()
	s := enginetest.NewSeeder(t, p, enginetest.SeederOptions{})
	e := newEngine(t)
	w = watch(t, e)
	must(t, e.Add(t.Context(), plugins.AddRequest{ID: "j", Dir: dir, Metainfo: p.Torrent, Peers: []string{s.Addr()}}))
	w.awaitFinished(t, "j")
	await(t, "all pieces told", func() bool { return w.count("j") == p.NumPieces })
	for i := range p.Files {
		wantFile(t, p, dir, i)
	}
	for i, n := range s.Requested() {
		if n > 0 {
			requested = append(requested, i)
		}
	}
	return requested, w
}

func threeFiles(t *testing.T) *enginetest.Payload {
	return enginetest.MakePayload(t, enginetest.PayloadSpec{PieceLength: 32 << 10, Files: []enginetest.PayloadFile{
		{Name: "a", Size: 1<<20 + 13}, {Name: "b/c", Size: 1 << 20}, {Name: "d", Size: 1<<20 - 13},
	}})
}

func TestWhatLiesOnDiskIsNotFetchedAgain(t *testing.T) {
	resumed := func(w *watcher, i int) bool { w.mu.Lock(); defer w.mu.Unlock(); return w.verified["j"][i] }
	for name, c := range map[string]struct {
		change  func(t *testing.T, dir string)
		fetched func(i, half int) bool
	}{
		"an engine that was started again": {func(*testing.T, string) {}, func(i, half int) bool { return i >= half }},
		"after a reboot": {func(t *testing.T, dir string) {
			f, err := os.OpenFile(filepath.Join(dir, recordName), os.O_RDWR, 0)
			must(t, err)
			defer f.Close()
			_, err = f.WriteAt([]byte("another boot"), recordHeader-64)
			must(t, err)
		}, func(i, half int) bool { return i >= half }},
		"without a record": {func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, recordName)))
		}, func(i, half int) bool { return i >= half }},
		"without a record and with a piece damaged": {func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, recordName)))
			f, err := os.OpenFile(filepath.Join(dir, "payload", "a"), os.O_RDWR, 0)
			must(t, err)
			defer f.Close()
			_, err = f.WriteAt([]byte("damage"), 3*32<<10)
			must(t, err)
		}, func(i, half int) bool { return i == 3 || i >= half }},
		"with a record but a file gone": {func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, "payload", "a")))
		}, func(i, half int) bool { return i <= 32 || i >= half }},
		"with a record but a file cut short": {func(t *testing.T, dir string) {
			must(t, os.Truncate(filepath.Join(dir, "payload", "a"), 10*32<<10))
		}, func(i, half int) bool { return i >= 10 && i <= 32 || i >= half }},
	} {
		t.Run(name, func(t *testing.T) {
			p, dir := threeFiles(t), t.TempDir()
			half(t, p, dir)
			c.change(t, dir)
			requested, w := resume(t, p, dir)
			for i := range p.NumPieces {
				fetched := c.fetched(i, p.NumPieces/2)
				if slices.Contains(requested, i) != fetched || resumed(w, i) == fetched {
					t.Errorf("piece %d: requested %v, resumed %v, want fetched %v", i, slices.Contains(requested, i), resumed(w, i), fetched)
				}
			}
		})
	}
}

func TestResumedPiecesAreServedAndToldToALaterReader(t *testing.T) {
	p, dir := threeFiles(t), t.TempDir()
	half(t, p, dir)
	e := newEngine(t)
	must(t, e.Add(t.Context(), plugins.AddRequest{ID: "j", Dir: dir, Metainfo: p.Torrent}))
	first, second := watch(t, e), watch(t, e)
	await(t, "pieces told to the second reader", func() bool { return second.count("j") == p.NumPieces/2 })
	if kinds := second.kinds("j"); kinds[0] != plugins.EventMetadata || kinds[1] != plugins.EventVerified {
		t.Errorf("the stream began with %v", kinds)
	}
	l := leech(t, e, p)
	must(t, l.Fetch(t.Context(), 5))
	_ = first
}

func leech(t *testing.T, e *Engine, p *enginetest.Payload) *enginetest.Leecher {
	t.Helper()
	l, err := enginetest.DialLeecher(e.client.ListenAddrs()[0].String(), p)
	must(t, err)
	t.Cleanup(l.Close)
	return l
}

func TestReleasedPiecesAreGoneForEveryone(t *testing.T) {
	p := enginetest.MakePayload(t, enginetest.PayloadSpec{PieceLength: 64 << 10, Single: true, Files: []enginetest.PayloadFile{{Name: "x", Size: 4 << 20}}})
	s := enginetest.NewSeeder(t, p, enginetest.SeederOptions{Lack: []plugins.Range{{Begin: 60, End: 64}}})
	e, dir := newEngine(t), t.TempDir()
	w := watch(t, e)
	must(t, e.Add(t.Context(), plugins.AddRequest{ID: "j", Dir: dir, Metainfo: p.Torrent, Peers: []string{s.Addr()}}))
	await(t, "what there is", func() bool { return w.count("j") == 60 })
	before := blocks(t, filepath.Join(dir, "x"))
	sent := s.Sent()
	must(t, e.Release(t.Context(), "j", []plugins.Range{{Begin: 8, End: 40}}))
	must(t, e.Release(t.Context(), "j", []plugins.Range{{Begin: 8, End: 40}}))
	if freed := (before - blocks(t, filepath.Join(dir, "x"))) * 512; freed != 32*64<<10 {
		t.Errorf("%d bytes were freed, want %d", freed, 32*64<<10)
	}
	l := leech(t, e, p)
	must(t, l.Fetch(t.Context(), 41))
	if l.Has(8) || l.Has(39) || !l.Has(7) || !l.Has(40) {
		t.Error("the bitfield still has released pieces, or lacks others")
	}
	full := enginetest.NewSeeder(t, p, enginetest.SeederOptions{})
	must(t, e.Add(t.Context(), plugins.AddRequest{ID: "j", Dir: dir, Metainfo: p.Torrent, Peers: []string{full.Addr()}}))
	w.awaitFinished(t, "j")
	if full.Sent() != 4*64<<10 || s.Sent() != sent {
		t.Errorf("released pieces were fetched again: %d bytes", full.Sent()+s.Sent()-sent-4*64<<10)
	}
}

func blocks(t *testing.T, path string) int64 {
	t.Helper()
	var st unix.Stat_t
	must(t, unix.Stat(path, &st))
	return st.Blocks
}
