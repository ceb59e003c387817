package dispatch_test

import (
	"testing"
	"time"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// moved answers what the rig's user is counted for.
func (r *rig) moved() (down, up int64) {
	r.t.Helper()
	days, err := hooks.MetricsOf(r.app, r.user.Id, r.clock.Now(), 3)
	r.must(err)
	for _, day := range days {
		down, up = down+day.Downloaded, up+day.Uploaded
	}
	return down, up
}

func (r *rig) wantMoved(what string, down, up int64) {
	r.t.Helper()
	if d, u := r.moved(); d != down || u != up {
		r.t.Errorf("%s: %d bytes down and %d up are counted instead of %d and %d", what, d, u, down, up)
	}
}

func TestSwarmTrafficCountsOnce(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	r.addTorrent(r.user, metainfo(t, "album", testFile{"a", 30_000_000}), nil)
	a.report()
	start := a.started(1)
	traffic := func(start collections.StartRequest, state collections.AgentState, down, up int64) collections.JobReport {
		report := in(state, start)
		report.Downloaded, report.Uploaded = down, up
		return report
	}
	tell := func(what string, report collections.JobReport, down, up int64) {
		t.Helper()
		a.report(report)
		r.wantMoved(what, down, up)
	}
	tell("at first, since the row was just written", traffic(start, collections.AgentDownloading, 100, 10), 0, 0)
	r.clock.Advance(collections.ProgressWrite)
	tell("ten seconds later", traffic(start, collections.AgentDownloading, 200, 20), 200, 20)
	tell("a moment later", traffic(start, collections.AgentDownloading, 210, 20), 200, 20)
	if _, err := a.again(); err != nil {
		t.Fatal(err)
	}
	r.wantMoved("a replay", 200, 20)
	r.clock.Advance(collections.ProgressWrite)
	tell("figures that fell", traffic(start, collections.AgentDownloading, 150, 25), 200, 25)
	r.restart()
	tell("after a start of the control plane", traffic(start, collections.AgentDownloading, 230, 25), 230, 25)
	tell("when all is fetched", traffic(start, collections.AgentUploading, 240, 30), 240, 30)
	a.restart()
	a.report()
	second := a.started(2)
	r.clock.Advance(collections.ProgressWrite)
	tell("the next attempt begins at nothing", traffic(second, collections.AgentDownloading, 7, 3), 247, 33)
	if _, err := a.tryReport(traffic(start, collections.AgentDownloading, 9999, 9999)); collections.CodeOf(err) != collections.CodeAttemptStale {
		t.Errorf("an attempt that is over is answered %v", err)
	}
	r.wantMoved("a report of the attempt before", 247, 33)
	r.clock.Advance(24 * time.Hour)
	if _, err := hooks.Pause(t.Context(), r.app, start.JobID); err != nil {
		t.Fatal(err)
	}
	tell("the last word of a paused attempt", traffic(second, collections.AgentStopped, 10, 5), 250, 35)
	today, err := hooks.MetricsOf(r.app, r.user.Id, r.clock.Now(), 1)
	if err != nil || today[0].Downloaded != 3 {
		t.Errorf("today %+v, %v", today, err)
	}
}

func TestImpossibleTrafficIsTamed(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	r.addTorrent(r.user, metainfo(t, "album", testFile{"a", 30_000_000}), nil)
	a.report()
	report := downloading(a.started(1))
	r.clock.Advance(collections.ProgressWrite)
	report.Downloaded, report.Uploaded = -5, 1<<62
	a.report(report)
	r.wantMoved("beyond all", 0, collections.MaxSizeBytes)
}
