package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	objectMode = 0o444
	placeTries = 3 // Tidy may remove an empty folder in between
)

// makeDir makes dir below the objects, and what it lies in, for good.
func (l *Local) makeDir(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) && dir != l.objects {
		if err := l.makeDir(filepath.Dir(dir)); err != nil {
			return err
		}
		return l.makeDir(dir)
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

// place moves the finished, synced file at from to the object's path, in one step and for good.
func (l *Local) place(from, path string) (err error) {
	if err := os.Chmod(from, objectMode); err != nil {
		return err
	}
	for range placeTries {
		if err := l.makeDir(filepath.Dir(path)); err != nil {
			return err
		}
		if err = os.Rename(from, path); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error { return syncPath(dir) }

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// writeSynced writes a file that is whole after a power loss.
func writeSynced(path string, body []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	return errors.Join(err, f.Sync(), f.Close())
}

func fileETag(fi fs.FileInfo) string {
	return fmt.Sprintf(`"%x-%x"`, fi.Size(), fi.ModTime().UnixNano())
}

// fileInfo takes the time of the inode's last change for the object's: the modification time
// of a linked file is that of its download.
func fileInfo(key string, fi fs.FileInfo) Info {
	info := Info{Key: key, Size: fi.Size(), ETag: fileETag(fi), Modified: fi.ModTime()}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		info.Modified = time.Unix(st.Ctim.Unix())
	}
	return info
}

// noObject translates a missing file into ErrNotFound.
func noObject(key string, err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return fmt.Errorf("%w: %s", ErrNotFound, key)
	}
	return err
}

func diskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
