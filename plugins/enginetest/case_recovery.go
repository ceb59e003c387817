package enginetest

import (
	"os"
	"path/filepath"

	"github.com/longshore-project/longshore/plugins"
)

var recoveryCases = []testCase{
	{name: "Pause ends all traffic and Resume undoes it", run: pauseAndResume},
	{name: "a torrent added paused waits", run: addPaused},
	{name: "after kill -9 verified pieces are found on disk and not fetched again", run: killed},
	{name: "after Shutdown everything is found on disk", run: shutDown},
	{name: "a removed torrent leaves its files and can be added again", run: removeAndAdd},
	{name: "bytes that changed on disk are fetched again after a crash", run: changedOnDisk},
}

func pauseAndResume(r *rig) {
	d := r.run(r.offer(wish{size: 8 << 20, rate: 8 << 20}))
	d.awaitBytes(d.TotalSize / 5)
	r.must(r.engine.Pause(r.ctx(), d.id))
	r.must(r.engine.Pause(r.ctx(), d.id))
	if !d.statistics().Paused {
		r.t.Error("statistics do not say paused")
	}
	d.awaitQuiet()
	r.must(r.engine.Resume(r.ctx(), d.id))
	r.must(r.engine.Resume(r.ctx(), d.id))
	if d.statistics().Paused {
		r.t.Error("statistics say paused")
	}
	d.awaitFinished()
	d.checkFiles()
}

// awaitQuiet waits until the peer is gone and watches that nothing comes any more.
func (d *download) awaitQuiet() {
	d.r.t.Helper()
	d.r.await("the peer is gone", func() bool { return d.seeder == nil || d.seeder.Peers() == 0 })
	sent, downloaded := d.sent(all(d)), d.downloaded()
	d.r.stays("nothing is fetched", func() bool { return d.sent(all(d)) == sent && d.downloaded() == downloaded })
	if d.seeder != nil && d.seeder.Peers() > 0 {
		d.r.t.Error("a peer is connected")
	}
}

// downloaded is nothing for a torrent that was removed.
func (d *download) downloaded() int64 {
	s, err := d.r.engine.Statistics(d.r.ctx(), d.id)
	if err != nil && plugins.EngineError(err).Code != plugins.ErrNotFound {
		d.r.t.Error(err)
	}
	return s.Downloaded
}

func addPaused(r *rig) {
	d := r.run(r.offer(wish{size: 1 << 20}), paused)
	d.awaitQuiet()
	if d.seeder != nil && d.seeder.Accepted() > 0 {
		r.t.Error("it connected")
	}
	if n := d.verifiedBytes(all(d)); n > 0 {
		r.t.Errorf("%d bytes are verified", n)
	}
	d.add()
	d.awaitFinished()
}

func killed(r *rig) {
	d := r.run(r.offer(wish{size: 16 << 20, rate: 16 << 20}))
	d.awaitBytes(d.TotalSize / 2)
	r.crash()
	before, held := d.snapshot(), r.past.accounts[d.id].told
	d.add()
	r.await("what is on disk is told as resumed", func() bool { return d.resumedBytes() >= d.bytesOf(held)*99/100 })
	d.awaitFinished()
	d.checkFiles()
	var again int64
	for i, n := range d.snapshot() {
		if held[i] > 0 {
			again += n - before[i]
		}
	}
	if again > d.TotalSize/100 {
		r.t.Errorf("%d bytes of verified pieces were fetched again", again)
	}
}

func shutDown(r *rig) {
	d := r.run(r.offer(wish{size: 4 << 20}))
	d.awaitFinished()
	r.must(r.engine.Shutdown(r.ctx()))
	d.awaitQuiet()
	r.crash()
	d.checkFoundWhole()
}

// checkFoundWhole adds a torrent that is whole on disk.
func (d *download) checkFoundWhole() {
	d.r.t.Helper()
	sent := d.sent(all(d))
	d.add()
	d.awaitFinished()
	if n := d.resumedBytes(); n != d.TotalSize {
		d.r.t.Errorf("%d bytes were found on disk, want %d", n, d.TotalSize)
	}
	if n := d.sent(all(d)) - sent; n > 0 {
		d.r.t.Errorf("%d bytes were fetched again", n)
	}
	d.checkFiles()
}

func removeAndAdd(r *rig) {
	d := r.run(r.offer(wish{size: 2 << 20, files: 2}))
	d.awaitFinished()
	r.must(r.engine.Remove(r.ctx(), d.id))
	r.must(r.engine.Remove(r.ctx(), d.id))
	_, err := r.engine.Statistics(r.ctx(), d.id)
	r.wantCode("Statistics of a removed torrent", err, plugins.ErrNotFound)
	d.awaitQuiet()
	r.listen()
	d.checkFoundWhole()
}

// changedOnDisk overwrites the middle of a file while no engine runs.
func changedOnDisk(r *rig) {
	d := r.run(r.offer(wish{size: 4 << 20}))
	d.awaitFinished()
	files, err := r.engine.Files(r.ctx(), d.id)
	r.must(err)
	r.must(r.engine.Remove(r.ctx(), d.id))
	r.crash()
	d.dropResumeData()
	disk, err := os.OpenFile(filepath.Join(d.dir, filepath.FromSlash(files[0].Path)), os.O_WRONLY, 0)
	r.must(err)
	_, err = disk.WriteAt(make([]byte, 1000), d.TotalSize/2)
	r.must(err)
	r.must(disk.Close())
	d.add()
	d.awaitFinished()
	d.checkFiles()
}

// dropResumeData leaves an engine nothing but the files to look at.
func (d *download) dropResumeData() {
	d.r.t.Helper()
	paths, err := filepath.Glob(filepath.Join(d.dir, ".longshore-*"))
	d.r.must(err)
	for _, path := range paths {
		d.r.must(os.RemoveAll(path))
	}
}

// bytesOf answers the size of the pieces that were told.
func (d *download) bytesOf(told []int) (n int64) {
	for i, times := range told {
		if times > 0 {
			n += d.PieceSize(i)
		}
	}
	return n
}

func (d *download) resumedBytes() (n int64) {
	for i, resumed := range d.account().resumed {
		if resumed {
			n += d.PieceSize(i)
		}
	}
	return n
}

// snapshot answers the bytes sent of every piece.
func (o *offer) snapshot() []int64 {
	if o.seeder == nil {
		return make([]int64, o.NumPieces)
	}
	return o.seeder.SentPieces()
}
