// Package payload makes torrents whose bytes are computed, for tests and for the
// fake engine.
package payload

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/plugins/bencode"
)

// File is one file of a torrent to make.
type File struct {
	Name string // a path separated by "/"
	Size int64  // bytes
}

// Spec says what torrent to make.
type Spec struct {
	Name        string // of the torrent; "" is "payload"
	Files       []File
	Single      bool  // a torrent of one file in BEP 3's single-file form: its name is the file's
	PieceLength int64 // 0: a power of two from 16 KiB that makes at most about 1,000 pieces
	Private     bool  // BEP 27
	Seed        uint64
	Extra       map[string]string // further keys of the info dictionary
}

// Payload is a torrent with its bytes. They follow from the spec alone and are computed
// where they are needed, so that a large payload costs neither memory nor disk.
type Payload struct {
	*collections.Metainfo
	Torrent []byte // the .torrent without trackers
	seed    uint64
}

// Make makes a torrent.
func Make(spec Spec) (*Payload, error) {
	p := &Payload{seed: spec.seed()}
	torrent, err := spec.torrent(p)
	if err != nil {
		return nil, err
	}
	p.Torrent = torrent
	p.Metainfo, err = collections.ParseMetainfo(torrent)
	return p, err
}

func (s Spec) total() (n int64) {
	for _, f := range s.Files {
		n += f.Size
	}
	return n
}

func (s Spec) pieceLength() int64 {
	if s.PieceLength > 0 {
		return s.PieceLength
	}
	length := int64(16 << 10)
	for length*1024 < s.total() {
		length *= 2
	}
	return length
}

func (s Spec) seed() uint64 {
	h := fnv.New64a()
	for _, f := range s.Files {
		io.WriteString(h, f.Name)
		binary.Write(h, binary.LittleEndian, f.Size)
	}
	return h.Sum64() ^ s.Seed
}

func (s Spec) torrent(content io.ReaderAt) ([]byte, error) {
	info := bencode.Dict{"name": s.name(), "piece length": s.pieceLength()}
	for key, value := range s.Extra {
		info[key] = value
	}
	if s.Private {
		info["private"] = int64(1)
	}
	if s.Single {
		info["length"] = s.Files[0].Size
	} else {
		info["files"] = s.fileList()
	}
	hashes, err := hashPieces(content, s.total(), s.pieceLength())
	info["pieces"] = string(hashes)
	return collections.BuildMetainfo(bencode.Encode(info), nil, nil), err
}

func (s Spec) name() string {
	switch {
	case s.Single:
		return s.Files[0].Name
	case s.Name == "":
		return "payload"
	}
	return s.Name
}

func (s Spec) fileList() []any {
	var files []any
	for _, f := range s.Files {
		var path []any
		for component := range strings.SplitSeq(f.Name, "/") {
			path = append(path, component)
		}
		files = append(files, bencode.Dict{"length": f.Size, "path": path})
	}
	return files
}

// hashPieces answers the SHA-1 of every piece, using every core.
func hashPieces(content io.ReaderAt, total, length int64) ([]byte, error) {
	pieces := int((total + length - 1) / length)
	hashes := make([]byte, pieces*sha1.Size)
	errs := make([]error, runtime.GOMAXPROCS(0))
	var workers sync.WaitGroup
	for w := range errs {
		workers.Go(func() {
			buf := make([]byte, length)
			for i := w; i < pieces && errs[w] == nil; i += len(errs) {
				b := buf[:min(length, total-int64(i)*length)]
				_, errs[w] = content.ReadAt(b, int64(i)*length)
				sum := sha1.Sum(b)
				copy(hashes[i*sha1.Size:], sum[:])
			}
		})
	}
	workers.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return hashes, nil
}

// ReadAt reads the piece space: the files one after another.
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

// Hashes answers the SHA-256 of every file in hexadecimal digits, by MetaFile.Path.
func (p *Payload) Hashes() map[string]string {
	hashes := map[string]string{}
	for i, f := range p.Files {
		h := sha256.New()
		io.Copy(h, p.Open(i))
		hashes[f.Path] = hex.EncodeToString(h.Sum(nil))
	}
	return hashes
}

// Write puts the payload below dir as any client would have downloaded it: the file, or the folder of the torrent's name.
func (p *Payload) Write(dir string) error {
	for i, f := range p.Files {
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
		n, errA := io.ReadFull(want, a)
		m, errB := io.ReadFull(r, b)
		if !bytes.Equal(a[:n], b[:m]) || errA != errB {
			return false
		}
		if errA != nil {
			return true
		}
	}
}
