package dispatch_test

import (
	"context"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/storage"
)

func status(s collections.Status) func(core.App, *core.Record) error {
	return func(_ core.App, job *core.Record) error {
		job.Set("status", string(s))
		return nil
	}
}

const twoParts = 9 << 20

// running starts a job of a small and a large file whose small one is stored and whose large one is begun.
func running(t *testing.T) (*rig, *testAgent, collections.StartRequest) {
	t.Helper()
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	r.addTorrent(r.user, metainfo(t, "t", testFile{"small", 1000}, testFile{"large", twoParts}), nil)
	start := a.started(1)
	a.report(downloading(start, append(a.upload(start, 0, 1000), a.upload(start, 1, twoParts)[0])...))
	r.untilComplete(start.JobID, 0)
	return r, a, start
}

func (r *rig) inStore() (objects, uploads int) {
	r.t.Helper()
	ctx := context.Background()
	r.must(r.store.List(ctx, storage.KeyPrefix, func(storage.Info) error { objects++; return nil }))
	r.must(r.store.ListUploads(ctx, func(storage.Unfinished) error { uploads++; return nil }))
	return objects, uploads
}

func TestPauseAndResume(t *testing.T) {
	r, a, start := running(t)
	_, err := hooks.Pause(t.Context(), r.app, start.JobID)
	r.must(err)
	if stop := a.stopped(1); !stop.KeepData || stop.Attempt != 1 {
		t.Fatalf("got %+v", stop)
	}
	last := in(collections.AgentStopped, start)
	url := a.urlsOrNone(start, collections.PartRef{File: 1, Number: 2})
	if len(url) != 0 {
		t.Fatal("a paused job gets URLs")
	}
	if reply := a.report(last).Jobs[0]; reply.Desired != collections.DesiredPause || reply.Code != "" {
		t.Fatalf("got %+v", reply)
	}
	if got := r.status(start.JobID); got != collections.StatusPaused {
		t.Fatalf("the job is %s", got)
	}
	_, err = hooks.Resume(t.Context(), r.app, start.JobID)
	r.must(err)
	again := a.started(2)
	if again.Attempt != 2 || len(again.Stored.Files) != 1 || len(again.Stored.Parts) != 1 {
		t.Fatalf("got %+v", again)
	}
	_, length := collections.PartRange(twoParts, collections.PartSize(twoParts), 2)
	part := a.put(a.urls(again, false, collections.PartRef{File: 1, Number: 2})[0], body(1, twoParts)[twoParts-length:])
	a.report(in(collections.AgentUploading, again, part))
	r.untilStatus(start.JobID, collections.StatusCompleted)
	r.mustFold(start.JobID)
}

func (a *testAgent) urlsOrNone(start collections.StartRequest, refs ...collections.PartRef) []collections.URL {
	var reply collections.URLsReply
	_ = a.post("/api/v1/jobs/"+start.JobID+"/uploads", collections.URLsRequest{Attempt: start.Attempt, Parts: refs}, &reply)
	return reply.URLs
}

func TestAPartThatWasOnItsWayWhenTheJobWasPausedCounts(t *testing.T) {
	r, a, start := running(t)
	_, length := collections.PartRange(twoParts, collections.PartSize(twoParts), 2)
	part := a.put(a.urls(start, false, collections.PartRef{File: 1, Number: 2})[0], body(1, twoParts)[twoParts-length:])
	_, err := hooks.Pause(t.Context(), r.app, start.JobID)
	r.must(err)
	a.report(in(collections.AgentStopped, start, part))
	r.untilComplete(start.JobID, 1)
	if got := r.status(start.JobID); got != collections.StatusPaused {
		t.Fatalf("the job is %s", got)
	}
}

func TestCancelKeepsWhatIsStoredWhole(t *testing.T) {
	r, a, start := running(t)
	_, err := hooks.Cancel(t.Context(), r.app, start.JobID)
	r.must(err)
	if stop := a.stopped(1); stop.KeepData {
		t.Fatalf("got %+v", stop)
	}
	r.untilReaped()
	if objects, uploads := r.inStore(); objects != 1 || uploads != 0 {
		t.Fatalf("%d objects and %d uploads are in the store", objects, uploads)
	}
	if !r.file(start.JobID, 0).GetBool("is_complete") || r.file(start.JobID, 1).GetString("object_id") != "" {
		t.Fatal("the files are not as they should be")
	}
	if reply := a.report(downloading(start)).Jobs[0]; reply.Code != collections.CodeJobEnded || reply.Desired != collections.DesiredCancel {
		t.Fatalf("got %+v", reply)
	}
}

func TestDeleteLeavesNothing(t *testing.T) {
	r, a, start := running(t)
	r.must(r.app.Delete(r.find("jobs", start.JobID)))
	if stop := a.stopped(1); stop.KeepData {
		t.Fatalf("got %+v", stop)
	}
	r.untilReaped()
	if objects, uploads := r.inStore(); objects != 0 || uploads != 0 {
		t.Fatalf("%d objects and %d uploads are in the store", objects, uploads)
	}
	for _, table := range []string{"files", "objects", "uploads", "upload_parts", "job_events"} {
		if n, err := r.app.CountRecords(table); n != 0 || err != nil {
			t.Errorf("%d rows of %s are left, %v", n, table, err)
		}
	}
	if reply := a.report(downloading(start)).Jobs[0]; reply.Code != collections.CodeJobEnded {
		t.Fatalf("got %+v", reply)
	}
}

func TestADeletedUserTakesARunningJobAlong(t *testing.T) {
	r, a, _ := running(t)
	r.must(r.app.Delete(r.user))
	a.stopped(1)
	r.untilReaped()
	if objects, uploads := r.inStore(); objects != 0 || uploads != 0 {
		t.Fatalf("%d objects and %d uploads are in the store", objects, uploads)
	}
}

func TestAnAgentThatGivesAJobUpGetsItAgainLater(t *testing.T) {
	r, a, start := running(t)
	if reply, err := a.tryReport(in(collections.AgentStopped, start)); err == nil || collections.CodeOf(err) != collections.CodeAttemptStale {
		t.Fatalf("got %+v, %v", reply, err)
	}
	row := r.find("jobs", start.JobID)
	if row.GetString("status") != string(collections.StatusQueued) || row.GetInt("retries") != 0 {
		t.Fatalf("got %v", row.PublicExport())
	}
	r.clock.Advance(time.Second)
	a.report()
	if got := a.started(2).Attempt; got != 2 {
		t.Fatalf("attempt %d", got)
	}
}

func TestAFinalFailureEndsTheJob(t *testing.T) {
	r, a, start := running(t)
	entry := in(collections.AgentFailed, start)
	entry.Code, entry.Message, entry.Final = collections.CodePoison, "The torrent crashed its engine three times.", true
	if reply := a.report(entry).Jobs[0]; reply.Code != collections.CodeJobEnded {
		t.Fatalf("got %+v", reply)
	}
	row := r.find("jobs", start.JobID)
	if row.GetString("status") != "failed" || row.GetString("error_code") != "poison" || row.GetBool("dead_letter") || row.GetString("completed_at") == "" {
		t.Fatalf("got %v", row.PublicExport())
	}
	r.untilReaped()
	if objects, uploads := r.inStore(); objects != 1 || uploads != 0 {
		t.Fatalf("%d objects and %d uploads are in the store", objects, uploads)
	}
}
