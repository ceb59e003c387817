package plugins

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

var swept struct {
	sync.Mutex
	dirs map[string]error
}

// sweepOnce removes what an earlier host left in runDir, once in this program's life.
func sweepOnce(ctx context.Context, runDir string, logger *slog.Logger) error {
	swept.Lock()
	defer swept.Unlock()
	if err, ok := swept.dirs[runDir]; ok {
		return err
	}
	if swept.dirs == nil {
		swept.dirs = map[string]error{}
	}
	swept.dirs[runDir] = sweep(ctx, runDir, logger)
	return swept.dirs[runDir]
}

func sweep(ctx context.Context, runDir string, logger *slog.Logger) error {
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return err
	}
	for _, path := range environs {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err == nil && pid != os.Getpid() && killOurs(pid, runDir) {
			logger.Warn("killed an engine that an earlier host left", "pid", pid)
		}
	}
	return sweepSockets(ctx, runDir)
}

// killOurs kills pid when its environment says that it is an engine of runDir. The environment is
// read after the pidfd was opened, so the pid cannot have come to name another process in between.
func killOurs(pid int, runDir string) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return false
	}
	defer func() { _ = unix.Close(fd) }()
	environ, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil || !isEngineOf(environ, runDir) {
		return false
	}
	return unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0) == nil
}

func isEngineOf(environ []byte, runDir string) bool {
	var cookie, dir bool
	for entry := range bytes.SplitSeq(environ, []byte{0}) {
		cookie = cookie || string(entry) == cookieKey+"="+cookieValue
		dir = dir || string(entry) == socketDir+"="+runDir
	}
	return cookie && dir
}

// sweepSockets removes sockets nobody listens on, and go-plugin's empty folders.
func sweepSockets(ctx context.Context, runDir string) error {
	entries, err := os.ReadDir(runDir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(runDir, e.Name())
		switch {
		case e.Type() == os.ModeSocket && refused(ctx, path):
			_ = os.Remove(path)
		case e.IsDir():
			_ = syscall.Rmdir(path)
		}
	}
	return nil
}

func refused(ctx context.Context, socket string) bool {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
	if err == nil {
		_ = conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}
