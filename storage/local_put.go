package storage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"sync"

	"github.com/longshore-project/longshore/collections"
)

// servePut takes the body of a part or of a whole object and answers its ETag.
func (l *Local) servePut(w http.ResponseWriter, r *http.Request, k link) error {
	if r.ContentLength != k.length {
		return collections.Errorf(collections.CodeForbidden, "this link takes exactly %d bytes", k.length)
	}
	s := slot{k.upload, k.part}
	if k.upload == "" {
		s = slot{id: k.key}
	}
	body := newRollingReader(w, r.Body, l.stall)
	leave, err := l.gate.enter(r.Context(), s, body.cancel)
	if err != nil {
		return err
	}
	defer leave()
	etag, err := l.write(k, body)
	body.finish(err)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", etag)
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
	return nil
}

func (l *Local) write(k link, body io.Reader) (etag string, err error) {
	if k.upload == "" {
		return l.writeObject(k, body)
	}
	u, err := l.upload(k.key, k.upload)
	if err != nil {
		return "", err
	}
	if err := u.checkPart(k.part, k.length); err != nil {
		return "", err
	}
	return u.writePart(k.part, k.length, body)
}

// writeObject puts the body into place whole. An object that is there already stays: the
// same bytes count as a repeated PUT, others are refused.
func (l *Local) writeObject(k link, body io.Reader) (etag string, err error) {
	tmp, err := os.CreateTemp(l.temporary, "put-")
	if err != nil {
		return "", err
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	if err := copyExactly(tmp, body, k.length); err != nil {
		return "", err
	}
	err = l.sameAsStored(k.key, tmp)
	if errors.Is(err, ErrNotFound) {
		err = l.store(k.key, tmp)
	}
	if err != nil {
		return "", err
	}
	info, err := l.stat(k.key)
	return info.ETag, err
}

func (l *Local) store(key string, tmp *os.File) error {
	path, err := l.path(key)
	if err != nil {
		return err
	}
	if err := tmp.Sync(); err != nil {
		return err
	}
	if err := l.place(tmp.Name(), path); err != nil {
		return err
	}
	l.markSynced(key)
	return nil
}

func (l *Local) sameAsStored(key string, tmp *os.File) error {
	stored, err := l.openFile(key)
	if err != nil {
		return err
	}
	defer stored.Close()
	if same, err := sameBytes(stored, tmp); err != nil || same {
		return err
	}
	return collections.Errorf(collections.CodeForbidden, "the object is stored with other bytes")
}

// sameBytes compares two files from their beginnings.
func sameBytes(a, b *os.File) (bool, error) {
	fa, errA := a.Stat()
	fb, errB := b.Stat()
	if err := errors.Join(errA, errB); err != nil || fa.Size() != fb.Size() {
		return false, err
	}
	cmp := &partWriter{file: a, same: true, forget: func() error { return fs.ErrExist }}
	err := copyExactly(cmp, io.NewSectionReader(b, 0, fb.Size()), fb.Size())
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	return err == nil, err
}

const bufferBytes = 256 << 10

var buffers = sync.Pool{New: func() any { return new([bufferBytes]byte) }}

// copyExactly copies length bytes through a large buffer; fewer are an error of the sender.
func copyExactly(to io.Writer, from io.Reader, length int64) error {
	buf := buffers.Get().(*[bufferBytes]byte)
	defer buffers.Put(buf)
	for left := length; left > 0; {
		chunk := buf[:min(left, bufferBytes)]
		n, err := io.ReadFull(from, chunk)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return errShort(length-left+int64(n), length)
		}
		if err != nil {
			return err
		}
		if _, err := to.Write(chunk); err != nil {
			return err
		}
		left -= int64(n)
	}
	return nil
}

func errShort(got, want int64) error {
	return &collections.Error{
		Code:    collections.CodeInvalidInput,
		Message: fmt.Sprintf("the body ended after %d of %d bytes", got, want),
		Cause:   io.ErrUnexpectedEOF,
	}
}
