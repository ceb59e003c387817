package dispatch_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// complete runs a job to its end.
func (r *rig) complete(a *testAgent, user *core.Record, m *collections.Metainfo, selection []int) *core.Record {
	r.t.Helper()
	a.mu.Lock()
	n := len(a.starts)
	a.mu.Unlock()
	job := r.addTorrent(user, m, selection)
	a.rest(a.started(n+1), m)
	return r.untilStatus(job.Id, collections.StatusCompleted)
}

// untilEmpty waits until the store has nothing at all any more.
func (r *rig) untilEmpty() {
	r.t.Helper()
	r.until("the store is empty", func() bool { objects, uploads := r.inStore(); return objects+uploads == 0 })
}

func TestAStoredTorrentNeedsNoAgent(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	m := genuine(t, "t", testFile{"a", 1000}, testFile{"b", 8<<20 + 1}, testFile{"empty", 0})
	first := r.complete(a, r.user, m, nil)
	a.slots = 0
	a.report()
	second := r.addTorrent(r.newUser("b"), m, nil)
	done := r.untilStatus(second.Id, collections.StatusCompleted)
	r.mustHave(second.Id, m)
	if way := r.mustFold(second.Id); !slices.Equal(way, []collections.Status{"queued", "completed"}) || done.GetInt("attempt") != 0 {
		t.Errorf("it went %v", way)
	}
	if n := r.count("objects"); n != 3 {
		t.Errorf("%d objects", n)
	}
	r.mustBeSound()

	r.delete("jobs", first.Id)
	r.mustHave(second.Id, m)
	r.mustBeSound()
	r.delete("users", second.GetString("user_id"))
	r.untilEmpty()
	r.mustBeSound()
}

func TestAMagnetOfAStoredTorrentNeedsNoMetadata(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	m := genuine(t, "t", testFile{"a", 1000}, testFile{"b", 2000})
	r.complete(a, r.user, m, nil)
	other := r.newUser("b")
	job := r.addMagnetOf(other, m, nil)
	done := r.untilStatus(job.Id, collections.StatusCompleted)
	r.mustHave(job.Id, m)
	if done.GetString("name") != m.Name || done.GetInt("attempt") != 0 {
		t.Errorf("got %v", done.PublicExport())
	}
	r.mustFold(job.Id)
	r.mustBeSound()
}

func TestOnlyTheMissingFilesAreFetched(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	m := genuine(t, "t", testFile{"a", 1000}, testFile{"b", 2000})
	r.complete(a, r.user, m, []int{0})
	second := r.addTorrent(r.newUser("b"), m, nil)
	start := a.started(2)
	if !slices.Equal(start.Stored.Files, []int{0}) || start.JobID != second.Id {
		t.Fatalf("it begins with %+v", start)
	}
	a.rest(start, m)
	r.untilStatus(second.Id, collections.StatusCompleted)
	r.mustHave(second.Id, m)
	r.mustBeSound()
}

func TestAJobThatWantsMoreRunsForTheRestAfterwards(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	m := genuine(t, "t", testFile{"a", 1000}, testFile{"b", 2000}, testFile{"c", 8<<20 + 1})
	first := r.addTorrent(r.user, m, []int{0, 1})
	start := a.started(1)
	b := r.newAgent(false)
	b.report()
	second := r.addTorrent(r.newUser("b"), m, []int{1, 2})
	r.untilWaits(second.Id, first.Id)
	a.report(downloading(start, a.upload(start, 1, 2000)...)) // all they have in common; the first goes on
	next := b.started(1)
	if next.JobID != second.Id || !slices.Equal(next.Stored.Files, []int{1}) {
		t.Fatalf("it begins with %+v", next)
	}
	b.rest(next, m)
	r.untilStatus(second.Id, collections.StatusCompleted)
	a.report(in(collections.AgentUploading, start, a.upload(start, 0, 1000)...))
	r.untilStatus(first.Id, collections.StatusCompleted)
	r.mustBeSound()
}

func TestJobsWithNothingInCommonRunSideBySide(t *testing.T) {
	r := newRig(t)
	a, b := r.newAgent(false), r.newAgent(false)
	a.report()
	b.report()
	m := genuine(t, "t", testFile{"a", 1000}, testFile{"b", 2000})
	first, second := r.addTorrent(r.user, m, []int{0}), r.addTorrent(r.newUser("b"), m, []int{1})
	for _, agent := range []*testAgent{a, b} {
		agent.rest(agent.started(1), m)
	}
	r.untilStatus(first.Id, collections.StatusCompleted)
	r.untilStatus(second.Id, collections.StatusCompleted)
	r.mustBeSound()
}

func TestPrivateTorrentsAreSharedWithinAUserOnly(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	m := private(t, genuine(t, "t", testFile{"a", 1000}))
	first := r.complete(a, r.user, m, nil)
	other := r.newUser("b")
	r.complete(a, other, m, nil)
	magnet := r.addMagnetOf(r.newUser("c"), m, nil) // whoever guesses the infohash learns nothing of it
	if start := a.started(3); start.JobID != magnet.Id || start.Metainfo != nil {
		t.Errorf("it begins with %+v", start)
	}
	again := r.addMagnetOf(r.user, m, nil)
	r.untilStatus(again.Id, collections.StatusCompleted)
	if n := r.count("objects"); n != 2 {
		t.Errorf("%d objects", n)
	}
	r.delete("jobs", first.Id)
	r.mustHave(again.Id, m)
	r.mustBeSound()
}

func TestTheSharingCanBeSwitched(t *testing.T) {
	r := newRig(t)
	a, b := r.newAgent(false), r.newAgent(false)
	a.slots = 9
	a.report()
	m := genuine(t, "t", testFile{"a", 1000}, testFile{"b", 2000})
	first := r.addTorrent(r.user, m, nil)
	start := a.started(1)
	r.set("content_once", false)
	second := r.addTorrent(r.newUser("b"), m, nil)
	b.slots = 9
	b.report()
	b.rest(b.started(1), m) // on its own, beside the first
	r.untilStatus(second.Id, collections.StatusCompleted)
	r.set("content_once", true)
	third := r.addTorrent(r.newUser("c"), m, nil)
	r.untilWaits(third.Id, first.Id)
	a.rest(start, m)
	for _, id := range []string{first.Id, third.Id} {
		r.untilStatus(id, collections.StatusCompleted)
	}
	if n := r.count("objects"); n != 4 {
		t.Errorf("%d objects", n)
	}
	for _, id := range []string{first.Id, second.Id, third.Id} {
		r.mustHave(id, m)
	}
	r.mustBeSound()
}

func TestWhoLearnsTheFilesLaterWaits(t *testing.T) {
	r := newRig(t)
	a, b := r.newAgent(false), r.newAgent(false)
	a.report()
	m := genuine(t, "t", testFile{"a", 1000}, testFile{"b", 2000})
	first := r.addMagnet(m)
	start := a.started(1)
	b.report()
	second := r.addMagnetOf(r.newUser("b"), m, nil)
	late := b.started(1)
	third := r.addMagnetOf(r.newUser("c"), m, nil) // nobody has room for it
	var reply collections.MetainfoReply
	r.must(a.send("PUT", "/api/v1/jobs/"+first.Id+"/metainfo?attempt=1", m.InfoBytes, &reply))
	r.untilWaits(third.Id, first.Id)
	r.must(b.send("PUT", "/api/v1/jobs/"+second.Id+"/metainfo?attempt=1", m.InfoBytes, &reply))
	if reply.Code != collections.CodeJobEnded {
		t.Errorf("the agent is told %+v", reply)
	}
	r.untilWaits(second.Id, first.Id)
	if stop := b.stopped(1); stop.JobID != late.JobID {
		t.Errorf("stopped %+v", stop)
	}
	a.rest(start, m)
	for _, id := range []string{first.Id, second.Id, third.Id} {
		r.untilStatus(id, collections.StatusCompleted)
		r.mustHave(id, m)
		r.mustFold(id)
	}
	r.mustBeSound()
}

func TestAWaitingJobShowsItsOwnFilesArrive(t *testing.T) {
	s := newShared(t, newRig(t))
	const stored = 1000 + sharedLarge - 8<<20
	s.until("the second shows what came", func() bool {
		p, _ := s.board.Get(s.second.Id)
		return p.StoredBytes == stored && p.Status == collections.StatusQueued && p.SizeBytes == s.second.GetInt64("size_bytes")
	})
	v, _ := s.board.Verdict(s.second.Id)
	if v.Code != collections.CodeWaitsForContent || bytes.Contains([]byte(v.Message), []byte(s.first.Id)) || bytes.Contains([]byte(v.Message), []byte(s.user.Email())) {
		t.Errorf("it says %+v", v)
	}
	_, err := hooks.Cancel(t.Context(), s.app, s.second.Id)
	s.must(err)
	s.until("nothing is shown of a job that ended", func() bool {
		_, shown := s.board.Get(s.second.Id)
		_, stands := s.board.Verdict(s.second.Id)
		return !shown && !stands
	})
}

func TestAmongSeveralWhoWaitOneRuns(t *testing.T) {
	s := newShared(t, newRig(t))
	third := s.addTorrent(s.newUser("c"), s.m, nil)
	s.untilWaits(third.Id, s.first.Id)
	_, err := hooks.ChangeJob(s.app, third.Id, func(_ core.App, job *core.Record) error {
		job.Set("priority", 5)
		return nil
	})
	s.must(err)
	_, err = hooks.Cancel(t.Context(), s.app, s.first.Id)
	s.must(err)
	start := s.agent.started(2)
	if start.JobID != third.Id {
		t.Fatalf("job %s runs, which is not the first in the queue", start.JobID)
	}
	s.untilWaits(s.second.Id, third.Id)
	s.agent.rest(start, s.m)
	for _, id := range []string{third.Id, s.second.Id} {
		s.untilStatus(id, collections.StatusCompleted)
		s.mustHave(id, s.m)
	}
	s.mustBeSound()
}

func TestARunnerThatGetsNowherePassesItsTurn(t *testing.T) {
	s := newShared(t, newSweepingRig(t))
	for range 45 { // 15 s each, so that its lease lives on
		s.clock.Advance(collections.Lease - time.Second)
		if _, err := s.agent.tryReport(downloading(s.start)); err != nil {
			break
		}
	}
	s.mustTakeOver(s.agent, 2)
	s.until("the first has it too", func() bool {
		s.clock.Advance(time.Minute)
		return s.status(s.first.Id) == collections.StatusCompleted
	})
	s.mustBeSound()
}

func TestATakeOverUsesTheOwnTrackers(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	m := genuine(t, "t", testFile{"a", 1000})
	key := func(user *core.Record, tracker string) *core.Record {
		return r.addMagnetOf(user, m, func(job *core.Record) {
			job.Set("magnet_uri", (&collections.Magnet{Infohash: m.Infohash, Trackers: []string{tracker}}).String())
		})
	}
	first := key(r.user, "http://tracker.example/passkey-of-a")
	a.started(1)
	var reply collections.MetainfoReply
	r.must(a.send("PUT", "/api/v1/jobs/"+first.Id+"/metainfo?attempt=1", m.InfoBytes, &reply))
	second := key(r.newUser("b"), "http://tracker.example/passkey-of-b")
	r.untilWaits(second.Id, first.Id)
	r.delete("jobs", first.Id)
	start := a.started(2)
	got, err := collections.ParseMetainfo(start.Metainfo)
	r.must(err)
	if !slices.Equal(got.Trackers, []string{"http://tracker.example/passkey-of-b"}) || bytes.Contains([]byte(start.Magnet), []byte("passkey-of-a")) {
		t.Errorf("it has the trackers %v and the magnet %s", got.Trackers, start.Magnet)
	}
}
