package enginetest

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/longshore-project/longshore/plugins"
)

var downloadCases = []testCase{
	{name: "a single file arrives whole", run: singleFile},
	{name: "a tree with nested folders and odd names arrives whole", run: oddTree},
	{name: "an empty file, a pad file and a symbolic link are what they should be", run: oddEntries, swarm: true},
	{name: "a torrent of one byte arrives", run: oneByte},
	{name: "a magnet tells its metadata and writes nothing before metainfo is added", run: magnetFirst},
	{name: "Add again changes nothing", run: addAgain},
	{name: "statistics tell what was fetched", run: tellsStatistics},
	{name: "peers of a tracker are found", run: trackerPeers, swarm: true},
}

func singleFile(r *rig) {
	d := r.run(r.offer(wish{size: 5<<20 + 3}))
	d.awaitFinished()
	d.checkFiles()
	if n := d.verifiedBytes(all(d)); n != d.TotalSize {
		r.t.Errorf("%d bytes were told verified, want %d", n, d.TotalSize)
	}
}

func oddTree(r *rig) {
	d := r.run(r.offer(wish{size: 3<<20 + 7, files: 6}))
	d.awaitFinished()
	d.checkFiles()
}

func oddEntries(r *rig) {
	p := MakePayload(r.t, PayloadSpec{PieceLength: 1 << 17, Files: []PayloadFile{
		{Name: "empty"}, {Name: "a.bin", Size: 100_000}, {Name: ".pad/31072", Size: 31_072, Attr: "p"},
		{Name: "link", Attr: "l"}, {Name: "b/empty too"}, {Name: "b/b.bin", Size: 70_000},
	}})
	d := r.run(swarmOffer(r.t, p, SeederOptions{}))
	d.awaitFinished()
	d.checkFiles()
}

func oneByte(r *rig) {
	d := r.run(r.offer(wish{size: 1}))
	d.awaitFinished()
	d.checkFiles()
}

func magnetFirst(r *rig) {
	d := r.start(r.offer(wish{size: 2 << 20, files: 2}))
	magnet := func(q *plugins.AddRequest) { q.Metainfo, q.Magnet = nil, d.magnet }
	d.add(magnet)
	r.await("the metadata is told", func() bool { return d.account().info != nil })
	if got := d.account().info; string(got) != string(d.InfoBytes) {
		r.t.Fatalf("the metadata has %d bytes and is another; want %d", len(got), len(d.InfoBytes))
	}
	_, err := r.engine.Files(r.ctx(), d.id)
	r.wantCode("Files before metainfo", err, plugins.ErrNotFound)
	d.add(magnet)
	r.stays("nothing is fetched or written", func() bool {
		entries, err := os.ReadDir(d.dir)
		return err == nil && len(entries) == 0 && d.sent(all(d)) == 0
	})
	d.add()
	d.awaitFinished()
	d.checkFiles()
}

func addAgain(r *rig) {
	d := r.run(r.offer(wish{size: 4 << 20, rate: 8 << 20}))
	d.awaitBytes(d.TotalSize / 4)
	d.add()
	d.awaitFinished()
	d.add()
	r.stays("nothing is fetched again", func() bool { return d.sent(all(d)) <= d.TotalSize+d.TotalSize/100 })
	d.checkAccount()
	d.checkFiles()
}

func tellsStatistics(r *rig) {
	d := r.run(r.offer(wish{size: 2 << 20, rate: 1 << 20}))
	d.awaitBytes(d.TotalSize / 4)
	r.await("the rate is above nothing", func() bool { return d.statistics().DownloadRate > 0 })
	s := d.statistics()
	if s.Peers != 1 || s.Seeds != 1 || s.Paused {
		r.t.Errorf("while it runs: %+v", s)
	}
	if len(s.Availability) != 1 || s.Availability[0] != all(d) {
		r.t.Errorf("a seed has everything; availability is %v", s.Availability)
	}
	d.awaitFinished()
	r.await("all bytes count as downloaded", func() bool { return d.statistics().Downloaded >= d.TotalSize })
	if n := d.statistics().Downloaded; n > d.TotalSize+d.TotalSize/10 {
		r.t.Errorf("%d bytes count as downloaded of %d", n, d.TotalSize)
	}
}

func trackerPeers(r *rig) {
	tracker := NewTracker(r.t)
	p := NewPayload(r.t, PayloadFile{Name: "x", Size: 1 << 20})
	o := swarmOffer(r.t, p, SeederOptions{Trackers: []string{tracker.URL}})
	o.metainfo, o.magnet, o.peers = p.WithTrackers(tracker.URL), p.Magnet(tracker.URL), nil
	d := r.start(o)
	d.add(func(q *plugins.AddRequest) { q.Metainfo, q.Magnet = nil, d.magnet })
	r.await("the metadata is told", func() bool { return d.account().info != nil })
	d.add()
	d.awaitFinished()
	d.checkFiles()
}

// checkFiles compares every file with the payload, and looks for what does not belong below the folder.
func (d *download) checkFiles() {
	d.r.t.Helper()
	files, err := d.r.engine.Files(d.r.ctx(), d.id)
	d.r.must(err)
	if len(files) != len(d.Files) {
		d.r.t.Fatalf("Files answered %d of %d files", len(files), len(d.Files))
	}
	known := map[string]bool{}
	for i, f := range files {
		if f.Index != i || f.Size != d.Files[i].Size || (f.Path == "") == d.Files[i].Wanted() {
			d.r.t.Errorf("file %d of %+v is told as %+v", i, d.Files[i], f)
		}
		if f.Path == "" {
			continue
		}
		if known[f.Path] {
			d.r.t.Errorf("two files are told to lie at %s", f.Path)
		}
		known[f.Path] = true
		d.checkFile(i, f.Path)
	}
	d.checkFolder(known)
}

func (d *download) checkFile(i int, path string) {
	d.r.t.Helper()
	if !filepath.IsLocal(filepath.FromSlash(path)) {
		d.r.t.Fatalf("file %d lies outside: %s", i, path)
	}
	disk, err := os.Open(filepath.Join(d.dir, filepath.FromSlash(path)))
	if err != nil {
		d.r.t.Error(err)
		return
	}
	defer disk.Close()
	if !d.Equal(i, disk) {
		d.r.t.Errorf("%s differs from the payload", path)
	}
}

// checkFolder fails the test for all but folders, the torrent's own regular files, and resume data.
func (d *download) checkFolder(known map[string]bool) {
	d.r.t.Helper()
	err := filepath.WalkDir(d.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(d.dir, path)
		mine := known[filepath.ToSlash(name)] || strings.HasPrefix(e.Name(), ".longshore-")
		if !e.IsDir() && (!e.Type().IsRegular() || !mine) {
			d.r.t.Errorf("the folder holds %s (%v)", name, e.Type())
		}
		return nil
	})
	d.r.must(err)
	beside, err := os.ReadDir(filepath.Dir(d.dir))
	if err != nil || len(beside) != 1 {
		d.r.t.Errorf("beside the folder lie %v, %v", beside, err)
	}
}
