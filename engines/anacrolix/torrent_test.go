package anacrolix

import (
	"bytes"
	"encoding/hex"
	"log/slog"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/anacrolix/dht/v2/krpc"

	"github.com/longshore-project/longshore/plugins"
	"github.com/longshore-project/longshore/plugins/enginetest"
)

func TestAFailureThatHealedBeforeItWasToldIsNotTold(t *testing.T) {
	p := enginetest.NewPayload(t, enginetest.PayloadFile{Name: "x", Size: 100_000})
	s := enginetest.NewSeeder(t, p, enginetest.SeederOptions{})
	e := newEngine(t)
	w := watch(t, e)
	add := plugins.AddRequest{ID: "j", Dir: t.TempDir(), Metainfo: p.Torrent, Paused: true, Peers: []string{s.Addr()}}
	must(t, e.Add(t.Context(), add))
	d := e.torrents["j"]
	d.failing.Store(true)
	must(t, e.Resume(t.Context(), "j"))
	d.suffer(&plugins.Error{Code: plugins.ErrDiskFull})
	w.awaitFinished(t, "j")
	if kindsHave(w.kinds("j"), plugins.EventError) {
		t.Error("it was told")
	}
}

func TestAWriteErrorIsToldAndLeftBehindByResume(t *testing.T) {
	p := enginetest.NewPayload(t, enginetest.PayloadFile{Name: "x", Size: 100_000})
	s := enginetest.NewSeeder(t, p, enginetest.SeederOptions{})
	e, dir := newEngine(t), t.TempDir()
	w := watch(t, e)
	must(t, mkfifo(dir+"/x"))
	must(t, e.Add(t.Context(), plugins.AddRequest{ID: "j", Dir: dir, Metainfo: p.Torrent, Peers: []string{s.Addr()}}))
	await(t, "an error", func() bool { return kindsHave(w.kinds("j"), plugins.EventError) })
	must(t, os.Remove(dir+"/x"))
	must(t, e.Resume(t.Context(), "j"))
	w.awaitFinished(t, "j")
	wantFile(t, p, dir, 0)
	kinds := w.kinds("j")
	if !kindsHave(kinds, plugins.EventHealed) {
		t.Errorf("the events are %v", kinds)
	}
}

func TestTheDHTBringsPeersToPublicTorrentsOnly(t *testing.T) {
	private := enginetest.MakePayload(t, enginetest.PayloadSpec{Private: true, Single: true, Files: []enginetest.PayloadFile{{Name: "x", Size: 1}}})
	public := enginetest.NewPayload(t, enginetest.PayloadFile{Name: "y", Size: 1})
	e := newEngine(t)
	must(t, e.Add(t.Context(), plugins.AddRequest{ID: "private", Dir: t.TempDir(), Metainfo: private.Torrent}))
	must(t, e.Add(t.Context(), plugins.AddRequest{ID: "public", Dir: t.TempDir(), Metainfo: public.Torrent}))
	for p, want := range map[*enginetest.Payload]bool{private: false, public: true} {
		q := &krpc.Msg{Q: "announce_peer", A: &krpc.MsgArgs{}}
		if _, err := hex.Decode(q.A.InfoHash[:], []byte(p.Infohash)); err != nil {
			t.Fatal(err)
		}
		if got := e.takesDHTQuery(q, nil); got != want {
			t.Errorf("private %v: announce taken %v", p.Private, got)
		}
		q.Q = "get_peers"
		if !e.takesDHTQuery(q, nil) {
			t.Error("other queries are refused")
		}
	}
}

func TestTrackersAreSpelledAsTheLibraryWould(t *testing.T) {
	got := announceURLs([]string{
		"http://a/announce", " HTTP://B.example/x?y=1#frag", "udp://c:80", "wss://d", "file:///etc/passwd", "http://", "http://e/%zz", "http://[::1]:1/a b",
	}, 2)
	want := []string{"http://a/announce#2", "http://B.example/x?y=1#2", "udp://c:80#2", "http://[::1]:1/a%20b#2"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := announceURLs([]string{"http://a/#x"}, 0); got[0] != "http://a/" {
		t.Errorf("got %q", got)
	}
}

func TestTheLibraryLogsWarningsOnceInAWhile(t *testing.T) {
	var b bytes.Buffer
	l := quietLogger(slog.New(slog.NewTextHandler(&b, nil)))
	for range 100 {
		l.With("a", 1).Warn("again")
		l.WithGroup("g").Info("chatter")
		l.Error("other")
	}
	if n := strings.Count(b.String(), "\n"); n != 2 {
		t.Errorf("%d lines were logged, want one of each kind:\n%s", n, b.String())
	}
}
