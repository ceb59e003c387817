package enginetest

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/longshore-project/longshore/plugins"
	"github.com/longshore-project/longshore/plugins/bencode"
)

func TestPayloadOnDiskMatchesItsPieces(t *testing.T) {
	p := NewPayload(t, PayloadFile{Name: "a/b/c.bin", Size: 100_003}, PayloadFile{Name: "empty"}, PayloadFile{Name: "ü/日本.txt", Size: 77})
	for i, f := range p.Files {
		disk, err := os.Open(filepath.Join(p.Dir(), f.Path))
		if err != nil {
			t.Fatal(err)
		}
		defer disk.Close()
		if !p.Equal(i, disk) {
			t.Errorf("%s differs", f.Path)
		}
	}
}

func TestSeederServesEveryPieceOnceAndCountsIt(t *testing.T) {
	p := NewPayload(t, PayloadFile{Name: "x", Size: 1<<20 + 5})
	s := NewSeeder(t, p, SeederOptions{})
	l := dial(t, s.Addr(), p)
	for i := range p.NumPieces {
		if err := l.Fetch(t.Context(), i); err != nil {
			t.Fatal(err)
		}
	}
	for i, n := range s.SentPieces() {
		if n != p.PieceSize(i) {
			t.Errorf("piece %d: %d bytes counted, want %d", i, n, p.PieceSize(i))
		}
	}
}

func TestSeederLacksPieces(t *testing.T) {
	p := NewPayload(t, PayloadFile{Name: "x", Size: 1 << 20})
	s := NewSeeder(t, p, SeederOptions{Lack: []plugins.Range{{Begin: 3, End: 5}}})
	if err := dial(t, s.Addr(), p).Fetch(t.Context(), 4); err == nil {
		t.Error("it served a piece that it lacks")
	}
	l := dial(t, s.Addr(), p)
	if err := l.Fetch(t.Context(), 5); err != nil {
		t.Error(err)
	}
	if l.Has(4) || !l.Has(5) {
		t.Error("its bitfield is wrong")
	}
}

func TestSeederCorruptsPieces(t *testing.T) {
	p := NewPayload(t, PayloadFile{Name: "x", Size: 1 << 20})
	s := NewSeeder(t, p, SeederOptions{Corrupt: []plugins.Range{{Begin: 3, End: 4}}})
	l := dial(t, s.Addr(), p)
	if err := l.Fetch(t.Context(), 3); err == nil || !strings.Contains(err.Error(), "wrong bytes") {
		t.Errorf("Fetch: %v, want wrong bytes", err)
	}
}

func TestSeederKeepsToItsRate(t *testing.T) {
	p := NewPayload(t, PayloadFile{Name: "x", Size: 256 << 10})
	s := NewSeeder(t, p, SeederOptions{Rate: 1 << 20})
	l := dial(t, s.Addr(), p)
	began := time.Now()
	for i := range p.NumPieces {
		if err := l.Fetch(t.Context(), i); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took < 200*time.Millisecond {
		t.Errorf("256 KiB at 1 MiB/s took %v", took)
	}
}

func TestTrackerTellsPeersOfEachOther(t *testing.T) {
	tr := NewTracker(t)
	p := NewPayload(t, PayloadFile{Name: "x", Size: 1 << 20})
	s := NewSeeder(t, p, SeederOptions{Trackers: []string{tr.URL}})
	reply := announce(t, tr, p, "started")
	if peers, _ := reply["peers"].(string); len(peers) != 6 {
		t.Errorf("peers: %q, want the seeder alone", peers)
	}
	if got := tr.Peers(p.Infohash); len(got) != 2 || !slices.Contains(got, netip.MustParseAddrPort(s.Addr())) {
		t.Errorf("Peers() = %v", got)
	}
	announce(t, tr, p, "stopped")
	if got := tr.Peers(p.Infohash); len(got) != 1 || tr.Announces(p.Infohash) != 3 {
		t.Errorf("after stopped: peers %v, %d announces", got, tr.Announces(p.Infohash))
	}
}

func TestAForeignClientFetchesAMagnetFromTheSwarm(t *testing.T) {
	t.Parallel()
	tr := NewTracker(t)
	p := MakePayload(t, PayloadSpec{Name: "tree", Files: []PayloadFile{{Name: "a/one.bin", Size: 3 << 20}, {Name: "b/zwei ü.bin", Size: 70_001}, {Name: "empty", Size: 0}}})
	NewSeeder(t, p, SeederOptions{Trackers: []string{tr.URL}})
	dir := aria2(t, p.Magnet(tr.URL))
	for i, f := range p.Files {
		disk, err := os.Open(filepath.Join(dir, f.Path))
		if err != nil {
			t.Fatal(err)
		}
		defer disk.Close()
		if !p.Equal(i, disk) {
			t.Errorf("%s differs", f.Path)
		}
	}
}

func TestAForeignClientFollowsPeerExchange(t *testing.T) {
	t.Parallel()
	p := NewPayload(t, PayloadFile{Name: "x", Size: 1 << 20})
	good := NewSeeder(t, p, SeederOptions{Host: "127.0.0.3"})
	tr := NewTracker(t)
	empty := NewSeeder(t, p, SeederOptions{
		Trackers: []string{tr.URL}, Lack: []plugins.Range{{Begin: 0, End: p.NumPieces}}, Tell: []string{good.Addr()},
	})
	aria2(t, p.Magnet(tr.URL))
	if empty.Accepted() == 0 || good.Sent() == 0 {
		t.Errorf("the empty seeder had %d connections, the other sent %d bytes", empty.Accepted(), good.Sent())
	}
}

// aria2 fetches a magnet and answers the folder.
func aria2(t *testing.T, magnet string) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "aria2c", "--no-conf", "--dir="+dir, "--seed-time=0", "--enable-dht=false",
		"--bt-enable-lpd=false", "--bt-stop-timeout=30", "--listen-port=20000-40000", "--summary-interval=0", magnet)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("aria2c (Debian's aria2): %v\n%s", err, out)
	}
	return dir
}

func BenchmarkSeeder(b *testing.B) {
	p := NewPayload(b, PayloadFile{Name: "x", Size: 64 << 20})
	s := NewSeeder(b, p, SeederOptions{})
	b.SetBytes(16 << 10)
	var out []byte
	for b.Loop() {
		out = s.appendBlock(out[:0], block{3, 0, 16 << 10})
	}
}

func dial(t *testing.T, addr string, p *Payload) *Leecher {
	t.Helper()
	l, err := DialLeecher(addr, p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func announce(t *testing.T, tr *Tracker, p *Payload, event string) bencode.Dict {
	t.Helper()
	infohash, err := hex.DecodeString(string(p.Infohash))
	if err != nil {
		t.Fatal(err)
	}
	q := url.Values{"info_hash": {string(infohash)}, "port": {"7"}, "event": {event}}
	resp, err := http.Get(tr.URL + "?" + q.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	reply, _, err := bencode.Decode(body)
	if err != nil {
		t.Fatalf("%q: %v", body, err)
	}
	return reply.(bencode.Dict)
}
