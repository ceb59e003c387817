package agent

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"sort"
	"syscall"

	"github.com/longshore-project/longshore/collections"
)

// pieceReader reads pieces as they lie in a torrent's files; pad files are zeros (BEP 47).
type pieceReader struct {
	meta     *collections.Metainfo
	root     *os.Root
	paths    []string
	selected map[int]bool
	file     *os.File // the last one read
	index    int
	buffer   []byte
}

// verify reads a piece and holds it against its hash.
func (r *pieceReader) verify(piece int) error {
	sum := sha1.New()
	offset := int64(piece) * r.meta.PieceLength
	end := offset + r.meta.PieceSize(piece)
	files := r.meta.Files
	i := sort.Search(len(files), func(i int) bool { return files[i].Offset+files[i].Size > offset })
	for ; offset < end; i++ {
		f := &files[i]
		n := min(f.Offset+f.Size, end) - offset
		if err := r.copy(sum, f, offset-f.Offset, n); err != nil {
			return err
		}
		offset += n
	}
	if [sha1.Size]byte(sum.Sum(nil)) != r.meta.PieceHash(piece) {
		return errWrongBytes
	}
	return nil
}

// copy hashes n bytes of a file from offset on.
func (r *pieceReader) copy(sum hash.Hash, f *collections.MetaFile, offset, n int64) error {
	if n == 0 {
		return nil
	}
	if r.buffer == nil {
		r.buffer = make([]byte, 128<<10)
	}
	var from io.Reader = zeros{}
	if !f.Pad {
		file, err := r.open(f.Index)
		if err != nil {
			return err
		}
		from = io.NewSectionReader(file, offset, n)
	}
	_, err := io.CopyBuffer(sum, io.LimitReader(from, n), r.buffer)
	return err
}

func (r *pieceReader) open(index int) (*os.File, error) {
	if r.file != nil && r.index == index {
		return r.file, nil
	}
	r.close()
	file, err := openRegular(r.root, r.paths[index])
	if errors.Is(err, fs.ErrNotExist) && !r.selected[index] {
		return nil, errUnselected
	}
	if err != nil {
		return nil, err
	}
	r.file, r.index = file, index
	return file, nil
}

func (r *pieceReader) close() {
	if r.file != nil {
		r.file.Close()
		r.file = nil
	}
}

// openRegular opens a file that an engine wrote; it never leaves root, nor waits on a pipe.
func openRegular(root *os.Root, path string) (*os.File, error) {
	if path == "" {
		return nil, fs.ErrNotExist
	}
	file, err := root.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		file.Close()
		return nil, errors.Join(err, fmt.Errorf("%s is no regular file", path))
	}
	return file, nil
}

// zeros is an endless reader of them.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
