package fake

import (
	"crypto/sha1"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/longshore-project/longshore/plugins"
	"github.com/longshore-project/longshore/plugins/payload"
)

const releasedFile = ".longshore-released"

// disk is a torrent's folder.
type disk struct {
	dir     string
	payload *payload.Payload
}

func (d disk) path(file int) string {
	return filepath.Join(d.dir, filepath.FromSlash(d.payload.Files[file].DiskPath))
}

// prepare makes every folder and file.
func (d disk) prepare() error {
	for i := range d.payload.Files {
		if err := os.MkdirAll(filepath.Dir(d.path(i)), 0o755); err != nil {
			return err
		}
		f, err := os.OpenFile(d.path(i), os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		f.Close()
	}
	return nil
}

// each calls do for every file that holds bytes of the piece, with the range in the piece and where it begins in the file.
func (d disk) each(piece int, do func(file int, begin, end, at int64) error) error {
	first := int64(piece) * d.payload.PieceLength
	last := first + d.payload.PieceSize(piece)
	for i, f := range d.payload.Files {
		begin, end := max(first, f.Offset), min(last, f.Offset+f.Size)
		if begin >= end {
			continue
		}
		if err := do(i, begin-first, end-first, begin-f.Offset); err != nil {
			return err
		}
	}
	return nil
}

func (d disk) write(piece int) error {
	data := make([]byte, d.payload.PieceSize(piece))
	_, _ = d.payload.ReadAt(data, int64(piece)*d.payload.PieceLength)
	return d.each(piece, func(file int, begin, end, at int64) error {
		return d.open(file, os.O_WRONLY, func(f *os.File) error {
			_, err := f.WriteAt(data[begin:end], at)
			return err
		})
	})
}

func (d disk) open(file, flag int, do func(*os.File) error) error {
	f, err := os.OpenFile(d.path(file), flag, 0)
	if err != nil {
		return err
	}
	return errors.Join(do(f), f.Close())
}

// verify hashes every piece; what cannot be read is not there.
func (d disk) verify() []bool {
	found := make([]bool, d.payload.NumPieces)
	for i := range found {
		data := make([]byte, d.payload.PieceSize(i))
		err := d.each(i, func(file int, begin, end, at int64) error {
			return d.open(file, os.O_RDONLY, func(f *os.File) error {
				_, err := f.ReadAt(data[begin:end], at)
				return err
			})
		})
		found[i] = err == nil && sha1.Sum(data) == d.payload.PieceHash(i)
	}
	return found
}

// release punches the released pieces, and keeps account of them for the next process.
func (d disk) release(released []bool) error {
	ranges := rangesOf(len(released), func(i int) bool { return released[i] })
	account, err := json.Marshal(ranges)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(d.dir, releasedFile), account, 0o644); err != nil {
		return err
	}
	for i, gone := range released {
		if !gone {
			continue
		}
		if err := d.punch(i); err != nil {
			return err
		}
	}
	return nil
}

func (d disk) punch(piece int) error {
	return d.each(piece, func(file int, begin, end, at int64) error {
		return d.open(file, os.O_WRONLY, func(f *os.File) error {
			return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, at, end-begin)
		})
	})
}

func (d disk) released() (ranges []plugins.Range, err error) {
	account, err := os.ReadFile(filepath.Join(d.dir, releasedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return ranges, json.Unmarshal(account, &ranges)
}
