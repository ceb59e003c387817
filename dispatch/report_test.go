package dispatch_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

// rows answers all that the tables say.
func (r *rig) rows() string {
	r.t.Helper()
	all := map[string]any{}
	for _, table := range []string{"jobs", "job_events", "objects", "uploads", "upload_parts", "files", "torrents", "agents"} {
		var rows []dbx.NullStringMap
		r.must(r.app.DB().Select("*").From(table).OrderBy("id").All(&rows))
		all[table] = rows
	}
	b, err := json.Marshal(all)
	r.must(err)
	return string(b)
}

func TestReplayedReportChangesNothing(t *testing.T) {
	const size = 20 << 20
	entry := func(state collections.AgentState) func(*testAgent, collections.StartRequest) collections.JobReport {
		return func(_ *testAgent, start collections.StartRequest) collections.JobReport { return in(state, start) }
	}
	for name, make := range map[string]func(*testAgent, collections.StartRequest) collections.JobReport{
		"figures": func(_ *testAgent, start collections.StartRequest) collections.JobReport {
			return collections.JobReport{JobID: start.JobID, Attempt: 1, State: collections.AgentDownloading, DoneBytes: 500, Peers: 3}
		},
		"a whole file": func(a *testAgent, start collections.StartRequest) collections.JobReport {
			return downloading(start, a.upload(start, 0, 1000)...)
		},
		"a part": func(a *testAgent, start collections.StartRequest) collections.JobReport {
			return downloading(start, a.upload(start, 1, size)[0])
		},
		"a new state": entry(collections.AgentUploading),
		"a retry":     entry(collections.AgentFailed),
		"a stop":      entry(collections.AgentStopped),
		"an end": func(_ *testAgent, start collections.StartRequest) collections.JobReport {
			return collections.JobReport{JobID: start.JobID, Attempt: 1, State: collections.AgentFailed, Code: collections.CodeHostileMetadata, Final: true}
		},
		"a stale entry": func(_ *testAgent, start collections.StartRequest) collections.JobReport {
			return collections.JobReport{JobID: start.JobID, State: collections.AgentDownloading, DoneBytes: 1}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			a := r.newAgent(false)
			a.report()
			job := r.addTorrent(r.user, metainfo(t, "t", testFile{"a", 1000}, testFile{"b", size}), nil)
			told := make(a, a.started(1))
			a.drain = true // the job stays where the report puts it
			r.clock.Advance(collections.ProgressWrite)
			_, _ = a.tryReport(told)
			if name == "a whole file" {
				r.untilComplete(job.Id, 0)
			}
			r.untilReaped()
			before, figures := r.rows(), fmt.Sprint(r.board.Get(job.Id))
			r.clock.Advance(collections.ProgressWrite)
			_, _ = a.again()
			if after := r.rows(); after != before {
				t.Fatalf("before %s\nafter  %s", before, after)
			}
			if now := fmt.Sprint(r.board.Get(job.Id)); now != figures {
				t.Fatalf("figures before %s, after %s", figures, now)
			}
		})
	}
}

func TestAReplayAfterARestartOfTheControlPlaneChangesNothing(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	job := r.addTorrent(r.user, metainfo(t, "t", testFile{"a", 20 << 20}), nil)
	start := a.started(1)
	a.report(downloading(start, a.upload(start, 0, 20<<20)[0]))
	r.restart()
	before := r.rows()
	if _, err := a.again(); err != nil {
		t.Fatal(err)
	}
	if after := r.rows(); after != before {
		t.Fatalf("before %s\nafter  %s", before, after)
	}
	if reply := a.report(downloading(start)); reply.Jobs[0].Code != "" || r.status(job.Id) != collections.StatusDownloading {
		t.Fatalf("got %+v", reply)
	}
}

func TestEntriesOfAReportAreJudgedOneByOne(t *testing.T) {
	r := newRig(t)
	a, b := r.newAgent(false), r.newAgent(false)
	a.report()
	m := metainfo(t, "t", testFile{"a", 1000})
	mine := r.addTorrent(r.user, m, nil)
	a.started(1)
	ended := hookstest.MustCreateJob(t, r.app, r.user, func(job *core.Record) { job.Set("status", "cancelled") })
	live := collections.JobReport{JobID: mine.Id, Attempt: 1, State: collections.AgentDownloading, DoneBytes: 7}
	old := live
	old.Attempt = 0
	reply := a.report(live, old, collections.JobReport{JobID: "unknown", Attempt: 1}, collections.JobReport{JobID: ended.Id, Attempt: 1},
		collections.JobReport{JobID: mine.Id, Attempt: 1, State: collections.AgentHeld}, collections.JobReport{JobID: ended.Id, State: collections.AgentHeld})
	var codes []collections.Code
	for _, job := range reply.Jobs {
		codes = append(codes, job.Code)
	}
	want := []collections.Code{"", collections.CodeAttemptStale, collections.CodeJobEnded, collections.CodeJobEnded, "", collections.CodeJobEnded}
	if !reflect.DeepEqual(codes, want) {
		t.Fatalf("got %q", codes)
	}
	if p, _ := r.board.Get(mine.Id); p.DoneBytes != 7 {
		t.Fatalf("the entry that counts does not: %+v", p)
	}
	if _, err := b.tryReport(live); collections.CodeOf(err) != collections.CodeAttemptStale {
		t.Fatalf("another agent's report: %v", err)
	}
	if _, err := a.tryReport(old); collections.CodeOf(err) != collections.CodeAttemptStale {
		t.Fatalf("all stale: %v", err)
	}
}

func TestProgressIsWrittenAtMostEveryTenSeconds(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	job := r.addTorrent(r.user, metainfo(t, "t", testFile{"a", 1000}), nil)
	start := a.started(1)
	r.until("the start is on record", func() bool { return r.find("jobs", job.Id).GetInt("attempt") == 1 })
	revision := r.find("jobs", job.Id).GetInt("revision")
	for i := range 10 {
		r.clock.Advance(time.Second)
		entry := downloading(start)
		entry.DoneBytes = int64(i + 1)
		a.report(entry)
	}
	row := r.find("jobs", job.Id)
	if row.GetInt("revision") != revision+1 || row.GetInt("done_bytes") != 10 {
		t.Fatalf("%d writes, %d bytes done", row.GetInt("revision")-revision, row.GetInt("done_bytes"))
	}
	if p, _ := r.board.Get(job.Id); p.DoneBytes != 10 {
		t.Fatalf("live %+v", p)
	}
	if got := row.GetDateTime("lease_until").Time(); got.Sub(r.clock.Now()) < collections.Lease-time.Second {
		t.Fatalf("the lease on record ends at %s, it is %s", got, r.clock.Now())
	}
}

func TestAVerdictStandsUntilItsReasonIsGone(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	r.addTorrent(r.user, metainfo(t, "t", testFile{"a", 1000}), nil)
	start := a.started(1)
	entry := downloading(start)
	entry.Code, entry.Message = collections.CodeNoPeers, "No peer was found yet."
	a.report(entry)
	if v, ok := r.board.Verdict(start.JobID); !ok || v.Code != collections.CodeNoPeers {
		t.Fatalf("got %+v", v)
	}
	a.report(downloading(start))
	if v, ok := r.board.Verdict(start.JobID); ok {
		t.Fatalf("still %+v", v)
	}
}

func TestPartsThatDoNotFitAreNotRecorded(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	const size = 20 << 20
	r.addTorrent(r.user, metainfo(t, "t", testFile{"a", size}, testFile{"b", 10}), nil)
	start := a.started(1)
	a.urls(start, false, collections.PartRef{File: 0, Number: 1})
	objectOf := func(index int) string { return r.file(start.JobID, index).GetString("object_id") }
	for name, p := range map[string]collections.PartDone{
		"a number beyond the last":       {File: 0, Number: 4, Size: 8 << 20, ETag: "x"},
		"another size":                   {File: 0, Number: 1, Size: 8<<20 - 1, ETag: "x"},
		"no ETag":                        {File: 0, Number: 1, Size: 8 << 20},
		"a file that is not the job's":   {File: 2, Number: 1, Size: 10, ETag: "x", Key: "objects/x/1-a"},
		"a key of another object":        {File: 1, Number: 1, Size: 10, ETag: "x", Key: "objects/" + objectOf(0) + "/1-a"},
		"a key of another attempt":       {File: 1, Number: 1, Size: 10, ETag: "x", Key: "objects/" + objectOf(1) + "/2-a"},
		"a whole file of another size":   {File: 1, Number: 1, Size: 11, ETag: "x", Key: "objects/" + objectOf(1) + "/1-a"},
		"a part of a file sent in whole": {File: 1, Number: 1, Size: 10, ETag: "x"},
	} {
		t.Run(name, func(t *testing.T) {
			reply := a.report(downloading(start, p))
			if n, _ := r.app.CountRecords("upload_parts"); n != 0 {
				t.Fatal("the part is on record")
			}
			if reply.Jobs[0].Stored == nil {
				t.Fatal("the agent does not learn what is stored")
			}
		})
	}
}

func TestAScriptThatRefusesOneJobDoesNotSpoilTheOthers(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	bad := r.addTorrent(r.user, metainfo(t, "bad", testFile{"a", 1000}), nil)
	good := r.addTorrent(r.user, metainfo(t, "good", testFile{"a", 1000}), nil)
	first, second := a.started(1), a.started(2)
	if first.JobID != bad.Id {
		first, second = second, first
	}
	r.until("both are on record", func() bool {
		return r.status(bad.Id) == collections.StatusDownloading && r.status(good.Id) == collections.StatusDownloading
	})
	r.app.OnRecordUpdate("jobs").BindFunc(func(e *core.RecordEvent) error {
		if e.Record.Id == bad.Id {
			return errors.New("a script says no")
		}
		return e.Next()
	})
	parts := a.upload(first, 0, 1000)
	a.report(in(collections.AgentUploading, first, parts...), in(collections.AgentUploading, second, a.upload(second, 0, 1000)...))
	r.untilStatus(good.Id, collections.StatusCompleted)
	if n, _ := r.app.CountRecords("upload_parts"); n != 0 || r.status(bad.Id) != collections.StatusDownloading {
		t.Fatalf("the refused job is %s and has %d parts", r.status(bad.Id), n)
	}
}

func TestFiguresThatNoColumnHoldsAreTamed(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	job := r.addTorrent(r.user, metainfo(t, "t", testFile{"a", 1000}), nil)
	entry := in(collections.AgentFailed, a.started(1))
	entry.DoneBytes, entry.StoredBytes = -5, math.MaxInt64
	entry.Code, entry.Message = collections.Code(strings.Repeat("c", 1000)), strings.Repeat("é", 10_000)
	if _, err := a.tryReport(entry); collections.CodeOf(err) != collections.CodeAttemptStale {
		t.Fatal(err)
	}
	row := r.find("jobs", job.Id)
	if row.GetInt64("done_bytes") != 0 || row.GetInt64("stored_bytes") != collections.MaxSizeBytes || len(row.GetString("error_code")) != 64 {
		t.Fatalf("got %v", row.PublicExport())
	}
}
