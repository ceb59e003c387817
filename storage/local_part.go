package storage

import (
	"bytes"
	"cmp"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/longshore-project/longshore/collections"
)

func (u *upload) parts() string { return filepath.Join(u.dir, "parts") }

// recordPath bears the whole record in its name: an empty file is there or not, never torn.
func (u *upload) recordPath(p Part) string {
	return filepath.Join(u.parts(), fmt.Sprintf("%d-%d-%s", p.Number, p.Size, p.ETag[1:len(p.ETag)-1]))
}

// recordNames answers the names in no order: a large upload has thousands.
func (u *upload) recordNames() ([]string, error) {
	dir, err := os.Open(u.parts())
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return dir.Readdirnames(-1)
}

// records answers the recorded parts by number.
func (u *upload) records() ([]Part, error) {
	names, err := u.recordNames()
	parts := make([]Part, 0, len(names))
	for _, name := range names {
		if p, ok := parseRecord(name); ok {
			parts = append(parts, p)
		}
	}
	slices.SortFunc(parts, func(a, b Part) int { return cmp.Compare(a.Number, b.Number) })
	return parts, err
}

// record answers the record of part number, nil when there is none.
func (u *upload) record(number int) (*Part, error) {
	names, err := u.recordNames()
	prefix := strconv.Itoa(number) + "-"
	for _, name := range names {
		if strings.HasPrefix(name, prefix) {
			p, _ := parseRecord(name)
			return &p, err
		}
	}
	return nil, err
}

func parseRecord(name string) (p Part, ok bool) {
	fields := strings.Split(name, "-")
	if len(fields) != 3 {
		return p, false
	}
	number, err := strconv.Atoi(fields[0])
	size, err2 := strconv.ParseInt(fields[1], 10, 64)
	return Part{Number: number, Size: size, ETag: quote(fields[2])}, err == nil && err2 == nil
}

// checkPart tells whether part number of length bytes is one of the upload's.
func (u *upload) checkPart(number int, length int64) error {
	if number >= 1 && number <= collections.PartCount(u.Size, u.PartSize) {
		if _, want := collections.PartRange(u.Size, u.PartSize, number); want == length {
			return nil
		}
	}
	return collections.Errorf(collections.CodeInvalidInput, "the upload has no part %d of %d bytes", number, length)
}

// writePart writes part number at its offset, syncs and records it, and answers its ETag.
// When body breaks off, nothing is recorded; what was recorded before stays unless body differed from it.
func (u *upload) writePart(number int, length int64, body io.Reader) (etag string, err error) {
	f, err := os.OpenFile(u.data(), os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	old, err := u.record(number)
	if err != nil {
		return "", err
	}
	offset, _ := collections.PartRange(u.Size, u.PartSize, number)
	w := &partWriter{file: f, offset: offset}
	if old != nil {
		w.same, w.forget = true, func() error { return u.forget(*old) }
	}
	sum := md5.New()
	if err := copyExactly(io.MultiWriter(sum, w), body, length); err != nil {
		return "", err
	}
	if w.same {
		return old.ETag, nil
	}
	part := Part{Number: number, Size: length, ETag: quote(hex.EncodeToString(sum.Sum(nil)))}
	if err := fdatasync(f); err != nil {
		return "", err
	}
	return part.ETag, os.WriteFile(u.recordPath(part), nil, 0o600)
}

// forget lasts before the first byte is written over: after a power loss a record must not lie.
func (u *upload) forget(p Part) error {
	if err := os.Remove(u.recordPath(p)); err != nil {
		return err
	}
	return syncDir(u.parts())
}

// partWriter writes from offset on. While same, it compares instead, so that sending a
// recorded part again cannot harm it; at the first difference the record is forgotten.
type partWriter struct {
	file   *os.File
	offset int64
	same   bool
	forget func() error
	buf    []byte
}

func (w *partWriter) Write(p []byte) (int, error) {
	if w.same && !w.equal(p) {
		w.same = false
		if err := w.forget(); err != nil {
			return 0, err
		}
	}
	if w.same {
		w.offset += int64(len(p))
		return len(p), nil
	}
	n, err := w.file.WriteAt(p, w.offset)
	w.offset += int64(n)
	return n, err
}

func (w *partWriter) equal(p []byte) bool {
	w.buf = slices.Grow(w.buf[:0], len(p))[:len(p)]
	n, err := w.file.ReadAt(w.buf, w.offset)
	return (err == nil || errors.Is(err, io.EOF)) && bytes.Equal(w.buf[:n], p)
}

func fdatasync(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var synced error
	err = raw.Control(func(fd uintptr) { synced = syscall.Fdatasync(int(fd)) })
	return errors.Join(err, os.NewSyscallError("fdatasync", synced))
}
