package anacrolix

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/longshore-project/longshore/plugins"
	"github.com/longshore-project/longshore/plugins/enginetest"
)

const inNamespace = "ANACROLIX_TEST_NAMESPACE"

// alone runs the calling test in a mount namespace of its own, so that it may mount, and
// answers true there. Elsewhere it waits for that run and answers false.
func alone(t *testing.T) bool {
	t.Helper()
	if os.Getenv(inNamespace) != "" {
		return true
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return false
}

// tinyDisk answers a folder on a file system of that many bytes.
func tinyDisk(t *testing.T, options string) string {
	t.Helper()
	must(t, unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""))
	dir := t.TempDir()
	must(t, unix.Mount("tmpfs", dir, "tmpfs", 0, options))
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

func TestFullDiskStopsDownloadingAndHealsByItself(t *testing.T) {
	if !alone(t) {
		return
	}
	for name, budget := range map[string]int64{"pieces in memory": 0, "chunks straight to the files": 1} {
		t.Run(name, func(t *testing.T) {
			dir := tinyDisk(t, "size=6m")
			ballast := filepath.Join(dir, "ballast")
			must(t, os.WriteFile(ballast, make([]byte, 3<<20), 0o600))
			p := enginetest.MakePayload(t, enginetest.PayloadSpec{PieceLength: 64 << 10, Single: true, Files: []enginetest.PayloadFile{{Name: "x", Size: 5 << 20}}})
			s := enginetest.NewSeeder(t, p, enginetest.SeederOptions{})
			e := newEngine(t, func(c *Config) { c.MemoryBudget = budget })
			w := watch(t, e)
			must(t, e.Add(t.Context(), plugins.AddRequest{ID: "j", Dir: dir, Metainfo: p.Torrent, Peers: []string{s.Addr()}}))
			await(t, "an error", func() bool { return kindsHave(w.kinds("j"), plugins.EventError) })
			await(t, "quiet", quiet(s))
			if n := w.count("j"); n == 0 || n > 3<<20/(64<<10) {
				t.Errorf("%d pieces are said to be written", n)
			}
			before, had := s.Requested(), w.pieces("j")
			late := watch(t, e)
			await(t, "the error in a new stream", func() bool { return kindsHave(late.kinds("j"), plugins.EventError) })
			must(t, os.Remove(ballast))
			late.awaitFinished(t, "j")
			wantFile(t, p, dir, 0)
			if !kindsHave(late.kinds("j"), plugins.EventHealed) {
				t.Error("there was no healed event")
			}
			for i, n := range s.Requested() {
				if had[i] && n != before[i] {
					t.Errorf("piece %d was verified before the disk was full and fetched again", i)
				}
			}
			for _, ev := range w.events["j"] {
				if ev.Kind == plugins.EventError && ev.Err.Code != plugins.ErrDiskFull {
					t.Errorf("the error is %+v", ev.Err)
				}
			}
		})
	}
}

func kindsHave(kinds []plugins.EventKind, k plugins.EventKind) bool {
	for _, have := range kinds {
		if have == k {
			return true
		}
	}
	return false
}

// quiet holds when the seeder has sent nothing over 20 looks.
func quiet(s *enginetest.Seeder) func() bool {
	last, same := int64(-1), 0
	return func() bool {
		now := s.Sent()
		if now == last {
			same++
		} else {
			last, same = now, 0
		}
		return same > 20
	}
}
