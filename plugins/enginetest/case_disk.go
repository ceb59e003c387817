package enginetest

import (
	"os"
	"path/filepath"
	"syscall"

	"github.com/longshore-project/longshore/plugins"
)

var diskCases = []testCase{
	{name: "a full disk is told, and healed when space returns", run: fullDisk, swarm: true, root: true},
	{name: "a full disk stops no other torrent", run: fullDiskBesideAnother, swarm: true, root: true},
}

// smallDisk mounts a tmpfs; grow gives it more space.
func (r *rig) smallDisk(size string) (dir string, grow func(size string)) {
	r.t.Helper()
	mount := filepath.Join(r.t.TempDir(), "disk")
	r.must(os.Mkdir(mount, 0o755))
	r.must(syscall.Mount("tmpfs", mount, "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, "size="+size))
	r.t.Cleanup(func() {
		r.process.Kill()
		if err := syscall.Unmount(mount, syscall.MNT_DETACH); err != nil {
			r.t.Error(err)
		}
	})
	dir = filepath.Join(mount, "torrent")
	r.must(os.Mkdir(dir, 0o755))
	return dir, func(size string) {
		r.t.Helper()
		r.must(syscall.Mount("tmpfs", mount, "tmpfs", syscall.MS_REMOUNT, "size="+size))
	}
}

func (d *download) awaitFull() {
	d.r.t.Helper()
	d.r.await("the full disk is told", func() bool {
		failure := d.account().failure
		return failure != nil && failure.Code == plugins.ErrDiskFull
	})
}

func fullDisk(r *rig) {
	d := r.start(r.offer(wish{size: 16 << 20}))
	var grow func(string)
	d.dir, grow = r.smallDisk("6m")
	d.add()
	d.awaitFull()
	r.stays("it is told once", func() bool { return d.account().failures == 1 })
	grow("64m")
	d.awaitFinished()
	d.checkFiles()
	if a := d.account(); a.healed == 0 || a.failure != nil {
		r.t.Errorf("healed %d times, error %v", a.healed, a.failure)
	}
}

func fullDiskBesideAnother(r *rig) {
	full := r.start(r.offer(wish{size: 16 << 20}))
	full.dir, _ = r.smallDisk("6m")
	full.add()
	full.awaitFull()
	other := r.run(r.offer(wish{size: 2<<20 + 1}))
	other.awaitFinished()
	other.checkFiles()
	if _, err := r.engine.Statistics(r.ctx(), full.id); err != nil {
		r.t.Error(err)
	}
	r.must(r.engine.Remove(r.ctx(), full.id))
}
