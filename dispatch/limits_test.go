package dispatch_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// limited gives all plans a time without metadata of 10 minutes and one without bytes of 20.
func (r *rig) limited() *rig {
	r.t.Helper()
	_, err := r.app.NonconcurrentDB().Update("plans", dbx.Params{"metadata_minutes": 10, "stall_minutes": 20}, nil).Execute()
	r.must(err)
	return r
}

// pass moves the clock while agents report that nothing changes, often enough to keep their leases.
func (r *rig) pass(by time.Duration, report func()) {
	r.t.Helper()
	for step := collections.Lease - time.Second; by > 0; by -= step {
		r.clock.Advance(min(step, by))
		report()
	}
}

// swept has the rig look for what is over once more, at the time it is now.
func (r *rig) swept() *rig {
	r.t.Helper()
	r.must(r.SweepLeases())
	return r
}

func at(state collections.AgentState, start collections.StartRequest, peers, seeds int, done int64) collections.JobReport {
	return collections.JobReport{JobID: start.JobID, Attempt: start.Attempt, State: state, Peers: peers, Seeds: seeds, DoneBytes: done, ETASeconds: -1}
}

// lastStart answers the newest start that the agent was told.
func (a *testAgent) lastStart() (collections.StartRequest, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.starts) == 0 {
		return collections.StartRequest{}, false
	}
	return a.starts[len(a.starts)-1], true
}

func TestAJobWithoutMetadataFailsInTime(t *testing.T) {
	r := newRig(t).limited()
	a := r.newAgent(false)
	a.report()
	job := r.addMagnet(metainfo(t, "t", testFile{"a", 1000}))
	start := a.started(1)
	a.report(at(collections.AgentFetchingMetadata, start, 3, 1, 0))
	waiting := func() {
		e := at(collections.AgentFetchingMetadata, start, 2, 0, 0)
		e.Code, e.Message = collections.CodeNoPeers, "The tracker answered: unregistered torrent."
		a.report(e)
	}
	r.pass(10*time.Minute-time.Second, waiting)
	if got := r.swept().status(job.Id); got != collections.StatusFetchingMetadata {
		t.Fatalf("the job is %s a second before its time is over", got)
	}
	r.pass(2*time.Second, waiting)
	row := r.swept().untilStatus(job.Id, collections.StatusFailed)
	want := "The torrent's metadata did not come within 10 minutes. At most 3 peers were seen at once, 1 of them seeds. The agent said: The tracker answered: unregistered torrent."
	if row.GetString("error_code") != string(collections.CodeNoMetadata) || row.GetString("error") != want || row.GetBool("dead_letter") {
		t.Fatalf("got %v", row.PublicExport())
	}
	r.mustFold(job.Id)
}

func TestTimeWithoutBytesIsCountedFromTheLastOnes(t *testing.T) {
	r := newRig(t).limited()
	a := r.newAgent(false)
	a.report()
	job := r.addTorrent(r.user, metainfo(t, "t", testFile{"a", 20 << 20}), nil)
	start := a.started(1)
	standing := func() { a.report(at(collections.AgentDownloading, start, 0, 0, 1000)) }
	r.pass(19*time.Minute, func() { a.report(at(collections.AgentDownloading, start, 5, 0, 0)) })
	standing() // something came
	r.pass(19*time.Minute, standing)
	if got := r.swept().status(job.Id); got != collections.StatusDownloading {
		t.Fatalf("the job is %s", got)
	}
	r.pass(time.Minute+time.Second, standing)
	row := r.swept().untilStatus(job.Id, collections.StatusFailed)
	if want := "Nothing new came for 20 minutes. At most 5 peers were seen at once, 0 of them seeds."; row.GetString("error") != want || row.GetString("error_code") != string(collections.CodeStalled) {
		t.Fatalf("got %v", row.PublicExport())
	}
}

func TestTimeInWhichAJobDoesNotRunIsNotCounted(t *testing.T) {
	for _, tc := range []struct {
		name string
		rest func(r *rig, a *testAgent, start collections.StartRequest) collections.StartRequest
	}{
		{"paused", func(r *rig, a *testAgent, start collections.StartRequest) collections.StartRequest {
			_, err := hooks.Pause(context.Background(), r.app, start.JobID)
			r.must(err)
			a.stopped(1)
			r.pass(15*time.Minute, func() { a.report() })
			_, err = hooks.Resume(context.Background(), r.app, start.JobID)
			r.must(err)
			return a.started(2)
		}},
		{"queued", func(r *rig, a *testAgent, start collections.StartRequest) collections.StartRequest {
			a.drain = true
			_, _ = a.tryReport(collections.JobReport{JobID: start.JobID, Attempt: start.Attempt, State: collections.AgentStopped}) // answered attempt_stale
			r.pass(15*time.Minute, func() { a.report() })
			a.drain = false
			a.report()
			return a.started(2)
		}},
		{"while the control plane is down", func(r *rig, a *testAgent, start collections.StartRequest) collections.StartRequest {
			r.Stop()
			r.clock.Advance(3 * time.Hour)
			r.start()
			r.swept()
			return start
		}},
		{"while the control plane is down twice", func(r *rig, a *testAgent, start collections.StartRequest) collections.StartRequest {
			for range 2 {
				r.Stop()
				r.clock.Advance(3 * time.Hour)
				r.start()
			}
			r.swept()
			return start
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t).limited()
			a := r.newAgent(false)
			a.report()
			job := r.addMagnet(metainfo(t, "t", testFile{"a", 1000}))
			start := a.started(1)
			waiting := func() { a.report(at(collections.AgentFetchingMetadata, start, 0, 0, 0)) }
			r.pass(5*time.Minute, waiting)
			start = tc.rest(r, a, start)
			waiting()
			r.pass(4*time.Minute, waiting)
			if got := r.swept().status(job.Id); got != collections.StatusFetchingMetadata {
				t.Fatalf("the job is %s after 9 minutes", got)
			}
			r.pass(90*time.Second, waiting) // leases and rows are up to 15 s apart
			r.swept().untilStatus(job.Id, collections.StatusFailed)
		})
	}
}

func TestAStandingJobIsMovedOnceToEveryAgent(t *testing.T) {
	r := newRig(t).limited()
	agents := []*testAgent{r.newAgent(false), r.newAgent(false), r.newAgent(false)}
	report := func() {
		for _, a := range agents {
			if start, ok := a.lastStart(); ok && r.find("jobs", start.JobID).GetString("agent_id") == a.id {
				a.report(at(collections.AgentFetchingMetadata, start, 0, 0, 0))
				continue
			}
			a.report()
		}
	}
	report()
	job := r.addMagnet(metainfo(t, "t", testFile{"a", 1000}))
	tried := map[string]bool{}
	for attempt := 1; attempt <= 3; attempt++ {
		r.until("the next attempt runs", func() bool { return r.find("jobs", job.Id).GetInt("attempt") == attempt })
		row := r.find("jobs", job.Id)
		tried[row.GetString("agent_id")] = true
		if got := row.GetInt("failovers"); got != attempt-1 || row.GetInt("retries") != 0 {
			t.Fatalf("attempt %d: %v", attempt, row.PublicExport())
		}
		r.until("an agent has been told", func() bool {
			return slices.ContainsFunc(agents, func(a *testAgent) bool {
				start, ok := a.lastStart()
				return ok && start.Attempt == int64(attempt)
			})
		})
		r.pass(11*time.Minute, report)
		r.swept()
	}
	row := r.untilStatus(job.Id, collections.StatusFailed)
	if want := "The torrent's metadata did not come within 10 minutes on each of 3 agents. No peer was seen."; row.GetString("error") != want || len(tried) != 3 {
		t.Fatalf("tried %v, %v", tried, row.PublicExport())
	}
	r.mustFold(job.Id)
}

func TestAMovedJobWaitsForTheAgentThatHasNotTriedIt(t *testing.T) {
	r := newRig(t).limited()
	a, b := r.newAgent(false), r.newAgent(false)
	b.slots = 0
	a.report()
	b.report()
	job := r.addMagnet(metainfo(t, "t", testFile{"a", 1000}))
	start := a.started(1)
	r.pass(11*time.Minute, func() {
		a.report(at(collections.AgentFetchingMetadata, start, 0, 0, 0))
		b.report()
	})
	r.swept().untilStatus(job.Id, collections.StatusQueued)
	r.until("the job waits for the other agent", func() bool {
		v, _ := r.board.Verdict(job.Id)
		return v.Message == "Waiting for a free slot of another agent: the ones before got no further."
	})
	b.slots = 1
	b.report()
	if got := b.started(1); got.JobID != job.Id || got.Attempt != 2 {
		t.Fatalf("got %+v", got)
	}
}

func TestWithoutALimitAJobMayStandForEver(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	job := r.addMagnet(metainfo(t, "t", testFile{"a", 1000}))
	start := a.started(1)
	for range 400 {
		r.clock.Advance(collections.Lease - time.Second)
		a.report(at(collections.AgentFetchingMetadata, start, 0, 0, 0))
	}
	r.clock.Advance(300 * 24 * time.Hour)
	a.report(at(collections.AgentFetchingMetadata, start, 0, 0, 0))
	if got := r.swept().status(job.Id); got != collections.StatusFetchingMetadata {
		t.Fatalf("the job is %s", got)
	}
}

func TestAFailedJobGoesToAnotherAgentFirst(t *testing.T) {
	r := newSweepingRig(t)
	a, b := r.newAgent(true), r.newAgent(false) // the local one would be preferred
	a.report()
	b.report()
	job := r.addTorrent(r.user, metainfo(t, "t", testFile{"a", 1000}), nil)
	start := a.started(1)
	_, _ = a.tryReport(collections.JobReport{JobID: job.Id, Attempt: 1, State: collections.AgentFailed, Code: collections.CodeEngineFailed, Message: "It broke."}) // answered attempt_stale
	r.untilStatus(job.Id, collections.StatusQueued)
	r.clock.Advance(2 * time.Second)
	a.report(collections.JobReport{JobID: job.Id, Attempt: start.Attempt, State: collections.AgentHeld})
	b.report()
	second := b.started(1)
	_, _ = b.tryReport(collections.JobReport{JobID: job.Id, Attempt: second.Attempt, State: collections.AgentFailed, Code: collections.CodeEngineFailed, Message: "It broke."}) // answered attempt_stale
	r.untilStatus(job.Id, collections.StatusQueued)
	if got, want := r.find("jobs", job.Id).GetString("avoid_agents"), b.id+" "+a.id; got != want {
		t.Fatalf("avoided are %q, not %q", got, want)
	}
	r.clock.Advance(3 * time.Second)
	a.report()
	b.report()
	third := a.started(2)
	e := downloading(third)
	e.DoneBytes = 500
	r.clock.Advance(collections.ProgressWrite)
	a.report(e)
	if row := r.find("jobs", job.Id); row.GetString("avoid_agents") != "" || row.GetInt("retries") != 0 {
		t.Fatalf("after it got on: %v", row.PublicExport())
	}
}
