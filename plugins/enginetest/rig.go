package enginetest

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/longshore-project/longshore/plugins"
)

// patience is how long a condition may take to hold; only a failing test uses it up.
const patience = 60 * time.Second

// rig is one engine process under test.
type rig struct {
	t       *testing.T
	spec    plugins.Spec
	source  source
	process *plugins.Process
	engine  plugins.Engine
	record  *record // of the present event stream
	past    *record // of the process that crashed last
	count   int     // torrents made
}

func newRig(t *testing.T, open func(t *testing.T) plugins.Spec, source source) *rig {
	t.Helper()
	r := &rig{t: t, spec: open(t), source: source}
	if r.spec.RunDir == "" {
		r.spec.RunDir = shortDir(t)
	}
	if r.spec.Logger == nil {
		r.spec.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	r.launch()
	return r
}

// shortDir leaves room for a socket's name, which t.TempDir may not.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "engine")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (r *rig) launch() {
	r.t.Helper()
	p, err := plugins.Launch(r.t.Context(), r.spec)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(p.Kill)
	r.process, r.engine = p, p.Engine()
	r.listen()
}

// listen begins a new event stream.
func (r *rig) listen() {
	r.t.Helper()
	events, err := r.engine.Events(r.t.Context())
	if err != nil {
		r.t.Fatalf("Events: %v", err)
	}
	accounts := map[string]*account{}
	if r.record != nil {
		accounts = r.record.restarted()
	}
	r.record = &record{engine: r.engine, accounts: accounts, ended: make(chan struct{})}
	go r.record.follow(r.t.Context(), events)
}

// crash kills the process as kill -9 does, and launches another.
func (r *rig) crash() {
	r.t.Helper()
	r.must(syscall.Kill(r.process.Pid(), syscall.SIGKILL))
	<-r.process.Done()
	<-r.record.ended
	r.past = r.record
	for _, a := range r.past.accounts {
		a.report(r.t)
	}
	r.launch()
}

// await polls until a condition holds.
func (r *rig) await(what string, holds func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(2 * time.Millisecond) {
		if r.t.Context().Err() != nil || time.Now().After(deadline) {
			r.t.Fatalf("not within %v: %s\n%s", patience, what, r.record)
		}
		select {
		case <-r.process.Done():
			r.t.Fatalf("the engine died before: %s\n%s", what, r.record)
		default:
		}
	}
}

// holds watches a condition that must not break for a while.
func (r *rig) stays(what string, holds func() bool) {
	r.t.Helper()
	for end := time.Now().Add(500 * time.Millisecond); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if !holds() {
			r.t.Fatalf("no longer: %s\n%s", what, r.record)
		}
	}
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// wantCode fails the test when err has another code.
func (r *rig) wantCode(what string, err error, code plugins.ErrorCode) {
	r.t.Helper()
	if err == nil || plugins.EngineError(err).Code != code {
		r.t.Errorf("%s answered %v, want %s", what, err, code)
	}
}

func (r *rig) ctx() context.Context { return r.t.Context() }

// download is a torrent in the engine.
type download struct {
	*offer
	r   *rig
	id  string
	dir string
}

// start makes a torrent's folder and account. The engine hears of it by add.
func (r *rig) start(o *offer) *download {
	r.t.Helper()
	r.count++
	d := &download{offer: o, r: r, id: fmt.Sprintf("torrent%d", r.count), dir: filepath.Join(r.t.TempDir(), "torrent")}
	r.must(os.Mkdir(d.dir, 0o755))
	r.record.open(d)
	return d
}

// add gives the torrent's metainfo and peers to the engine; change may alter the request.
func (d *download) add(change ...func(*plugins.AddRequest)) {
	d.r.t.Helper()
	d.r.must(d.tryAdd(change...))
}

func (d *download) tryAdd(change ...func(*plugins.AddRequest)) error {
	req := plugins.AddRequest{ID: d.id, Dir: d.dir, Metainfo: d.metainfo, Peers: d.peers}
	for _, c := range change {
		c(&req)
	}
	return d.r.engine.Add(d.r.ctx(), req)
}

func paused(req *plugins.AddRequest) { req.Paused = true }

func selecting(files ...int) func(*plugins.AddRequest) {
	return func(req *plugins.AddRequest) { req.Selection = append([]int{}, files...) }
}

func skipping(ranges ...plugins.Range) func(*plugins.AddRequest) {
	return func(req *plugins.AddRequest) { req.Skip = ranges }
}

// run is start and add.
func (r *rig) run(o *offer, change ...func(*plugins.AddRequest)) *download {
	r.t.Helper()
	d := r.start(o)
	d.add(change...)
	return d
}

func (d *download) awaitFinished() {
	d.r.t.Helper()
	d.awaitFinishes(1)
}

// awaitFinishes waits for the n-th Finished of the stream.
func (d *download) awaitFinishes(n int) {
	d.r.t.Helper()
	d.r.await("the torrent is finished", func() bool { return d.account().finishes >= n })
	d.checkAccount()
}

func (d *download) awaitBytes(n int64) {
	d.r.t.Helper()
	d.r.await(fmt.Sprintf("%d bytes are verified", n), func() bool { return d.verifiedBytes(all(d)) >= n })
}

func (d *download) statistics() plugins.Statistics {
	d.r.t.Helper()
	s, err := d.r.engine.Statistics(d.r.ctx(), d.id)
	d.r.must(err)
	return s
}

func all(d *download) plugins.Range { return plugins.Range{Begin: 0, End: d.NumPieces} }
