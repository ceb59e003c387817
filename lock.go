package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// lockFolder takes the folder for this process; a second serve on it is refused.
// Commands beside serve do not take it: SQLite orders their writes. The lock is one of
// the open file description (fcntl(2)), so that isServing can ask without taking it.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(lockFile(dir), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return nil, fmt.Errorf("another serve runs on the folder %s", dir)
	}
	return nil, fmt.Errorf("lock %s: %w", lockFile(dir), err)
}

// isServing says whether some process holds the folder.
func isServing(dir string) (bool, error) {
	f, err := os.Open(lockFile(dir))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	held := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &held); err != nil {
		return false, err
	}
	return held.Type != unix.F_UNLCK, nil
}

func lockFile(dir string) string { return filepath.Join(dir, "longshore.lock") }

func localStoreDir(dir string) string { return filepath.Join(dir, "store") }

func agentsURLFile(dir string) string { return filepath.Join(dir, "agents.url") }
