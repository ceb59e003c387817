package dispatch_test

import (
	"testing"
	"time"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

func (s *shared) fail(code collections.Code, final bool) {
	failed := in(collections.AgentFailed, s.start)
	failed.Code, failed.Message, failed.Final = code, "It failed.", final
	_, err := s.agent.tryReport(failed)
	if code := collections.CodeOf(err); err != nil && code != collections.CodeAttemptStale {
		s.t.Fatal(err)
	}
}

func TestTheSecondJobTakesOverFromTheFirst(t *testing.T) {
	for name, c := range map[string]struct {
		end      func(s *shared)
		inherits bool // what was fetched and is not stored yet
	}{
		"that is cancelled": {func(s *shared) {
			_, err := hooks.Cancel(s.t.Context(), s.app, s.first.Id)
			s.must(err)
		}, true},
		"that is paused": {func(s *shared) {
			_, err := hooks.Pause(s.t.Context(), s.app, s.first.Id)
			s.must(err)
		}, true},
		"that is deleted":              {func(s *shared) { s.delete("jobs", s.first.Id) }, true},
		"whose owner is deleted":       {func(s *shared) { s.delete("users", s.user.Id) }, true},
		"that is to try again later":   {func(s *shared) { s.fail(collections.CodeEngineCrashed, false) }, true},
		"that is poison":               {func(s *shared) { s.fail(collections.CodePoison, true) }, false},
		"that fails for want of peers": {func(s *shared) { s.fail(collections.CodeNoPeers, true) }, false},
		"that a dashboard fails": {func(s *shared) {
			job := s.find("jobs", s.first.Id)
			job.Set("status", string(collections.StatusFailed))
			s.must(s.app.Save(job))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShared(t, newRig(t))
			c.end(s)
			if got := s.waitsFor(s.second.Id); got != "" {
				t.Fatalf("with the end of the first the second still waits for %q", got)
			}
			s.mustTakeOver(s.agent, 2)
			from := map[bool]string{true: s.first.Id}[c.inherits]
			if got := s.agent.started(2).Inherit; got != from || s.agent.stopped(1).KeepData != c.inherits {
				t.Errorf("it inherits from %q after %+v", got, s.agent.stopped(1))
			}
			s.mustBeSound()
		})
	}
}

func TestALegacyThatNobodyWantsIsGivenUp(t *testing.T) {
	s := newShared(t, newRig(t))
	s.agent.slots = 0
	s.agent.report(downloading(s.start))
	s.delete("jobs", s.first.Id)
	if stop := s.agent.stopped(1); !stop.KeepData {
		t.Fatalf("stopped with %+v", stop)
	}
	held := collections.JobReport{JobID: s.first.Id, Attempt: 1, State: collections.AgentHeld, ETASeconds: -1}
	if reply, err := s.agent.tryReport(held); err == nil && reply.Jobs[0].Code == collections.CodeJobEnded {
		t.Error("the data are to be removed that the second is to have")
	}
	other := s.newAgent(false)
	other.report()
	s.mustTakeOver(other, 1)
	if got := other.started(1).Inherit; got != "" {
		t.Errorf("on another agent it inherits from %q", got)
	}
	if reply := s.agent.report(held); reply.Jobs[0].Code != collections.CodeJobEnded {
		t.Errorf("what is still held is answered with %+v", reply.Jobs[0])
	}
}

func TestTheSecondJobTakesOverFromALostAgent(t *testing.T) {
	s := newShared(t, newSweepingRig(t))
	living := s.newAgent(false)
	s.clock.Advance(collections.Lease + time.Second)
	living.report()
	s.mustTakeOver(living, 1)
	s.until("the first has it too, without an agent", func() bool {
		s.clock.Advance(time.Minute) // its retry is due
		return s.status(s.first.Id) == collections.StatusCompleted
	})
	s.mustHave(s.first.Id, s.m)
	s.mustBeSound()
}

func TestAnAgentThatStartsAnewGoesOnWithEitherJob(t *testing.T) {
	s := newShared(t, newRig(t))
	s.agent.restart()
	s.agent.report()
	start := s.agent.started(2)
	s.agent.rest(start, s.m)
	for _, job := range []string{s.first.Id, s.second.Id} {
		s.untilStatus(job, collections.StatusCompleted)
		s.mustHave(job, s.m)
	}
	s.mustBeSound()
}

func TestTheFirstEndsWhileTheControlPlaneIsDown(t *testing.T) {
	s := newShared(t, newRig(t))
	s.Stop()
	s.delete("jobs", s.first.Id)
	s.rig.start()
	s.agent.report()
	s.mustTakeOver(s.agent, 2)
	s.mustBeSound()
}

func TestTheWaitOutlivesARestart(t *testing.T) {
	s := newShared(t, newRig(t))
	s.restart()
	s.until("the second says why it waits", func() bool {
		v, _ := s.board.Verdict(s.second.Id)
		return v.Code == collections.CodeWaitsForContent
	})
	s.agent.report(downloading(s.start))
	s.agent.rest(collections.StartRequest{JobID: s.first.Id, Attempt: 1, Stored: collections.Stored{Files: []int{0}, Parts: []collections.StoredParts{{File: 1, Numbers: []int{2}}}}}, s.m)
	for _, job := range []string{s.first.Id, s.second.Id} {
		s.untilStatus(job, collections.StatusCompleted)
		s.mustHave(job, s.m)
	}
	s.mustBeSound()
}

func TestTheSecondJobEndsWithTheFirstThatCompletes(t *testing.T) {
	s := newShared(t, newRig(t))
	s.until("the second has what is stored", func() bool { return s.file(s.second.Id, 0).GetBool("is_complete") })
	s.agent.rest(collections.StartRequest{JobID: s.first.Id, Attempt: 1, Stored: collections.Stored{Files: []int{0}, Parts: []collections.StoredParts{{File: 1, Numbers: []int{2}}}}}, s.m)
	for _, job := range []string{s.first.Id, s.second.Id} {
		s.untilStatus(job, collections.StatusCompleted)
		s.mustHave(job, s.m)
		s.mustFold(job)
	}
	if job := s.find("jobs", s.second.Id); job.GetInt("attempt") != 0 || job.GetString("waits_for") != "" {
		t.Errorf("it is %v", job.PublicExport())
	}
	if n := s.count("objects"); n != 3 {
		t.Errorf("%d objects", n)
	}
	s.mustBeSound()
}

func TestABlockedTorrentEndsBothJobs(t *testing.T) {
	s := newShared(t, newRig(t))
	s.block(s.app, string(s.m.Infohash))
	s.mustBeBlocked(s.first.Id)
	s.mustBeBlocked(s.second.Id)
	if s.waitsFor(s.first.Id)+s.waitsFor(s.second.Id) != "" {
		t.Error("one waits still")
	}
	s.until("nothing unfinished is left", func() bool { return s.count("objects") == 1 && s.count("uploads") == 0 }) // file 0 is both's
	s.mustBeSound()
}
