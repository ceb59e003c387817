package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// maxRunDir leaves room for a socket's name: unix(7) allows paths of 107 bytes.
const maxRunDir = 85

// runDir answers the folder for the engines' sockets: Dir/run, or one in the system's temporary folder
// that belongs to Dir, when that path is too long for a socket.
func runDir(dir string) (string, error) {
	run := filepath.Join(dir, "run")
	if len(run) > maxRunDir {
		sum := sha256.Sum256([]byte(dir))
		run = filepath.Join(os.TempDir(), "longshore-"+hex.EncodeToString(sum[:8]))
	}
	if err := os.MkdirAll(run, 0o700); err != nil {
		return "", err
	}
	info, err := os.Lstat(run)
	if err != nil {
		return "", err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(stat.Uid) != os.Geteuid() || info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s is not a folder of this user alone", run)
	}
	return run, nil
}
