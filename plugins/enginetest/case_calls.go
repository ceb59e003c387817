package enginetest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/plugins"
	"github.com/longshore-project/longshore/plugins/bencode"
)

var callCases = []testCase{
	{name: "it describes itself the same way every time", run: describesItself},
	{name: "calls for an unknown id answer not_found, and Remove nothing", run: unknownID},
	{name: "a request that breaks the contract is invalid and harms nobody", run: hostileRequests},
	{name: "the largest metainfo is taken", run: largestMetainfo, swarm: true},
	{name: "a later event stream ends the earlier and begins with what holds", run: laterStream},
	{name: "calls from many sides at once are all answered", run: manyCalls},
	{name: "several torrents run beside each other", run: severalTorrents},
}

var engineName = regexp.MustCompile(`^[0-9a-z-]+$`)

func describesItself(r *rig) {
	first, err := r.engine.Describe(r.ctx())
	r.must(err)
	again, err := r.engine.Describe(r.ctx())
	r.must(err)
	if !engineName.MatchString(first.Name) || first.Version == "" {
		r.t.Errorf("name %q, version %q", first.Name, first.Version)
	}
	if first.Name != again.Name || first.Version != again.Version || !slices.Equal(first.Capabilities, again.Capabilities) {
		r.t.Errorf("first %v, then %v", first, again)
	}
}

func unknownID(r *rig) {
	d, err := r.engine.Describe(r.ctx())
	r.must(err)
	const id = "nobody"
	_, err = r.engine.Files(r.ctx(), id)
	r.wantCode("Files", err, plugins.ErrNotFound)
	_, err = r.engine.Statistics(r.ctx(), id)
	r.wantCode("Statistics", err, plugins.ErrNotFound)
	r.wantCode("Pause", r.engine.Pause(r.ctx(), id), plugins.ErrNotFound)
	r.wantCode("Resume", r.engine.Resume(r.ctx(), id), plugins.ErrNotFound)
	ranges := []plugins.Range{{Begin: 0, End: 1}}
	r.wantCode("Prioritise", r.engine.Prioritise(r.ctx(), id, nil), unless(d, plugins.CapRanges))
	r.wantCode("Skip", r.engine.Skip(r.ctx(), id, ranges), unless(d, plugins.CapSkip))
	r.wantCode("Release", r.engine.Release(r.ctx(), id, ranges), unless(d, plugins.CapRelease))
	r.must(r.engine.Remove(r.ctx(), id))
}

// unless is what a call for an unknown id answers an engine that may lack the capability.
func unless(d plugins.Description, c plugins.Capability) plugins.ErrorCode {
	if d.Has(c) {
		return plugins.ErrNotFound
	}
	return plugins.ErrUnsupported
}

func hostileRequests(r *rig) {
	o := r.offer(wish{size: 100_000})
	d := r.start(o)
	for name, change := range map[string]func(*plugins.AddRequest){
		"an empty id":                 func(q *plugins.AddRequest) { q.ID = "" },
		"an id with a slash":          func(q *plugins.AddRequest) { q.ID = "a/b" },
		"an id that leads up":         func(q *plugins.AddRequest) { q.ID = ".." },
		"an id of 65 letters":         func(q *plugins.AddRequest) { q.ID = strings.Repeat("a", 65) },
		"a relative folder":           func(q *plugins.AddRequest) { q.Dir = "torrent" },
		"no folder":                   func(q *plugins.AddRequest) { q.Dir = "" },
		"a folder that leads up":      func(q *plugins.AddRequest) { q.Dir += "/../torrent" },
		"a folder that is not there":  func(q *plugins.AddRequest) { q.Dir += "/missing" },
		"neither magnet nor metainfo": func(q *plugins.AddRequest) { q.Metainfo = nil },
		"metainfo that is no bencode": func(q *plugins.AddRequest) { q.Metainfo = []byte("d4:info") },
		"metainfo without info":       func(q *plugins.AddRequest) { q.Metainfo = []byte("de") },
		"metainfo nested 3,000,000 deep": func(q *plugins.AddRequest) {
			q.Metainfo = []byte("d4:info" + strings.Repeat("l", 3_000_000))
		},
		"a magnet that is none":  func(q *plugins.AddRequest) { q.Metainfo, q.Magnet = nil, "http://127.0.0.1/" },
		"a magnet without topic": func(q *plugins.AddRequest) { q.Metainfo, q.Magnet = nil, "magnet:?dn=x" },
	} {
		r.wantCode(name, d.tryAdd(change), plugins.ErrInvalid)
	}
	entries, err := os.ReadDir(d.dir)
	if err != nil || len(entries) > 0 {
		r.t.Errorf("a refused request left %v, %v", entries, err)
	}
	d.add()
	d.awaitFinished()
}

// largestMetainfo is 16 MiB, as a swarm's metadata may be, without a peer.
func largestMetainfo(r *rig) {
	const pieces, length = 20_000, 16 << 10
	info := bencode.Encode(bencode.Dict{
		"name": "large", "length": int64(pieces * length), "piece length": int64(length),
		"pieces": strings.Repeat("01234567890123456789", pieces), "x.filler": strings.Repeat("x", 16<<20-pieces*20-1000),
	})
	metainfo := collections.BuildMetainfo(info, nil, nil)
	dir := filepath.Join(r.t.TempDir(), "torrent")
	r.must(os.Mkdir(dir, 0o755))
	r.must(r.engine.Add(r.ctx(), plugins.AddRequest{ID: "large", Dir: dir, Metainfo: metainfo}))
	files, err := r.engine.Files(r.ctx(), "large")
	if err != nil || len(files) != 1 || files[0].Size != pieces*length {
		r.t.Errorf("Files answered %v, %v", files, err)
	}
	r.must(r.engine.Remove(r.ctx(), "large"))
}

func laterStream(r *rig) {
	d := r.run(r.offer(wish{size: 1 << 20}))
	d.awaitFinished()
	earlier := r.record
	r.listen()
	d.awaitFinished()
	if n := d.verifiedBytes(all(d)); n != d.TotalSize {
		r.t.Errorf("the later stream tells %d verified bytes of %d", n, d.TotalSize)
	}
	r.await("the earlier stream ended", func() bool {
		select {
		case <-earlier.ended:
			return true
		default:
			return false
		}
	})
}

func manyCalls(r *rig) {
	d := r.run(r.offer(wish{size: 4 << 20}))
	description, err := r.engine.Describe(r.ctx())
	r.must(err)
	calls := []func() error{
		func() error { return r.engine.Pause(r.ctx(), d.id) },
		func() error { return r.engine.Resume(r.ctx(), d.id) },
		func() error { _, err := r.engine.Statistics(r.ctx(), d.id); return err },
		func() error { _, err := r.engine.Files(r.ctx(), d.id); return err },
		func() error { return d.tryAdd() },
	}
	if description.Has(plugins.CapRanges) {
		calls = append(calls, func() error {
			return r.engine.Prioritise(r.ctx(), d.id, []plugins.PriorityRange{{Range: all(d), Priority: plugins.PriorityHigh}})
		})
	}
	var callers sync.WaitGroup
	for i := range 60 {
		callers.Go(func() {
			if err := calls[i%len(calls)](); err != nil {
				r.t.Error(err)
			}
		})
	}
	callers.Wait()
	r.must(r.engine.Resume(r.ctx(), d.id))
	d.awaitFinished()
}

func severalTorrents(r *rig) {
	var downloads []*download
	for i := range 5 {
		downloads = append(downloads, r.run(r.offer(wish{size: int64(i)*300_000 + 1})))
	}
	for _, d := range downloads {
		d.awaitFinished()
		d.checkFiles()
	}
}
