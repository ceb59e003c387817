package dispatch_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/api"
	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/dispatch"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/hooks/hookstest"
	"github.com/longshore-project/longshore/progress"
	"github.com/longshore-project/longshore/storage"
)

// clock is the time of a test; it moves by hand.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) Advance(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(by)
}

// rig is a control plane on a real database and a real local store, with the agents' routes on a listener.
type rig struct {
	*dispatch.Dispatcher
	t       testing.TB
	app     core.App
	user    *core.Record
	clock   *clock
	store   *storage.Local
	wrapped func(storage.Store) storage.Store
	sweep   time.Duration
	board   *progress.Board
	url     string
	routes  http.Handler
}

// newRig sweeps so rarely that all must happen by itself.
func newRig(t testing.TB) *rig { return newRigWith(t, time.Hour, nil) }

// newSweepingRig looks for ended leases and due retries all the time.
func newSweepingRig(t testing.TB) *rig { return newRigWith(t, 5*time.Millisecond, nil) }

func newRigWith(t testing.TB, sweep time.Duration, wrap func(storage.Store) storage.Store) *rig {
	t.Helper()
	r := &rig{t: t, app: hookstest.NewApp(t), clock: &clock{t: time.Now().Truncate(time.Second)}, board: progress.NewBoard(), wrapped: wrap, sweep: sweep}
	hooks.Bind(r.app)
	hooks.UseClock(r.app, r.clock.Now)
	r.user = hookstest.MustCreateUser(t, r.app, "a@example.com", collections.RoleUser)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { r.routes.ServeHTTP(w, req) }))
	t.Cleanup(server.Close)
	r.url = server.URL
	var err error
	r.store, err = storage.NewLocal(storage.LocalConfig{
		Dir: filepath.Join(t.TempDir(), "store"), Key: make([]byte, 32), Now: r.clock.Now,
		PartURL: func() string { return r.url }, PublicURL: func() string { return r.url },
	})
	r.must(err)
	r.start()
	t.Cleanup(func() { r.Stop() })
	return r
}

// start begins a dispatcher on the rig's folder, as a start of serve does.
func (r *rig) start() {
	r.t.Helper()
	secret, err := hooks.LoadSecret(r.app.DataDir())
	r.must(err)
	var store storage.Store = r.store
	if r.wrapped != nil {
		store = r.wrapped(store)
	}
	r.Dispatcher, err = dispatch.New(dispatch.Config{
		App: r.app, Store: store, Board: r.board, Secret: secret, Now: r.clock.Now, Sweep: r.sweep,
	})
	r.must(err)
	r.routes = api.AgentRoutes(r.Dispatcher, r.store)
	r.must(r.Start(context.Background()))
}

func (r *rig) restart() {
	r.t.Helper()
	r.Stop()
	r.start()
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// until waits for a condition.
func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			r.t.Fatalf("not within 30 s: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func (r *rig) find(table, id string) *core.Record {
	r.t.Helper()
	record, err := r.app.FindRecordById(table, id)
	r.must(err)
	return record
}

func (r *rig) status(jobID string) collections.Status {
	return collections.Status(r.find("jobs", jobID).GetString("status"))
}

func (r *rig) untilStatus(jobID string, want collections.Status) *core.Record {
	r.t.Helper()
	r.until(fmt.Sprintf("job %s is %s", jobID, want), func() bool { return r.status(jobID) == want })
	return r.find("jobs", jobID)
}

// addMagnet queues a job of which only the magnet is known.
func (r *rig) addMagnet(m *collections.Metainfo) *core.Record { return r.addMagnetOf(r.user, m, nil) }

// addMagnetOf does so for a user; set may change the job before.
func (r *rig) addMagnetOf(user *core.Record, m *collections.Metainfo, set func(job *core.Record)) *core.Record {
	return hookstest.MustCreateJob(r.t, r.app, user, func(job *core.Record) {
		job.Set("infohash", string(m.Infohash))
		job.Set("magnet_uri", (&collections.Magnet{Infohash: m.Infohash, Trackers: []string{"http://127.0.0.1:1/announce"}}).String())
		if set != nil {
			set(job)
		}
	})
}

// addTorrent queues a job whose metainfo is known.
func (r *rig) addTorrent(user *core.Record, m *collections.Metainfo, selection []int) *core.Record {
	r.t.Helper()
	torrent, err := dispatch.SaveMetainfo(r.app, user.Id, m)
	r.must(err)
	return hookstest.MustCreateJob(r.t, r.app, user, func(job *core.Record) {
		job.Set("infohash", string(m.Infohash))
		job.Set("torrent_id", torrent.Id)
		job.Set("selection", selection)
		job.Set("size_bytes", dispatch.SelectedSize(m, selection))
		job.Set("magnet_uri", (&collections.Magnet{Infohash: m.Infohash, Trackers: []string{"http://127.0.0.1:1/announce"}}).String())
	})
}

type testFile struct {
	path string
	size int64
}

// metainfo builds a torrent whose piece hashes nobody checks.
func metainfo(t testing.TB, name string, files ...testFile) *collections.Metainfo {
	t.Helper()
	const pieceLength = 1 << 20
	var list strings.Builder
	var total int64
	for _, f := range files {
		fmt.Fprintf(&list, "d6:lengthi%de4:pathl", f.size)
		for _, part := range strings.Split(f.path, "/") {
			fmt.Fprintf(&list, "%d:%s", len(part), part)
		}
		list.WriteString("ee")
		total += f.size
	}
	hash := sha1.Sum([]byte(name))
	pieces := bytes.Repeat(hash[:], int((total+pieceLength-1)/pieceLength))
	info := fmt.Sprintf("d5:filesl%se4:name%d:%s12:piece lengthi%de6:pieces%d:%se", list.String(), len(name), name, pieceLength, len(pieces), pieces)
	m, err := collections.ParseInfo([]byte(info))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// body answers the bytes of a file, different for each.
func body(index int, size int64) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i*7 + i>>8 + index*31 + 1)
	}
	return b
}

// private is the same torrent with the private flag (BEP 27), which gives it another infohash.
func private(t testing.TB, m *collections.Metainfo) *collections.Metainfo {
	t.Helper()
	info := bytes.TrimSuffix(m.InfoBytes, []byte("e"))
	m, err := collections.ParseInfo(append(bytes.Clone(info), "7:privatei1ee"...))
	if err != nil {
		t.Fatal(err)
	}
	return m
}
