package dispatch_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"slices"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/dispatch"
	"github.com/longshore-project/longshore/hooks"
)

func (r *rig) file(jobID string, index int) *core.Record {
	r.t.Helper()
	file, err := r.app.FindFirstRecordByFilter("files", "job_id = {:job} && file_index = {:index}", dbx.Params{"job": jobID, "index": index})
	r.must(err)
	return file
}

func (r *rig) untilComplete(jobID string, index int) {
	r.t.Helper()
	r.until("the file is complete", func() bool { return r.file(jobID, index).GetBool("is_complete") })
}

// content reads a complete file out of the store.
func (r *rig) content(jobID string, index int) []byte {
	r.t.Helper()
	object := r.find("objects", r.file(jobID, index).GetString("object_id"))
	reader, err := r.store.Open(context.Background(), object.GetString("key"), 0, -1)
	r.must(err)
	defer reader.Close()
	b, err := io.ReadAll(reader)
	r.must(err)
	return b
}

// untilReaped waits until nothing is to be removed from the store any more.
func (r *rig) untilReaped() {
	r.t.Helper()
	r.until("the store is rid of deleting objects", func() bool {
		n, err := r.app.CountRecords("objects", dbx.HashExp{"state": "deleting"})
		r.must(err)
		return n == 0
	})
}

// mustFold reads the job's events, which must be without a gap and lead to the row, and answers the states it went through.
func (r *rig) mustFold(jobID string) []collections.Status {
	r.t.Helper()
	var rows []struct {
		Seq     int                   `db:"seq"`
		Type    collections.EventType `db:"event_type"`
		Payload string                `db:"payload"`
	}
	r.must(r.app.DB().Select("seq", "event_type", "payload").From("job_events").Where(dbx.HashExp{"job_id": jobID}).OrderBy("seq").All(&rows))
	var way []collections.Status
	for i, row := range rows {
		if row.Seq != i+1 {
			r.t.Fatalf("event %d has seq %d", i+1, row.Seq)
		}
		var p struct{ Status, From, To collections.Status }
		r.must(json.Unmarshal([]byte(row.Payload), &p))
		switch row.Type {
		case collections.EventCreated:
			way = append(way, p.Status)
		case collections.EventStatus:
			if p.From != way[len(way)-1] {
				r.t.Fatalf("event %d leaves %s after %v", row.Seq, p.From, way)
			}
			way = append(way, p.To)
		}
	}
	if last := way[len(way)-1]; last != r.status(jobID) {
		r.t.Fatalf("events lead to %s, the row says %s", last, r.status(jobID))
	}
	return way
}

// upload asks for URLs of one file's parts, PUTs them and answers what is to be reported.
func (a *testAgent) upload(start collections.StartRequest, index int, size int64) []collections.PartDone {
	a.r.t.Helper()
	partSize := collections.PartSize(size)
	var refs []collections.PartRef
	for n := range collections.PartCount(size, partSize) {
		refs = append(refs, collections.PartRef{File: index, Number: n + 1})
	}
	whole := body(index, size)
	var done []collections.PartDone
	for _, url := range a.urls(start, false, refs...) {
		offset, length := collections.PartRange(size, partSize, url.Number)
		done = append(done, a.put(url, whole[offset:offset+length]))
	}
	return done
}

func TestAMagnetBecomesFiles(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	const large = 20 << 20
	m := metainfo(t, "album", testFile{"cover.jpg", 1234}, testFile{"disc 1/track.flac", large}, testFile{"empty", 0})
	a.report()
	job := r.addMagnet(m)

	start := a.started(1)
	if start.Attempt != 1 || start.Magnet != job.GetString("magnet_uri") || start.Metainfo != nil || start.Infohash != string(m.Infohash) {
		t.Fatalf("got %+v", start)
	}
	if got := r.status(job.Id); got != collections.StatusFetchingMetadata {
		t.Fatalf("the job is %s", got)
	}
	var reply collections.MetainfoReply
	r.must(a.send("PUT", "/api/v1/jobs/"+job.Id+"/metainfo?attempt=1", m.InfoBytes, &reply))
	if reply.Code != "" || reply.Selection != nil || r.status(job.Id) != collections.StatusDownloading {
		t.Fatalf("got %+v, the job is %s", reply, r.status(job.Id))
	}
	r.untilComplete(job.Id, 2) // without bytes: nobody uploads it

	a.report(downloading(start, a.upload(start, 0, 1234)...))
	r.untilComplete(job.Id, 0) // and the job still runs
	if got := r.content(job.Id, 0); !bytes.Equal(got, body(0, 1234)) {
		t.Fatal("the small file differs")
	}
	parts := a.upload(start, 1, large)
	if len(parts) != 3 {
		t.Fatalf("%d parts", len(parts))
	}
	a.report(downloading(start, parts[2], parts[0]))
	a.report(in(collections.AgentUploading, start, parts[1]))
	done := r.untilStatus(job.Id, collections.StatusCompleted)
	if got := r.content(job.Id, 1); !bytes.Equal(got, body(1, large)) {
		t.Fatal("the large file differs")
	}
	if got := r.content(job.Id, 2); len(got) != 0 {
		t.Fatal("the empty file is not")
	}
	if done.GetInt64("size_bytes") != large+1234 || done.GetInt64("stored_bytes") != large+1234 || done.GetString("name") != "album" {
		t.Fatalf("got %v", done.PublicExport())
	}
	if stop := a.stopped(1); stop.KeepData || stop.Attempt != 1 {
		t.Fatalf("got %+v", stop)
	}
	want := []collections.Status{"queued", "fetching_metadata", "downloading", "uploading", "completed"}
	if way := r.mustFold(job.Id); !slices.Equal(way, want) {
		t.Fatalf("got %v", way)
	}
	if n, err := r.app.CountRecords("uploads"); n != 0 || err != nil {
		t.Fatalf("%d uploads are left, %v", n, err)
	}
	if reply := a.report(in(collections.AgentUploading, start)); reply.Jobs[0].Code != collections.CodeJobEnded {
		t.Fatalf("after its end: %+v", reply)
	}
}

func TestATorrentStartsWithItsTrackersAndSelection(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	m := metainfo(t, "t", testFile{"a", 10}, testFile{"b", 20}, testFile{"c", 30})
	job := r.addTorrent(r.user, m, []int{2, 0})
	start := a.started(1)
	got, err := collections.ParseMetainfo(start.Metainfo)
	r.must(err)
	if got.Infohash != m.Infohash || !slices.Equal(got.Trackers, []string{"http://127.0.0.1:1/announce"}) || !slices.Equal(start.Selection, []int{0, 2}) {
		t.Fatalf("got %v, %v, %v", got.Infohash, got.Trackers, start.Selection)
	}
	if r.find("jobs", job.Id).GetInt("size_bytes") != 40 || r.file(job.Id, 1).GetString("object_id") != "" {
		t.Fatal("the file that is not selected counts")
	}
	a.report(downloading(start, slices.Concat(a.upload(start, 0, 10), a.upload(start, 2, 30))...))
	a.report(in(collections.AgentUploading, start))
	r.untilStatus(job.Id, collections.StatusCompleted)
}

func TestHostileMetadataFailsTheJob(t *testing.T) {
	other := metainfo(t, "other", testFile{"a", 1})
	for name, info := range map[string][]byte{
		"metadata of another torrent": other.InfoBytes,
		"no metadata at all":          []byte("d4:name1:xe"),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			a := r.newAgent(false)
			a.report()
			job := r.addMagnet(metainfo(t, "t", testFile{"a", 10}))
			start := a.started(1)
			var reply collections.MetainfoReply
			err := a.send("PUT", "/api/v1/jobs/"+job.Id+"/metainfo?attempt=1", info, &reply)
			if collections.CodeOf(err) != collections.CodeInvalidTorrent {
				t.Fatalf("got %v", err)
			}
			row := r.untilStatus(job.Id, collections.StatusFailed)
			if row.GetString("error_code") != string(collections.CodeHostileMetadata) || row.GetString("error") == "" || row.GetBool("dead_letter") {
				t.Fatalf("got %v", row.PublicExport())
			}
			if n, _ := r.app.CountRecords("torrents"); n != 0 {
				t.Fatal("the metadata was kept")
			}
			if stop := a.stopped(1); stop.KeepData || stop.Attempt != start.Attempt {
				t.Fatalf("got %+v", stop)
			}
		})
	}
}

func TestMetadataMayBeSentAgain(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	m := metainfo(t, "t", testFile{"a", 10})
	job := r.addMagnet(m)
	a.started(1)
	for range 2 {
		var reply collections.MetainfoReply
		r.must(a.send("PUT", "/api/v1/jobs/"+job.Id+"/metainfo?attempt=1", m.InfoBytes, &reply))
	}
	if n, _ := r.app.CountRecords("files"); n != 1 || r.find("jobs", job.Id).GetInt("attempt") != 1 {
		t.Fatalf("%d files", n)
	}
}

func TestAJobThatIsToBeSelectedLetsItsAgentGo(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	m := metainfo(t, "t", testFile{"a", 10}, testFile{"b", 10})
	job := r.addMagnet(m)
	a.started(1)
	row := r.find("jobs", job.Id)
	row.Set("select_files", true)
	r.must(r.app.Save(row))
	var reply collections.MetainfoReply
	r.must(a.send("PUT", "/api/v1/jobs/"+job.Id+"/metainfo?attempt=1", m.InfoBytes, &reply))
	if reply.Code != collections.CodeJobEnded {
		t.Fatalf("got %+v", reply)
	}
	if row := r.find("jobs", job.Id); row.GetString("status") != string(collections.StatusAwaitingSelection) || row.GetString("agent_id") != "" {
		t.Fatalf("got %v", row.PublicExport())
	}
	if n, _ := r.app.CountRecords("files"); n != 2 {
		t.Fatalf("there are %d files to choose from", n)
	}
}

// manyFiles is a torrent whose rows take two transactions.
func manyFiles(t testing.TB) *collections.Metainfo {
	files := make([]testFile, 1500)
	for i := range files {
		files[i] = testFile{path: "f" + string(rune('a'+i%26)) + "/" + string(rune('0'+i/26%10)) + "/" + string(rune('a'+i/260)), size: 1}
	}
	return metainfo(t, "many", files...)
}

func TestACrashBeforeAllFilesAreThereIsMadeGood(t *testing.T) {
	r := newRig(t)
	job := r.addTorrent(r.user, manyFiles(t), nil)
	_, err := hooks.ChangeJob(r.app, job.Id, status(collections.StatusAwaitingSelection))
	r.must(err)
	r.restart()
	r.until("all files can be chosen from", func() bool {
		n, err := r.app.CountRecords("files", dbx.HashExp{"job_id": job.Id})
		return err == nil && n == 1500
	})
}

func TestAJobThatEndedGetsNoMoreFiles(t *testing.T) {
	r := newRig(t)
	m := manyFiles(t)
	job := r.addTorrent(r.user, m, nil)
	torrent := r.find("torrents", job.GetString("torrent_id"))
	r.must(r.app.Delete(r.find("jobs", job.Id)))
	r.must(dispatch.AddFiles(r.app, job, torrent, m))
	for _, table := range []string{"files", "objects"} {
		if n, err := r.app.CountRecords(table); n != 0 || err != nil {
			t.Errorf("%d rows of %s, %v", n, table, err)
		}
	}
}

func TestAThousandAndMoreFiles(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	m := manyFiles(t)
	chosen := make([]int, 200)
	for i := range chosen {
		chosen[i] = i * 7
	}
	var job *core.Record
	r.must(r.app.RunInTransaction(func(tx core.App) error { // as the API submits a .torrent
		torrent, err := dispatch.SaveMetainfo(tx, r.user.Id, m)
		if err != nil {
			return err
		}
		jobs, err := tx.FindCollectionByNameOrId("jobs")
		if err != nil {
			return err
		}
		job = core.NewRecord(jobs)
		job.Load(map[string]any{"user_id": r.user.Id, "infohash": string(m.Infohash), "torrent_id": torrent.Id, "status": "queued", "desired": "run"})
		job.Set("magnet_uri", "magnet:?xt=urn:btih:"+string(m.Infohash))
		job.Set("selection", chosen)
		if err := tx.Save(job); err != nil {
			return err
		}
		return dispatch.AddFiles(tx, job, torrent, m)
	}))
	start := a.started(1) // not before its rows are there
	if n, _ := r.app.CountRecords("files", dbx.HashExp{"job_id": job.Id}); n != 1500 {
		t.Fatalf("the job runs with %d files", n)
	}
	var done []collections.PartDone
	for batch := range slices.Chunk(chosen, 100) {
		var refs []collections.PartRef
		for _, index := range batch {
			refs = append(refs, collections.PartRef{File: index, Number: 1})
		}
		for _, url := range a.urls(start, false, refs...) {
			done = append(done, a.put(url, body(url.File, 1)))
		}
	}
	a.report(in(collections.AgentUploading, start, done...))
	r.until("the job is completed", func() bool { return r.status(job.Id) == collections.StatusCompleted })
	r.mustFold(job.Id)
	if n, _ := r.app.CountRecords("job_events", dbx.HashExp{"job_id": job.Id, "event_type": "file_completed"}); n < 2 || n > 150 {
		t.Fatalf("200 files in %d transactions", n)
	}
}

func TestASelectionThatNamesNoFileFailsTheJob(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	m := metainfo(t, "t", testFile{"a", 10})
	job := r.addMagnet(m)
	row := r.find("jobs", job.Id)
	row.Set("selection", []int{5})
	r.must(r.app.Save(row))
	a.report()
	a.started(1)
	var reply collections.MetainfoReply
	r.must(a.send("PUT", "/api/v1/jobs/"+job.Id+"/metainfo?attempt=1", m.InfoBytes, &reply))
	if row := r.find("jobs", job.Id); reply.Code != collections.CodeJobEnded || row.GetString("error_code") != string(collections.CodeInvalidInput) {
		t.Fatalf("got %+v, %v", reply, row.PublicExport())
	}
}
