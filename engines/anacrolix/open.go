package anacrolix

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"

	"golang.org/x/sys/unix"
)

func (s *files) openFile(file int, write bool) (*os.File, error) {
	name := s.layout.Files[file].DiskPath
	if !write {
		f, _, err := s.openRegular(name, os.O_RDONLY)
		return f, err
	}
	if err := s.makeParents(name); err != nil {
		return nil, err
	}
	f, info, err := s.openRegular(name, os.O_RDWR|os.O_CREATE)
	if errors.Is(err, fs.ErrPermission) {
		f, info, err = s.openRegular(name, os.O_RDONLY)
	}
	if err != nil {
		return nil, err
	}
	if isShared(info) {
		f, err = s.separate(name, f)
		if err != nil {
			return nil, err
		}
	}
	if info.Size() != s.layout.Files[file].Size {
		err = f.Truncate(s.layout.Files[file].Size)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// openRegular does not block on a FIFO, and refuses it and all else that is no regular file.
func (s *files) openRegular(name string, flag int) (*os.File, fs.FileInfo, error) {
	f, err := s.root.OpenFile(name, flag|unix.O_NONBLOCK, 0o644)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s %w", name, errNotRegular)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

func (s *files) makeParents(name string) error {
	dir := path.Dir(name)
	if dir == "." || s.dirs[dir] {
		return nil
	}
	if err := s.root.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	s.dirs[dir] = true
	return nil
}

// separate gives name a copy of its own, so that writing does not reach whoever shares the
// old one, and answers it open for writing. It closes old.
func (s *files) separate(name string, old *os.File) (*os.File, error) {
	defer old.Close()
	temp := path.Join(path.Dir(name), ".longshore-copy")
	if err := s.root.Remove(temp); ignoreMissing(err) != nil {
		return nil, err
	}
	f, err := s.root.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	if _, err = io.Copy(f, old); err == nil {
		err = s.root.Rename(temp, name)
	}
	if err != nil {
		f.Close()
		return nil, errors.Join(err, s.root.Remove(temp))
	}
	return f, nil
}

func isShared(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return info.Mode()&0o200 == 0 || ok && stat.Nlink > 1
}

// ignoreMissing answers nil when a file is not there, or not as long as it will be.
func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
