package enginetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/longshore-project/longshore/plugins"
)

var peerCases = []testCase{
	{name: "what is verified is served to others", run: serves, swarm: true},
	{name: "a seeder that dials is used for metadata and files", run: dialled, swarm: true},
	{name: "a seeder that rejects requests is asked again", run: rejectingSeeder, swarm: true},
	{name: "a seeder that sends wrong bytes beside a good one spoils nothing", run: corruptSeeder, swarm: true},
	{name: "a private torrent tells no peer of others", run: privateTorrent, swarm: true},
	{name: "released pieces lose their blocks for good", needs: []plugins.Capability{plugins.CapRelease}, run: releasedBlocks},
	{name: "released pieces are neither served nor fetched again", needs: []plugins.Capability{plugins.CapRelease}, run: releasedPeers, swarm: true},
}

// trackedOffer is a swarm with a tracker, from which the engine's own address is learnt.
func trackedOffer(r *rig, spec PayloadSpec, options SeederOptions) (*offer, *Tracker) {
	r.t.Helper()
	tracker := NewTracker(r.t)
	options.Trackers = append(options.Trackers, tracker.URL)
	o := swarmOffer(r.t, MakePayload(r.t, spec), options)
	o.metainfo = o.WithTrackers(tracker.URL)
	return o, tracker
}

func single(size int64) PayloadSpec {
	return PayloadSpec{Single: true, Files: []PayloadFile{{Name: "single.bin", Size: size}}}
}

// engineAddr waits for the engine's announce.
func (d *download) engineAddr(tracker *Tracker) (addr string) {
	d.r.t.Helper()
	d.r.await("the engine announced itself", func() bool {
		for _, peer := range tracker.Peers(d.Infohash) {
			if peer.String() != d.seeder.Addr() && peer.Port() != 0 {
				addr = peer.String()
			}
		}
		return addr != ""
	})
	return addr
}

// fetch asks the engine for a piece as a peer does.
func (d *download) fetch(addr string, piece int, patience time.Duration) error {
	l, err := DialLeecher(addr, d.Payload)
	if err != nil {
		return err
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(d.r.ctx(), patience)
	defer cancel()
	return l.Fetch(ctx, piece)
}

func serves(r *rig) {
	o, tracker := trackedOffer(r, single(1<<20), SeederOptions{})
	d := r.run(o)
	d.awaitFinished()
	addr := d.engineAddr(tracker)
	for _, piece := range []int{0, d.NumPieces / 2, d.NumPieces - 1} {
		if err := d.fetch(addr, piece, patience); err != nil {
			r.t.Errorf("piece %d: %v", piece, err)
		}
	}
	r.await("it counts as uploaded", func() bool { return d.statistics().Uploaded >= 3*d.PieceLength })
}

func dialled(r *rig) {
	o, tracker := trackedOffer(r, single(1<<20), SeederOptions{})
	seeder := NewSeeder(r.t, o.Payload, SeederOptions{})
	o.seeder.Close()
	o.magnet, o.peers = o.Magnet(tracker.URL), nil
	d := r.start(o)
	d.add(func(q *plugins.AddRequest) { q.Metainfo, q.Magnet = nil, d.magnet })
	r.must(seeder.Dial(r.ctx(), d.engineAddr(tracker)))
	r.await("the metadata is told", func() bool { return d.account().info != nil })
	d.add()
	d.awaitFinished()
	d.checkFiles()
}

// rejectingSeeder rejects the first request alone, so the engine has none open after it.
func rejectingSeeder(r *rig) {
	d := r.run(swarmOffer(r.t, MakePayload(r.t, single(100_000)), SeederOptions{Reject: true}))
	d.awaitFinished()
	d.checkFiles()
}

// corruptSeeder has the bad peer on an address of its own, because engines ban by address.
func corruptSeeder(r *rig) {
	p := MakePayload(r.t, single(8<<20))
	good := NewSeeder(r.t, p, SeederOptions{Rate: 4 << 20})
	bad := NewSeeder(r.t, p, SeederOptions{Host: "127.0.0.2", Corrupt: []plugins.Range{{Begin: 0, End: p.NumPieces}}})
	d := r.run(&offer{Payload: p, metainfo: p.Torrent, peers: []string{bad.Addr(), good.Addr()}, seeder: good})
	d.awaitFinished()
	d.checkFiles()
	if bad.Sent() == 0 {
		r.t.Error("the bad seeder was not asked for anything")
	}
}

// privateTorrent has two seeders, of whom the engine must not tell each other, and one
// tells of a third that the engine must not dial (BEP 27).
func privateTorrent(r *rig) {
	p := MakePayload(r.t, PayloadSpec{Private: true, Files: []PayloadFile{{Name: "x", Size: 4 << 20}}})
	stranger := NewSeeder(r.t, p, SeederOptions{})
	first := NewSeeder(r.t, p, SeederOptions{Rate: 1 << 20, Tell: []string{stranger.Addr()}})
	second := NewSeeder(r.t, p, SeederOptions{Host: "127.0.0.2", Rate: 1 << 20})
	d := r.run(&offer{Payload: p, metainfo: p.Torrent, peers: []string{first.Addr(), second.Addr()}, seeder: first})
	d.awaitFinished()
	if stranger.Accepted() > 0 {
		r.t.Error("it dialled a peer that another peer told it")
	}
	if n := first.Heard() + second.Heard(); n > 0 {
		r.t.Errorf("it told its peers of %d others", n)
	}
	if first.Accepted() == 0 || second.Accepted() == 0 {
		r.t.Error("it did not use both peers it was given")
	}
}

// allocated answers the bytes that a file takes on disk.
func (d *download) allocated() int64 {
	d.r.t.Helper()
	files, err := d.r.engine.Files(d.r.ctx(), d.id)
	d.r.must(err)
	info, err := os.Stat(filepath.Join(d.dir, filepath.FromSlash(files[0].Path)))
	d.r.must(err)
	return info.Sys().(*syscall.Stat_t).Blocks * 512
}

func releasedBlocks(r *rig) {
	d := r.run(r.offer(wish{size: 8 << 20}))
	d.awaitFinished()
	q := quarters(d)
	before := d.allocated()
	r.must(r.engine.Release(r.ctx(), d.id, []plugins.Range{q[0], q[2]}))
	if freed, want := before-d.allocated(), d.bytes(q[0])+d.bytes(q[2]); freed < want*99/100 {
		r.t.Errorf("%d bytes were freed on disk, want %d", freed, want)
	}
	r.crash()
	d.add()
	d.awaitFinished()
	for i, span := range q {
		want := []int64{0, d.bytes(span)}[i%2]
		if n := d.verifiedBytes(span); n != want {
			r.t.Errorf("of quarter %d are %d bytes verified after a crash, want %d", i, n, want)
		}
	}
	if n := d.allocated(); n > d.TotalSize*55/100 {
		r.t.Errorf("the file takes %d bytes again", n)
	}
}

func releasedPeers(r *rig) {
	o, tracker := trackedOffer(r, single(8<<20), SeederOptions{})
	d := r.run(o)
	d.awaitFinished()
	addr := d.engineAddr(tracker)
	half := plugins.Range{Begin: 0, End: d.NumPieces / 2}
	r.must(r.engine.Release(r.ctx(), d.id, []plugins.Range{half}))
	if err := d.fetch(addr, half.Begin, time.Second); !refusedPiece(err) {
		r.t.Errorf("a released piece was served: %v", err)
	}
	if err := d.fetch(addr, half.End, patience); err != nil {
		r.t.Errorf("a piece that was kept: %v", err)
	}
	r.stays("nothing is fetched again", func() bool { return d.seeder.Sent() == d.TotalSize })
	r.crash()
	d.add()
	d.awaitFinished()
	r.stays("nothing is fetched again after a crash", func() bool { return d.seeder.Sent() == d.TotalSize })
}

// refusedPiece says that no byte came: the peer kept silent, or ended the connection.
func refusedPiece(err error) bool {
	return err != nil && !errors.Is(err, errWrongBytes)
}
