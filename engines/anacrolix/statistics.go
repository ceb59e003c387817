package anacrolix

import (
	"time"

	"github.com/RoaringBitmap/roaring/v2"
	lib "github.com/anacrolix/torrent"

	"github.com/longshore-project/longshore/plugins"
)

// traffic counts payload over all the times the library had the torrent, and keeps
// samples for the rates.
type traffic struct {
	down, up int64 // of earlier times
	samples  []sample
	redial   time.Time // not before this time
}

type sample struct {
	at       time.Time
	down, up int64
}

func (tr *traffic) begin() { tr.redial = time.Now().Add(redialInterval) }

func (tr *traffic) end(s lib.TorrentStats) {
	tr.down += s.BytesReadData.Int64()
	tr.up += s.BytesWrittenData.Int64()
}

func (tr *traffic) now(at time.Time, s lib.TorrentStats) sample {
	return sample{at, tr.down + s.BytesReadData.Int64(), tr.up + s.BytesWrittenData.Int64()}
}

// keep adds a sample and forgets those that are older than the window.
func (tr *traffic) keep(s sample) {
	old := 0
	for old < len(tr.samples) && s.at.Sub(tr.samples[old].at) > rateWindow {
		old++
	}
	tr.samples = append(tr.samples[old:], s)
}

// rates answers bytes per second since the oldest sample.
func (tr *traffic) rates(now sample) (down, up int64) {
	if len(tr.samples) == 0 {
		return 0, 0
	}
	first := tr.samples[0]
	seconds := now.at.Sub(first.at).Seconds()
	if seconds <= 0 {
		return 0, 0
	}
	return int64(float64(now.down-first.down) / seconds), int64(float64(now.up-first.up) / seconds)
}

func (t *torrent) stats() (s lib.TorrentStats) {
	if t.lib != nil {
		s = t.lib.Stats()
	}
	return s
}

func (t *torrent) statistics(at time.Time) plugins.Statistics {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.stats()
	now := t.traffic.now(at, s)
	down, up := t.traffic.rates(now)
	return plugins.Statistics{
		DownloadRate: down, UploadRate: up, Downloaded: now.down, Uploaded: now.up,
		Peers: s.ActivePeers, Seeds: s.ConnectedSeeders,
		Availability: t.availability(), Paused: t.paused,
	}
}

// tick samples the traffic, asks peers again that rejected requests, and tries the named
// peers again while there is no other.
func (t *torrent) tick(at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.stats()
	t.traffic.keep(t.traffic.now(at, s))
	t.askAgain()
	if t.lib != nil && s.ActivePeers+s.HalfOpenPeers == 0 && at.After(t.traffic.redial) {
		t.traffic.redial = at.Add(redialInterval)
		go dialPeers(t.ctx, t.lib, t.order.peers)
	}
}

// availability answers the pieces that a connected peer, or a webseed that has answered, has.
func (t *torrent) availability() []plugins.Range {
	n := len(t.applied)
	if t.lib == nil || n == 0 {
		return nil
	}
	for _, w := range t.lib.WebseedPeerConns() {
		if s := w.Stats(); s.BytesReadData.Int64() > 0 {
			return []plugins.Range{{Begin: 0, End: n}}
		}
	}
	all := roaring.New()
	for _, p := range t.lib.PeerConns() {
		all.Or(p.PeerPieces())
		if all.GetCardinality() >= uint64(n) {
			return []plugins.Range{{Begin: 0, End: n}}
		}
	}
	return bitmapRanges(all, n)
}

func bitmapRanges(b *roaring.Bitmap, n int) (out []plugins.Range) {
	for it := b.Iterator(); it.HasNext(); {
		i := int(it.Next())
		if i >= n {
			break
		}
		out = appendRange(out, i, i+1)
	}
	return out
}
