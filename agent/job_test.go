package agent

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/plugins/fake"
	"github.com/longshore-project/longshore/plugins/payload"
)

const mib = 1 << 20

// script is a torrent of the fake engine.
type script struct {
	*payload.Payload
	magnet string
}

func makeScript(t *testing.T, p fake.Params) script {
	t.Helper()
	made, err := p.Payload()
	if err != nil {
		t.Fatal(err)
	}
	magnet, err := p.Magnet()
	if err != nil {
		t.Fatal(err)
	}
	return script{made, magnet}
}

func (s script) start(job string, attempt int64) collections.StartRequest {
	return collections.StartRequest{JobID: job, Attempt: attempt, Infohash: string(s.Infohash), Magnet: s.magnet}
}

func TestMagnetBecomesStoredParts(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	torrent := makeScript(t, fake.Params{Mode: fake.Complete, Size: 21*mib + 12345})
	j := cp.job("job1")
	a := cp.agent(t.TempDir())
	if got := a.mustStart(torrent.start("job1", 1)); got.State != collections.AgentFetchingMetadata {
		t.Errorf("start was answered in state %s", got.State)
	}
	cp.await("the job is complete", func() bool { return j.ended })
	cp.checkStored(j, torrent)
	eventually(t, "job and scratch data are gone", a.idle)
	j = cp.see(j)
	want := []collections.AgentState{collections.AgentFetchingMetadata, collections.AgentDownloading, collections.AgentUploading}
	for _, state := range want {
		if !slices.Contains(j.states, state) && state != collections.AgentDownloading {
			t.Errorf("states told were %v, without %s", j.states, state)
		}
	}
	if len(j.puts) != 3 || j.bytesPut != torrent.TotalSize {
		t.Errorf("%d bytes were PUT in %v", j.bytesPut, j.puts)
	}
	if j.last.DoneBytes != torrent.TotalSize || j.last.StoredBytes != torrent.TotalSize || j.last.SizeBytes != torrent.TotalSize {
		t.Errorf("the last report says %+v", j.last)
	}
}

func TestManySmallFilesAndEmptyOnes(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	torrent := makeScript(t, fake.Params{Mode: fake.Complete, Size: 120*5000 + 17, Files: 120, PieceLength: 64 << 10})
	j := cp.job("job1")
	a := cp.agent(t.TempDir())
	a.mustStart(torrent.start("job1", 1))
	cp.await("the job is complete", func() bool { return j.ended })
	j = cp.see(j)
	cp.checkStored(j, torrent)
	if len(j.done) != 120 {
		t.Errorf("%d of 120 files were told", len(j.done))
	}
	for ref, d := range j.done {
		if d.Key == "" {
			t.Errorf("%v was told without the key of its URL", ref)
		}
	}
}

func TestFilesWithoutBytesAreLeftToTheControlPlane(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	torrent := makeScript(t, fake.Params{Mode: fake.Complete, Size: 2, Files: 3}) // 0, 0 and 2 bytes
	j := cp.job("job1")
	a := cp.agent(t.TempDir())
	a.mustStart(torrent.start("job1", 1))
	cp.await("the job is complete", func() bool { return j.ended })
	j = cp.see(j)
	cp.checkStored(j, torrent)
	if len(j.puts) != 1 || j.puts[collections.PartRef{File: 2, Number: 1}] != 1 {
		t.Errorf("PUT were %v", j.puts)
	}
}

func TestOnlySelectedFilesAreUploaded(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	torrent := makeScript(t, fake.Params{Mode: fake.Complete, Size: 6 * 100_000, Files: 6, PieceLength: 64 << 10})
	j := cp.job("job1")
	j.selection = []int{1, 4}
	a := cp.agent(t.TempDir())
	a.mustStart(torrent.start("job1", 1))
	cp.await("the job is complete", func() bool { return j.ended })
	j = cp.see(j)
	cp.checkStored(j, torrent)
	if len(j.puts) != 2 || j.last.SizeBytes != 200_000 {
		t.Errorf("PUT were %v; the size told is %d", j.puts, j.last.SizeBytes)
	}
}

func TestStartAndStopAreIdempotent(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	torrent := makeScript(t, fake.Params{Mode: fake.Stall, Size: 4 * mib, At: 1})
	j := cp.job("job1")
	j.attempt = 5
	a := cp.agent(t.TempDir())
	a.mustStart(torrent.start("job1", 5))
	cp.await("the job runs", func() bool { return j.last.State == collections.AgentDownloading })
	first := a.find("job1")
	if got := a.mustStart(torrent.start("job1", 5)); got.Attempt != 5 || got.State != collections.AgentDownloading {
		t.Errorf("the second start was answered %+v", got)
	}
	if a.find("job1") != first {
		t.Error("the second start began another attempt")
	}
	for _, older := range []struct {
		path string
		body any
	}{
		{"/start", torrent.start("job1", 4)},
		{"/stop", collections.StopRequest{JobID: "job1", Attempt: 4}},
	} {
		status, body := a.call(http.MethodPost, older.path, older.body)
		if code := errorCode(body); status != http.StatusConflict || code != collections.CodeAttemptStale {
			t.Errorf("%s of an older attempt: %d %s", older.path, status, body)
		}
	}
	for range 2 {
		if status, body := a.call(http.MethodPost, "/stop", collections.StopRequest{JobID: "job1", Attempt: 5, KeepData: true}); status != http.StatusOK {
			t.Fatalf("stop: %d %s", status, body)
		}
	}
	if held, _ := a.scratch.held(); len(held) != 1 || len(a.active()) != 0 {
		t.Errorf("after a stop that keeps data there are %d jobs and held %v", len(a.active()), held)
	}
	if status, body := a.call(http.MethodPost, "/start", torrent.start("job1", 5)); status != http.StatusConflict {
		t.Errorf("a late start of an attempt that was stopped: %d %s", status, body)
	}
	if status, _ := a.call(http.MethodPost, "/stop", collections.StopRequest{JobID: "job1", Attempt: 5}); status != http.StatusOK || !a.idle() {
		t.Errorf("after a stop that removes data: %d, idle %v", status, a.idle())
	}
}

func errorCode(body []byte) collections.Code {
	var answer struct {
		Code collections.Code `json:"code"`
	}
	_ = json.Unmarshal(body, &answer)
	return answer.Code
}
