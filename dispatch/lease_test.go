package dispatch_test

import (
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

func TestASilentAgentLosesItsJobToAnother(t *testing.T) {
	r := newSweepingRig(t)
	a, b := r.newAgent(false), r.newAgent(false)
	a.report()
	job := r.addTorrent(r.user, metainfo(t, "t", testFile{"a", 20 << 20}), nil)
	start := a.started(1)
	a.report(downloading(start, a.upload(start, 0, 20<<20)[1]))
	r.clock.Advance(collections.Lease + time.Second)
	row := r.untilStatus(job.Id, collections.StatusQueued)
	if row.GetString("error_code") != string(collections.CodeAgentLost) || row.GetInt("retries") != 1 || row.GetString("agent_id") != "" {
		t.Fatalf("got %v", row.PublicExport())
	}
	b.report()
	r.clock.Advance(time.Second) // the backoff
	taken := b.started(1)
	if taken.Attempt != 2 || len(taken.Stored.Parts) != 1 || taken.Stored.Parts[0].Numbers[0] != 2 {
		t.Fatalf("got %+v", taken)
	}
	if _, err := a.tryReport(downloading(start)); collections.CodeOf(err) != collections.CodeAttemptStale {
		t.Fatalf("the lost agent: %v", err)
	}
	b.report(downloading(taken, b.put(b.urls(taken, false, collections.PartRef{File: 0, Number: 1})[0], body(0, 8<<20))))
	if row := r.find("jobs", job.Id); row.GetInt("retries") != 0 || row.GetString("agent_id") != b.id {
		t.Fatalf("after progress: %v", row.PublicExport())
	}
	r.mustFold(job.Id)
}

func TestReportsKeepALeaseAlive(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	job := r.addTorrent(r.user, metainfo(t, "t", testFile{"a", 1000}), nil)
	start := a.started(1)
	for range 5 {
		r.clock.Advance(collections.Lease - time.Second)
		a.report(downloading(start))
	}
	if row := r.find("jobs", job.Id); row.GetInt("attempt") != 1 || row.GetString("status") != string(collections.StatusDownloading) {
		t.Fatalf("got %v", row.PublicExport())
	}
}

func TestANewStartOfAnAgentEndsItsOldLeasesAtOnce(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	job := r.addTorrent(r.user, metainfo(t, "t", testFile{"a", 1000}), nil)
	old := a.started(1)
	a.report(downloading(old))
	a.restart()
	a.report(collections.JobReport{JobID: job.Id, Attempt: 1, State: collections.AgentHeld})
	again := a.started(2)
	row := r.find("jobs", job.Id)
	if again.Attempt != 2 || row.GetInt("retries") != 0 {
		t.Fatalf("attempt %d, %d retries", again.Attempt, row.GetInt("retries"))
	}
	if reply := a.report(downloading(again)); reply.Jobs[0].Code != "" {
		t.Fatalf("got %+v", reply)
	}
	a.last = collections.ReportRequest{StartID: "start-1", Seq: 99, Health: a.health(), Jobs: []collections.JobReport{downloading(again)}}
	if _, err := a.again(); collections.CodeOf(err) != collections.CodeAttemptStale {
		t.Fatalf("a report of the old start: %v", err)
	}
	if r.find("jobs", job.Id).GetInt("attempt") != 2 {
		t.Fatal("a report of the old start ended the new one's lease")
	}
}

func TestARestartOfTheControlPlaneEvictsNobody(t *testing.T) {
	r := newSweepingRig(t)
	a := r.newAgent(false)
	a.report()
	job := r.addTorrent(r.user, metainfo(t, "t", testFile{"a", 20 << 20}), nil)
	start := a.started(1)
	a.report(downloading(start, a.upload(start, 0, 20<<20)[0]))
	r.Stop()
	r.clock.Advance(time.Hour)
	r.start()
	r.clock.Advance(collections.Lease) // within lease and grace
	reply := a.report(downloading(start))
	if reply.Jobs[0].Code != "" || reply.Jobs[0].Stored == nil || len(reply.Jobs[0].Stored.Parts) != 1 {
		t.Fatalf("got %+v", reply.Jobs[0])
	}
	if reply := a.report(downloading(start)); reply.Jobs[0].Stored != nil {
		t.Fatal("the account is sent again without need")
	}
	r.clock.Advance(collections.Lease - time.Second)
	a.report(downloading(start))
	if r.find("jobs", job.Id).GetInt("attempt") != 1 {
		t.Fatal("the attempt was lost")
	}
	r.restart()
	r.clock.Advance(collections.Lease + collections.LeaseGrace + time.Second)
	r.untilStatus(job.Id, collections.StatusQueued)
}

func TestTheAccountIsRepeatedUntilItWasRead(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	r.addTorrent(r.user, metainfo(t, "t", testFile{"a", 1000}), nil)
	start := a.started(1)
	r.restart()
	a.report(downloading(start)) // its reply is lost
	a.seq++
	a.last.Seq, a.last.Answered = a.seq, a.seq-2
	if reply, err := a.again(); err != nil || reply.Jobs[0].Stored == nil {
		t.Fatalf("got %+v, %v", reply, err)
	}
	if reply := a.report(downloading(start)); reply.Jobs[0].Stored != nil {
		t.Fatalf("got %+v", reply)
	}
}

func TestAFailedStartIsTriedAgainAndInTheEndADeadLetter(t *testing.T) {
	r := newSweepingRig(t)
	a := r.newAgent(false)
	a.onStart = func(collections.StartRequest) error {
		return collections.Errorf(collections.CodeDiskFull, "The disk is full.")
	}
	a.report()
	job := r.addTorrent(r.user, metainfo(t, "t", testFile{"a", 1000}), nil)
	for n := 1; n <= collections.MaxRetries; n++ {
		r.until("the job is put back", func() bool {
			row := r.find("jobs", job.Id)
			return row.GetInt("retries") == n && row.GetString("status") == string(collections.StatusQueued)
		})
		row := r.find("jobs", job.Id)
		full := time.Second << (n - 1)
		if wait := row.GetDateTime("next_attempt_at").Time().Sub(r.clock.Now()); wait < full/2-time.Millisecond || wait > full {
			t.Fatalf("retry %d waits %s", n, wait)
		}
		r.clock.Advance(full)
		a.report()
	}
	row := r.untilStatus(job.Id, collections.StatusFailed)
	if !row.GetBool("dead_letter") || row.GetString("error_code") != string(collections.CodeDiskFull) || row.GetString("error") != "The disk is full." {
		t.Fatalf("got %v", row.PublicExport())
	}
	if got := a.started(collections.MaxRetries + 1).Attempt; got != collections.MaxRetries+1 {
		t.Fatalf("attempt %d", got)
	}
	r.mustFold(job.Id)
}

func TestAnAgentWithoutRoomIsNotAFailure(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.onStart = func(collections.StartRequest) error {
		return collections.Errorf(collections.CodeUnavailable, "All slots are taken.")
	}
	a.report()
	job := r.addTorrent(r.user, metainfo(t, "t", testFile{"a", 1000}), nil)
	a.started(1)
	r.until("the job is put back", func() bool { return r.find("jobs", job.Id).GetString("next_attempt_at") != "" })
	if got := r.find("jobs", job.Id).GetInt("retries"); got != 0 {
		t.Fatalf("%d retries", got)
	}
}

func TestASlowAgentDoesNotHoldOthersUp(t *testing.T) {
	r := newRig(t)
	slow, quick := r.newAgent(true), r.newAgent(false)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	slow.slots = 1
	slow.onStart = func(collections.StartRequest) error { <-release; return nil }
	slow.report()
	quick.report()
	r.addTorrent(r.user, metainfo(t, "first", testFile{"a", 1}), nil)
	slow.started(1)
	second := r.addTorrent(r.user, metainfo(t, "second", testFile{"a", 1}), nil)
	if got := quick.started(1).JobID; got != second.Id {
		t.Fatalf("got %s", got)
	}
}

func TestAJobWithoutAnAgentSaysWhy(t *testing.T) {
	r := newRig(t)
	job := r.addTorrent(r.user, metainfo(t, "t", testFile{"a", 1}), nil)
	untilVerdict := func(code collections.Code, message string) {
		t.Helper()
		r.until(message, func() bool {
			v, _ := r.board.Verdict(job.Id)
			return v.Code == code && v.Message == message
		})
	}
	untilVerdict(collections.CodeNoAgent, "Waiting for an agent: none is connected.")
	a := r.newAgent(false)
	a.slots = 0
	a.report()
	untilVerdict(collections.CodeNoAgent, "Waiting for an agent with a free slot.")
	a.slots = 1
	a.engines = nil
	row := r.find("jobs", job.Id)
	row.Set("engine", "other")
	r.must(r.app.Save(row))
	a.report()
	untilVerdict(collections.CodeEngineMissing, "Waiting for an agent with the engine other.")
	a.engines = []collections.EngineHealth{{Name: "other"}}
	a.report()
	a.started(1)
	if v, ok := r.board.Verdict(job.Id); ok {
		t.Fatalf("still %+v", v)
	}
}

func TestOneInfohashIsNotPlacedTwiceOnOneAgent(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	m := private(t, metainfo(t, "t", testFile{"a", 1000}))
	other := hookstest.MustCreateUser(t, r.app, "b@example.com", collections.RoleUser)
	first := r.addTorrent(r.user, m, nil)
	start := a.started(1)
	second := r.addTorrent(other, m, nil)
	r.until("the second says why it waits", func() bool {
		v, _ := r.board.Verdict(second.Id)
		return v.Message == "Waiting for another job of the same torrent to end."
	})
	a.report(in(collections.AgentUploading, start, a.upload(start, 0, 1000)...))
	r.untilStatus(first.Id, collections.StatusCompleted)
	if got := a.started(2).JobID; got != second.Id {
		t.Fatalf("got %s", got)
	}
}

func TestADrainingAgentGetsNothingNew(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	row := r.find("agents", a.id)
	row.Set("draining", true)
	r.must(r.app.Save(row))
	job := r.addTorrent(r.user, metainfo(t, "t", testFile{"a", 1}), nil)
	r.until("the job waits", func() bool { _, ok := r.board.Verdict(job.Id); return ok })
	row = r.find("agents", a.id)
	row.Set("draining", false)
	r.must(r.app.Save(row))
	a.started(1)
}

func TestAJobPausedByAnotherProcessIsStopped(t *testing.T) {
	r := newSweepingRig(t)
	a := r.newAgent(false)
	a.report()
	job := r.addTorrent(r.user, metainfo(t, "t", testFile{"a", 1000}), nil)
	start := a.started(1)
	second := hookstest.SecondApp(t, r.app)
	hooks.Bind(second)
	if _, err := hooks.Pause(t.Context(), second, job.Id); err != nil {
		t.Fatal(err)
	}
	if stop := a.stopped(1); !stop.KeepData || stop.Attempt != start.Attempt {
		t.Fatalf("got %+v", stop)
	}
}

func TestAnotherProcessMayWriteAllTheTime(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	second := hookstest.SecondApp(t, r.app)
	hooks.Bind(second)
	label := hookstest.MustCreateJob(t, r.app, r.user, func(job *core.Record) { job.Set("status", "paused") })
	done, failed := make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(failed)
		pace := time.NewTicker(20 * time.Millisecond)
		defer pace.Stop()
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			case <-pace.C:
			}
			_, err := hooks.ChangeJob(second, label.Id, func(_ core.App, job *core.Record) error { job.Set("done_bytes", i+1); return nil })
			if err != nil {
				failed <- err
				return
			}
		}
	}()
	job := r.addTorrent(r.user, metainfo(t, "t", testFile{"a", 1000}, testFile{"b", 20 << 20}), nil)
	start := a.started(1)
	for _, part := range append(a.upload(start, 1, 20<<20), a.upload(start, 0, 1000)...) {
		a.report(downloading(start, part))
	}
	a.report(in(collections.AgentUploading, start))
	r.untilStatus(job.Id, collections.StatusCompleted)
	close(done)
	r.must(<-failed)
	r.mustFold(job.Id)
}

func TestAJobGoesBackToTheAgentThatHoldsItsData(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	job := r.addTorrent(r.user, metainfo(t, "t", testFile{"a", 1000}), nil)
	a.started(1)
	nearer := r.newAgent(true) // would be chosen otherwise
	nearer.report()
	a.restart()
	a.report(collections.JobReport{JobID: job.Id, Attempt: 1, State: collections.AgentHeld})
	if got := a.started(2); got.JobID != job.Id || got.Attempt != 2 {
		t.Fatalf("got %+v", got)
	}
}

func TestAJobBehindAThousandThatCannotRunIsPlaced(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	for range 1001 {
		hookstest.MustCreateJob(t, r.app, r.user, func(job *core.Record) { job.Set("engine", "missing") })
	}
	job := r.addTorrent(r.user, metainfo(t, "t", testFile{"a", 1000}), nil)
	a.report()
	if got := a.started(1).JobID; got != job.Id {
		t.Fatalf("got %s", got)
	}
}
