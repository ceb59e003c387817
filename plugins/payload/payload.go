// Package payload makes torrents whose bytes are computed, for tests and for the
// fake engine.
package payload

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/longshore-project/longshore/collections"
)

// Payload is a torrent with its bytes. They follow from the spec alone and are computed
// where they are needed, so that a large payload costs neither memory nor disk.
type Payload struct {
	*collections.Metainfo
	Torrent []byte // the .torrent without trackers
	seed    uint64
	zeros   []span
}

// Make makes a torrent.
func Make(spec Spec) (*Payload, error) {
	p := &Payload{seed: spec.seed(), zeros: spec.zeros()}
	torrent, err := spec.torrent(p)
	if err != nil {
		return nil, err
	}
	p.Torrent = torrent
	p.Metainfo, err = collections.ParseMetainfo(torrent)
	return p, err
}

// ReadAt reads the piece space, the files one after another. It never fails.
func (p *Payload) ReadAt(b []byte, off int64) (int, error) {
	for n := 0; n < len(b); {
		var word [8]byte
		at := off + int64(n)
		if at%8 == 0 && len(b)-n >= 8 {
			binary.LittleEndian.PutUint64(b[n:], p.word(at/8))
			n += 8
			continue
		}
		binary.LittleEndian.PutUint64(word[:], p.word(at/8))
		n += copy(b[n:], word[at%8:])
	}
	for _, z := range p.zeros {
		if begin, end := max(z.begin-off, 0), min(z.end-off, int64(len(b))); begin < end {
			clear(b[begin:end])
		}
	}
	return len(b), nil
}

// word is SplitMix64 (Steele, Lea, Flood 2014) of the i-th state.
func (p *Payload) word(i int64) uint64 {
	z := p.seed + uint64(i+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Magnet answers a magnet link with the payload's infohash and name.
func (p *Payload) Magnet(trackers ...string) string {
	return (&collections.Magnet{Infohash: p.Infohash, Name: p.Name, Trackers: trackers}).String()
}

// WithTrackers answers the .torrent with trackers.
func (p *Payload) WithTrackers(trackers ...string) []byte {
	return collections.BuildMetainfo(p.InfoBytes, trackers, nil)
}

// Open reads the bytes of file i.
func (p *Payload) Open(i int) *io.SectionReader {
	return io.NewSectionReader(p, p.Files[i].Offset, p.Files[i].Size)
}

// Hashes answers the SHA-256 of every file that has content of its own, in hexadecimal digits, by MetaFile.Path.
func (p *Payload) Hashes() map[string]string {
	hashes := map[string]string{}
	for i, f := range p.Files {
		if !f.Wanted() {
			continue
		}
		h := sha256.New()
		_, _ = io.Copy(h, p.Open(i))
		hashes[f.Path] = hex.EncodeToString(h.Sum(nil))
	}
	return hashes
}

// Write puts the payload below dir as any client would have downloaded it: the file, or the folder of the torrent's name.
func (p *Payload) Write(dir string) error {
	for i, f := range p.Files {
		if !f.Wanted() {
			continue
		}
		if err := writeFile(filepath.Join(dir, filepath.FromSlash(f.Path)), p.Open(i)); err != nil {
			return err
		}
	}
	return nil
}

func writeFile(path string, content io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(f, content)
	return err
}

// Equal says whether r holds the bytes of file i and nothing more.
func (p *Payload) Equal(i int, r io.Reader) bool {
	want := p.Open(i)
	a, b := make([]byte, 256<<10), make([]byte, 256<<10)
	for {
		n, end := io.ReadFull(want, a)
		m, err := io.ReadFull(r, b)
		if !bytes.Equal(a[:n], b[:m]) || !errors.Is(err, end) {
			return false
		}
		if end != nil {
			return true
		}
	}
}
