package dispatch_test

import (
	"testing"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// figures answers what browsers are told of a job's bytes.
func (r *rig) figures(jobID string) (done, stored int64) {
	job := r.board.Job(r.find("jobs", jobID))
	return job.DoneBytes, job.StoredBytes
}

func (r *rig) mustShow(when, jobID string, wantDone, wantStored int64) {
	r.t.Helper()
	if done, stored := r.figures(jobID); done != wantDone || stored != wantStored {
		r.t.Fatalf("%s: %d bytes are done and %d stored, not %d and %d", when, done, stored, wantDone, wantStored)
	}
}

func counted(start collections.StartRequest, done, stored int64) collections.JobReport {
	entry := downloading(start)
	entry.DoneBytes, entry.StoredBytes = done, stored
	return entry
}

func TestFiguresDoNotFallWhileAnAgentLooksAtItsData(t *testing.T) {
	r, a, start := running(t)
	a.report(counted(start, 5000, 1000)) // in memory only: the row is written every ten seconds
	_, err := hooks.Pause(t.Context(), r.app, start.JobID)
	r.must(err)
	a.stopped(1)
	r.mustShow("paused", start.JobID, 5000, 1000)
	_, err = hooks.Resume(t.Context(), r.app, start.JobID)
	r.must(err)
	again := a.started(2)
	r.mustShow("started again", start.JobID, 5000, 1000)
	a.report(counted(again, 0, 0))
	r.mustShow("while it looks", start.JobID, 5000, 1000)
	a.report(counted(again, 6000, 1000))
	r.mustShow("later", start.JobID, 6000, 1000)
	if live, _ := r.board.Get(start.JobID); live.Status != collections.StatusDownloading || live.DoneBytes != 6000 {
		t.Fatalf("got %+v", live)
	}
	r.clock.Advance(collections.ProgressWrite)
	a.report(counted(again, 6000, 1000))
	r.restart()
	r.mustShow("after a restart", start.JobID, 6000, 1000)
}

func TestAnAgentWithoutTheDataBeginsWithWhatIsStored(t *testing.T) {
	r, a, start := running(t)
	a.report(counted(start, 5000, 1000))
	a.drain = true
	other := r.newAgent(false)
	other.report()
	if _, err := a.tryReport(in(collections.AgentFailed, start)); collections.CodeOf(err) != collections.CodeAttemptStale {
		t.Fatalf("got %v", err)
	}
	r.clock.Advance(collections.LeaseGrace)
	other.report()
	other.started(1)
	r.mustShow("on another agent", start.JobID, 1000, 1000)
}

func TestAPausedJobHasNoVerdict(t *testing.T) {
	r, a, start := running(t)
	entry := downloading(start)
	entry.Code, entry.Message = collections.CodeNoPeers, "No peer was found yet."
	a.report(entry)
	if _, stands := r.board.Verdict(start.JobID); !stands {
		t.Fatal("the verdict of a running job is not there")
	}
	_, err := hooks.Pause(t.Context(), r.app, start.JobID)
	r.must(err)
	if v, stands := r.board.Verdict(start.JobID); stands {
		t.Fatalf("running: still %+v", v)
	}
	a.slots = 0
	a.report()
	waiting := r.addTorrent(r.user, metainfo(t, "w", testFile{"a", 1}), nil)
	r.until("a verdict", func() bool { _, stands := r.board.Verdict(waiting.Id); return stands })
	_, err = hooks.Pause(t.Context(), r.app, waiting.Id)
	r.must(err)
	r.until("the waiting job's verdict is gone", func() bool { _, stands := r.board.Verdict(waiting.Id); return !stands })
}
