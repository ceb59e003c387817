package enginetest

import (
	"testing"

	"github.com/longshore-project/longshore/plugins"
	"github.com/longshore-project/longshore/plugins/fake"
)

// wish says what torrent a case wants that can do with any.
type wish struct {
	size  int64 // bytes
	files int   // of about the same size; 0: a single-file torrent
	rate  int64 // bytes per second at which it comes; 0 is no limit
}

// offer is a torrent that the engine under test can have.
type offer struct {
	*Payload
	metainfo []byte
	magnet   string
	peers    []string
	seeder   *Seeder // nil when a script takes the swarm's place
}

// source makes offers.
type source struct {
	scripted bool
	offer    func(t *testing.T, w wish) *offer
}

var (
	offerSwarm = source{false, func(t *testing.T, w wish) *offer {
		return swarmOffer(t, MakePayload(t, w.spec()), SeederOptions{Rate: w.rate})
	}}
	offerScript = source{true, scriptOffer}
)

func (r *rig) offer(w wish) *offer {
	r.t.Helper()
	return r.source.offer(r.t, w)
}

// spec makes files with names that disks and people find odd.
func (w wish) spec() PayloadSpec {
	names := []string{"a/b/c/deep.bin", "日本語/ファイル 😀.bin", "a/b/Icon\r", "-dash & <b>.bin", "CON", "a/back\\slash: ?*.bin"}
	if w.files == 0 {
		return PayloadSpec{Single: true, Files: []PayloadFile{{Name: "single.bin", Size: w.size}}}
	}
	var files []PayloadFile
	for i := range w.files {
		files = append(files, PayloadFile{Name: names[i], Size: w.size / int64(w.files)})
	}
	files[w.files-1].Size += w.size % int64(w.files)
	return PayloadSpec{Files: files}
}

// swarmOffer has one seeder, which is given as a peer.
func swarmOffer(t *testing.T, p *Payload, options SeederOptions) *offer {
	t.Helper()
	s := NewSeeder(t, p, options)
	return &offer{Payload: p, metainfo: p.Torrent, magnet: p.Magnet(), peers: []string{s.Addr()}, seeder: s}
}

func scriptOffer(t *testing.T, w wish) *offer {
	t.Helper()
	script := fake.Params{Mode: fake.Complete, Size: w.size, Files: w.files, Rate: w.rate}
	made, err := script.Payload()
	if err != nil {
		t.Fatal(err)
	}
	magnet, err := script.Magnet()
	if err != nil {
		t.Fatal(err)
	}
	return &offer{Payload: &Payload{Payload: made}, metainfo: made.Torrent, magnet: magnet}
}

// sent answers the bytes of payload that the seeder sent of pieces.
func (o *offer) sent(r plugins.Range) (n int64) {
	if o.seeder == nil {
		return 0
	}
	for _, bytes := range o.seeder.SentPieces()[r.Begin:r.End] {
		n += bytes
	}
	return n
}

// bytes answers the size of pieces.
func (o *offer) bytes(r plugins.Range) (n int64) {
	for i := r.Begin; i < r.End; i++ {
		n += o.PieceSize(i)
	}
	return n
}
