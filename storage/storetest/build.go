package storetest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const (
	versitygwVersion = "v1.8.0"
	versitygwPackage = "github.com/versity/versitygw/cmd/versitygw"
)

// versitygw answers the server's program: $LONGSHORE_VERSITYGW, the one in PATH, or one
// built once per user into the cache folder (about 3 minutes).
func versitygw(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("LONGSHORE_VERSITYGW"); path != "" {
		return path
	}
	if path, err := exec.LookPath("versitygw"); err == nil {
		return path
	}
	path, err := buildOnce()
	if err != nil {
		t.Fatalf("storetest: no S3 server to test with: put versitygw into PATH, name it in LONGSHORE_VERSITYGW, or let this work: %v", err)
	}
	return path
}

// buildOnce holds a lock on the folder, as other packages' tests run at the same time.
func buildOnce() (path string, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "longshore-tools", "versitygw-"+versitygwVersion)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	lock, err := os.Open(dir)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	path = filepath.Join(dir, "versitygw")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	return path, build(dir)
}

// build runs outside our module, whose flags are not the server's, and moves a whole program into place.
func build(dir string) error {
	bin, err := os.MkdirTemp(dir, "build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(bin)
	cmd := exec.Command("go", "install", versitygwPackage+"@"+versitygwVersion)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOBIN="+bin, "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0", "GOOS=", "GOARCH=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return errors.Join(err, errors.New(cmd.String()), errors.New(lastLines(string(out))))
	}
	return os.Rename(filepath.Join(bin, "versitygw"), filepath.Join(dir, "versitygw"))
}

func lastLines(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}
