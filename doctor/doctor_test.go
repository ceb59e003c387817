package doctor

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/hooks/hookstest"
	"github.com/longshore-project/longshore/storage"
)

// installation is a data folder with one completed job and one that downloads.
type installation struct {
	core.App
	t     *testing.T
	store *storage.Local
	user  string
	done  string // id of the completed job
	runs  string // id of the downloading job
}

const pieceLength = 1 << 14

// payload are the files of the torrent; the last one begins inside a piece.
var payload = [][]byte{
	bytes.Repeat([]byte("first"), 10_000),
	{},
	bytes.Repeat([]byte("third"), 5_000),
}

func newInstallation(t *testing.T) *installation {
	t.Helper()
	app := hookstest.NewApp(t)
	hooks.Bind(app)
	base := func() string { return "http://127.0.0.1:1" }
	store, err := storage.NewLocal(storage.LocalConfig{Dir: t.TempDir(), PartURL: base, PublicURL: base, Key: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	in := &installation{App: app, t: t, store: store}
	in.user = "auser0000000000"
	in.done = in.completedJob()
	in.runs = in.runningJob()
	return in
}

func (in *installation) must(err error) {
	in.t.Helper()
	if err != nil {
		in.t.Fatal(err)
	}
}

func (in *installation) save(collection string, fields map[string]any) string {
	in.t.Helper()
	c, err := in.FindCachedCollectionByNameOrId(collection)
	in.must(err)
	record := core.NewRecord(c)
	record.Load(fields)
	in.must(in.Save(record))
	return record.Id
}

func (in *installation) exec(statements ...string) {
	in.t.Helper()
	for _, sql := range statements {
		_, err := in.NonconcurrentDB().NewQuery(sql).Bind(dbx.Params{"done": in.done, "runs": in.runs}).Execute()
		in.must(err)
	}
}

func (in *installation) value(sql string) string {
	in.t.Helper()
	var s string
	in.must(in.ConcurrentDB().NewQuery(sql).Bind(dbx.Params{"done": in.done, "runs": in.runs}).Row(&s))
	return s
}

func (in *installation) move(job string, to ...collections.Status) {
	in.t.Helper()
	for _, status := range to {
		_, err := hooks.ChangeJob(in.App, job, func(_ core.App, job *core.Record) error {
			if status.Running() {
				job.Set("attempt", job.GetInt64("attempt")+1)
				job.Set("lease_until", stamp(time.Now().Add(collections.Lease)))
			}
			job.Set("status", string(status))
			return nil
		})
		in.must(err)
	}
}

func (in *installation) completedJob() string {
	torrent, m := in.torrent("done")
	job := in.job(torrent, m)
	in.move(job, collections.StatusDownloading, collections.StatusQueued, collections.StatusDownloading, collections.StatusUploading)
	for i, body := range payload {
		key := fmt.Sprintf("objects/done/%d", i)
		info, err := in.store.Put(context.Background(), key, body, storage.Meta{})
		in.must(err)
		object := in.save("objects", map[string]any{"torrent_id": torrent, "file_index": i, "scope": job, "key": key, "store": "local",
			"size_bytes": len(body), "etag": info.ETag, "state": "stored"})
		in.file(job, object, m.Files[i], true)
	}
	in.move(job, collections.StatusCompleted)
	return job
}

func (in *installation) runningJob() string {
	torrent, m := in.torrent("runs")
	job := in.job(torrent, m)
	in.move(job, collections.StatusDownloading)
	size := m.Files[0].Size
	object := in.save("objects", map[string]any{"torrent_id": torrent, "file_index": 0, "scope": job, "size_bytes": size, "state": "uploading"})
	upload, err := in.store.CreateUpload(context.Background(), "objects/runs/0", size, collections.PartSize(size), storage.Meta{})
	in.must(err)
	in.save("uploads", map[string]any{"object_id": object, "key": "objects/runs/0", "upload_id": upload, "part_size": collections.PartSize(size), "size_bytes": size, "attempt": 1})
	in.file(job, object, m.Files[0], false)
	return job
}

func (in *installation) job(torrent string, m *collections.Metainfo) string {
	size := 0
	for _, body := range payload {
		size += len(body)
	}
	return in.save("jobs", map[string]any{"user_id": in.user, "torrent_id": torrent, "infohash": string(m.Infohash), "status": "queued", "desired": "run",
		"idempotency_key": m.Name, "size_bytes": size, "reserved_bytes": size})
}

func (in *installation) file(job, object string, f collections.MetaFile, complete bool) {
	in.save("files", map[string]any{"job_id": job, "user_id": in.user, "object_id": object, "file_index": f.Index, "path": f.Path,
		"size_bytes": f.Size, "selected": true, "is_complete": complete})
}

// torrent saves a torrent of the payload with a pad file at its end.
func (in *installation) torrent(name string) (string, *collections.Metainfo) {
	in.t.Helper()
	content := bytes.Join(payload, nil)
	pad := pieceLength - len(content)%pieceLength
	var pieces, files strings.Builder
	for piece := range slicesOf(append(content, make([]byte, pad)...), pieceLength) {
		sum := sha1.Sum(piece)
		pieces.Write(sum[:])
	}
	for i, body := range payload {
		fmt.Fprintf(&files, "d6:lengthi%de4:pathl1:%dee", len(body), i)
	}
	fmt.Fprintf(&files, "d4:attr1:p6:lengthi%de4:pathl4:.padee", pad)
	info := fmt.Sprintf("d5:filesl%se4:name%d:%s12:piece lengthi%de6:pieces%d:%se", &files, len(name), name, pieceLength, pieces.Len(), &pieces)
	m, err := collections.ParseInfo([]byte(info))
	in.must(err)
	file, err := filesystem.NewFileFromBytes(collections.BuildMetainfo(m.InfoBytes, nil, nil), "metainfo.torrent")
	in.must(err)
	return in.save("torrents", map[string]any{"infohash_v1": string(m.Infohash), "name": name, "size_bytes": len(content), "metainfo": file}), m
}

func slicesOf(b []byte, n int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(b) > 0 && yield(b[:min(n, len(b))]) {
			b = b[min(n, len(b)):]
		}
	}
}

func (in *installation) run(opts Options) Result {
	in.t.Helper()
	result, err := Run(context.Background(), in.App, in.store, opts)
	in.must(err)
	return result
}

func TestAHealthyInstallationPasses(t *testing.T) {
	in := newInstallation(t)
	result := in.run(Options{Deep: true, Serving: true})
	var b strings.Builder
	in.must(result.Write(&b))
	if !result.OK() || strings.Count(b.String(), "ok  ") != len(invariants) || !strings.Contains(b.String(), "Everything that was checked holds.") {
		t.Error(b.String())
	}
}

func TestAnEmptyDataFolderPasses(t *testing.T) {
	in := newInstallation(t)
	in.exec("DELETE FROM files", "DELETE FROM objects", "DELETE FROM uploads", "DELETE FROM job_events", "DELETE FROM jobs", "DELETE FROM torrents")
	base := func() string { return "http://127.0.0.1:1" }
	store, err := storage.NewLocal(storage.LocalConfig{Dir: t.TempDir(), PartURL: base, PublicURL: base, Key: make([]byte, 32)})
	in.must(err)
	in.store = store
	if result := in.run(Options{Deep: true, Serving: true}); !result.OK() {
		t.Errorf("%+v", result)
	}
}

func TestWhatWasNotCheckedIsSaid(t *testing.T) {
	result := newInstallation(t).run(Options{})
	for _, c := range result.Checks {
		if want := c.Number == 3 || c.Number == 7; c.Skipped != want || (c.Note != "") != want {
			t.Errorf("%+v", c)
		}
	}
}

func TestResultAsJSON(t *testing.T) {
	in := newInstallation(t)
	in.exec("UPDATE job_events SET seq = 3 WHERE job_id = {:runs} AND seq = 2")
	body, err := json.Marshal(in.run(Options{}))
	in.must(err)
	var got struct {
		OK     *bool
		Checks []struct {
			Number, Count int
			Violations    []Violation
		}
		Held []Held `json:"held_by_tests"`
	}
	in.must(json.Unmarshal(body, &got))
	if got.OK == nil || *got.OK || len(got.Checks) != len(invariants) || got.Checks[5].Violations[0].ID != in.runs || len(got.Held) == 0 {
		t.Errorf("%s", body)
	}
}

func TestManyViolationsAreCountedAndCut(t *testing.T) {
	in := newInstallation(t)
	for i := range maxViolations + 5 {
		in.exec(fmt.Sprintf("INSERT INTO job_events (id, job_id, seq, event_type, payload) VALUES ('e%d', 'gone%d', 1, 'created', '{}') ", i, i))
	}
	check := in.run(Options{}).Checks[0]
	if check.Count != maxViolations+5 || len(check.Violations) != maxViolations {
		t.Errorf("%d of %d", len(check.Violations), check.Count)
	}
	var b strings.Builder
	check.write(&b)
	if !strings.HasPrefix(b.String(), "FAIL   1") || !strings.Contains(b.String(), "and 5 more") {
		t.Error(b.String())
	}
}
