package payload

import (
	"crypto/sha1"
	"fmt"
	"hash/fnv"
	"io"
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
	Attr string // BEP 47: "p" for a pad file, whose bytes are zeros, "l" for a symbolic link to /etc/passwd
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

// span is a range of the piece space.
type span struct{ begin, end int64 }

func (s Spec) total() (n int64) {
	for _, f := range s.Files {
		n += f.Size
	}
	return n
}

// zeros are the places of pad files.
func (s Spec) zeros() (zeros []span) {
	var at int64
	for _, f := range s.Files {
		if f.Attr == "p" {
			zeros = append(zeros, span{at, at + f.Size})
		}
		at += f.Size
	}
	return zeros
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
	var names []byte
	for _, f := range s.Files {
		names = fmt.Appendf(names, "%s %d\n", f.Name, f.Size)
	}
	h := fnv.New64a()
	h.Write(names)
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
		file := bencode.Dict{"length": f.Size, "path": path}
		if f.Attr != "" {
			file["attr"] = f.Attr
		}
		if f.Attr == "l" {
			file["symlink path"] = []any{"etc", "passwd"}
		}
		files = append(files, file)
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
