package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Put writes an object, replacing one of the same key. The local kind keeps no Meta.
func (l *Local) Put(_ context.Context, key string, body []byte, _ Meta) (Info, error) {
	path, err := l.path(key)
	if err != nil {
		return Info{}, err
	}
	tmp, err := os.CreateTemp(l.temporary, "put-")
	if err != nil {
		return Info{}, err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(body)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return Info{}, err
	}
	if err := l.place(tmp.Name(), path); err != nil {
		return Info{}, err
	}
	return l.stat(key)
}

// Head syncs file and folder unless a PUT of this process just did: a linked file has
// never been synced.
func (l *Local) Head(_ context.Context, key string) (Info, error) {
	info, err := l.stat(key)
	if err != nil || l.takeSynced(key) {
		return info, err
	}
	path, _ := l.path(key)
	err = errors.Join(syncPath(path), syncDir(filepath.Dir(path)))
	return info, noObject(key, err)
}

func (l *Local) stat(key string) (Info, error) {
	path, err := l.path(key)
	if err != nil {
		return Info{}, err
	}
	fi, err := os.Lstat(path)
	if err != nil {
		return Info{}, noObject(key, err)
	}
	if !fi.Mode().IsRegular() {
		return Info{}, fmt.Errorf("%w: %s is no file", ErrNotFound, key)
	}
	return fileInfo(key, fi), nil
}

const maxSynced = 100_000

func (l *Local) markSynced(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.synced) >= maxSynced { // PUTs that nobody asked about
		clear(l.synced)
	}
	l.synced[key] = true
}

func (l *Local) takeSynced(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := l.synced[key]
	delete(l.synced, key)
	return found
}

// Open opens the file.
func (l *Local) Open(_ context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	f, err := l.openFile(key)
	if err != nil {
		return nil, err
	}
	if length < 0 {
		length = math.MaxInt64 - offset
	}
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(f, offset, length), f}, nil
}

func (l *Local) openFile(key string) (*os.File, error) {
	path, err := l.path(key)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, noObject(key, err)
	}
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("%w: %s is no file", ErrNotFound, key), err, f.Close())
	}
	return f, nil
}

// Delete leaves the folder to Tidy: a link to it may be on its way.
func (l *Local) Delete(_ context.Context, key string) error {
	path, err := l.path(key)
	if err != nil {
		return err
	}
	if err := noObject(key, os.Remove(path)); !errors.Is(err, ErrNotFound) {
		return err
	}
	return nil
}

// List walks the folders.
func (l *Local) List(ctx context.Context, prefix string, fn func(Info) error) error {
	return filepath.WalkDir(l.objects, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path != l.objects { // deleted meanwhile
			return nil
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		key, _ := filepath.Rel(l.objects, path)
		if d.IsDir() {
			return skipUnless(path == l.objects || onWay(key, prefix))
		}
		if !strings.HasPrefix(key, prefix) || checkKey(key) != nil || !d.Type().IsRegular() {
			return nil
		}
		switch fi, err := d.Info(); {
		case err == nil:
			return fn(fileInfo(key, fi))
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
		return nil
	})
}

// onWay tells whether keys that begin with prefix may lie in folder dir.
func onWay(dir, prefix string) bool {
	dir += "/"
	return strings.HasPrefix(dir, prefix) || strings.HasPrefix(prefix, dir)
}

func skipUnless(enter bool) error {
	if enter {
		return nil
	}
	return fs.SkipDir
}
