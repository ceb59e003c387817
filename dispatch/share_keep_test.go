package dispatch_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

func (s *shared) pause(job *core.Record) {
	s.t.Helper()
	_, err := hooks.Pause(s.t.Context(), s.app, job.Id)
	s.must(err)
}

func TestAPausedJobKeepsWhatAnotherBegan(t *testing.T) {
	s := newShared(t, newRig(t))
	s.pause(s.second)
	s.delete("jobs", s.first.Id)
	s.agent.stopped(1)
	s.untilReaped()
	_, err := hooks.Resume(t.Context(), s.app, s.second.Id)
	s.must(err)
	s.mustTakeOver(s.agent, 2)
	s.mustBeSound()
}

func TestPartsOfAPausedJobDoNotDisturbTheOneThatTookOver(t *testing.T) {
	s := newShared(t, newRig(t))
	late := s.agent.parts(s.start, 2, 2000, only(1)) // a whole file, under a key of the first's
	s.pause(s.first)
	start := s.agent.started(2)
	mine := s.agent.parts(start, 2, 2000, only(1))
	s.agent.report(downloading(start))
	s.agent.report(downloading(s.start, late...))
	if n := s.count("uploads", dbx.HashExp{"key": late[0].Key}); n != 0 {
		t.Error("the late part is on record")
	}
	s.agent.report(in(collections.AgentUploading, start, append(mine, s.agent.parts(start, 1, sharedLarge, only(1))...)...))
	s.untilStatus(s.second.Id, collections.StatusCompleted)
	s.mustHave(s.second.Id, s.m)
	if key := s.find("objects", s.file(s.second.Id, 2).GetString("object_id")).GetString("key"); key != mine[0].Key {
		t.Errorf("its last file is %s", key)
	}
	s.mustBeSound()
}

func TestNobodyGetsURLsOfWhatAnotherMakes(t *testing.T) {
	s := newShared(t, newRig(t))
	_, err := s.app.NonconcurrentDB().Update("jobs", dbx.Params{ // which nothing may do
		"status": "downloading", "waits_for": "", "attempt": 1, "agent_id": s.agent.id, "agent_start": s.agent.startID,
	}, dbx.HashExp{"id": s.second.Id}).Execute()
	s.must(err)
	start := collections.StartRequest{JobID: s.second.Id, Attempt: 1}
	if urls := s.agent.urls(start, false, collections.PartRef{File: 1, Number: 1}, collections.PartRef{File: 2, Number: 1}); len(urls) != 0 {
		t.Errorf("got %+v", urls)
	}
}

func TestAnUploadIsGivenUpWhenAllWhoWantItHavePausedForLong(t *testing.T) {
	s := newShared(t, newRig(t))
	s.pause(s.first)
	s.agent.started(2)
	s.clock.Advance(6*24*time.Hour + time.Hour)
	if _, err := s.RunSweep(t.Context()); err != nil || s.count("upload_parts") != 1 {
		t.Fatalf("the second runs: %v, %d parts", err, s.count("upload_parts"))
	}
	s.pause(s.second)
	if _, err := s.RunSweep(t.Context()); err != nil || s.count("upload_parts") != 1 {
		t.Fatalf("the second was paused just now: %v, %d parts", err, s.count("upload_parts"))
	}
	s.clock.Advance(6*24*time.Hour + time.Hour)
	if _, err := s.RunSweep(t.Context()); err != nil || s.count("upload_parts") != 0 {
		t.Fatalf("both are paused: %v, %d parts", err, s.count("upload_parts"))
	}
	for _, job := range []string{s.first.Id, s.second.Id} {
		if s.find("jobs", job).GetString("error") == "" {
			t.Errorf("job %s does not say so", job)
		}
	}
}

func TestARunnerThatNoLongerWantsAFileLeavesItToTheOthers(t *testing.T) {
	r := newRig(t)
	a, b := r.newAgent(false), r.newAgent(false)
	a.report()
	m := genuine(t, "t", testFile{"a", 1000}, testFile{"b", 2000})
	first := r.addTorrent(r.user, m, nil)
	start := a.started(1)
	second := r.addTorrent(r.newUser("b"), m, []int{0})
	r.untilWaits(second.Id, first.Id)
	b.report()
	r.must(hooks.InTransaction(r.app, func(tx core.App) error {
		if err := hooks.ReleaseFiles(tx, first.Id, `file_index = {:index}`, dbx.Params{"index": 0}); err != nil {
			return err
		}
		if _, err := tx.NonconcurrentDB().Update("files", dbx.Params{"selected": false}, dbx.HashExp{"job_id": first.Id, "file_index": 0}).Execute(); err != nil {
			return err
		}
		if job, err := tx.FindRecordById("jobs", second.Id); err != nil || job.GetString("waits_for") != "" {
			t.Errorf("it waits still: %v", err)
		}
		return nil
	}))
	b.rest(b.started(1), m)
	r.untilStatus(second.Id, collections.StatusCompleted)
	a.report(in(collections.AgentUploading, start, a.upload(start, 1, 2000)...))
	r.untilStatus(first.Id, collections.StatusCompleted)
	r.mustBeSound()
}

func TestStoredFilesAreCountedBeforeTheyAreHad(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	m := genuine(t, "t", testFile{"a", 1000}, testFile{"b", 2000})
	r.complete(a, r.user, m, nil)
	other := r.newUser("b")
	r.must(hooks.AssignPlan(r.app, other.Id, collections.PlanFree, time.Time{}))
	full := hookstest.MustCreateJob(t, r.app, other, func(job *core.Record) { // of the 20 GB of the plan all but 2,999 bytes
		job.Set("status", string(collections.StatusCompleted))
		job.Set("reserved_bytes", int64(20e9)-2999)
	})
	refused := r.addMagnetOf(other, m, nil)
	if job := r.untilStatus(refused.Id, collections.StatusFailed); job.GetString("error_code") != string(collections.CodeQuotaStorage) {
		t.Errorf("it failed as %v", job.PublicExport())
	}
	waits := r.addMagnetOf(other, m, func(job *core.Record) { job.Set("wait_for_quota", true) })
	r.until("the job waits for storage", func() bool {
		v, _ := r.board.Verdict(waits.Id)
		return v.Code == collections.CodeQuotaStorage
	})
	if n := r.count("files", dbx.HashExp{"user_id": other.Id}, dbx.NewExp("is_complete = TRUE OR object_id != ''")); n != 0 {
		t.Errorf("%d files are had for nothing", n)
	}
	r.delete("jobs", full.Id)
	r.untilStatus(waits.Id, collections.StatusCompleted)
	r.mustHave(waits.Id, m)
	r.mustBeSound()
}

func TestFilesAreHadOnceTheyAreChosen(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	m := genuine(t, "t", testFile{"a", 1000}, testFile{"b", 2000})
	r.complete(a, r.user, m, nil)
	job := r.addMagnetOf(r.newUser("b"), m, func(job *core.Record) { job.Set("select_files", true) })
	r.untilStatus(job.Id, collections.StatusAwaitingSelection)
	if n := r.count("files", dbx.HashExp{"job_id": job.Id, "object_id": ""}); n != 2 {
		t.Errorf("%d files to choose from", n)
	}
	_, err := hooks.ChangeJob(r.app, job.Id, func(_ core.App, job *core.Record) error {
		job.Set("select_files", false)
		job.Set("status", string(collections.StatusQueued))
		return nil
	})
	r.must(err)
	r.untilStatus(job.Id, collections.StatusCompleted)
	r.mustHave(job.Id, m)
	r.mustBeSound()
}

// A storm of users who add and delete jobs for the same torrent, while what nobody wants is removed from the store.
func TestNoFileIsAttachedToAnObjectThatGoes(t *testing.T) {
	const users, rounds = 4, 6
	r := newRig(t)
	m := genuine(t, "t", testFile{"a", 1000}, testFile{"b", 8<<20 + 1}, testFile{"empty", 0}, testFile{"c", 3000})
	a := &swarm{testAgent: r.newAgent(false), m: m}
	a.slots = users
	var attempts sync.WaitGroup
	a.onStart = func(start collections.StartRequest) error {
		attempts.Go(func() { a.run(start) })
		return nil
	}
	a.report()
	var storm sync.WaitGroup
	var completed atomic.Int64
	for i := range users {
		user := r.newUser(string(rune('b' + i)))
		storm.Go(func() {
			for round := range rounds {
				job := r.addTorrent(user, m, nil)
				if (i+round)%3 > 0 {
					r.untilStatus(job.Id, collections.StatusCompleted)
					r.mustHave(job.Id, m)
					completed.Add(1)
				}
				r.delete("jobs", job.Id)
			}
		})
	}
	storm.Wait()
	if completed.Load() != users*rounds*2/3 {
		t.Errorf("%d jobs were completed", completed.Load())
	}
	last := r.addTorrent(r.user, m, nil)
	r.untilStatus(last.Id, collections.StatusCompleted)
	r.mustHave(last.Id, m)
	r.mustBeSound()
	r.delete("jobs", last.Id)
	r.untilEmpty()
	attempts.Wait()
}

// swarm is an agent of which each attempt is a goroutine that does all at once.
type swarm struct {
	*testAgent
	m         *collections.Metainfo
	reporting sync.Mutex
}

// run does what an attempt asks for until that is done or nobody wants it any more: its job may be deleted at any moment.
func (s *swarm) run(start collections.StartRequest) {
	for s.r.t.Context().Err() == nil {
		err := s.try(start)
		switch collections.CodeOf(err) {
		case collections.CodeAttemptStale, collections.CodeNotFound:
			return
		}
		if err == nil {
			return
		}
	}
}

func (s *swarm) try(start collections.StartRequest) error {
	var refs []collections.PartRef
	for _, f := range s.m.Files {
		for n := range collections.PartCount(f.Size, collections.PartSize(f.Size)) {
			refs = append(refs, collections.PartRef{File: f.Index, Number: n + 1})
		}
	}
	var reply collections.URLsReply
	if err := s.post("/api/v1/jobs/"+start.JobID+"/uploads", collections.URLsRequest{Attempt: start.Attempt, Parts: refs}, &reply); err != nil {
		return err
	}
	var parts []collections.PartDone
	for _, url := range reply.URLs {
		size := s.m.Files[url.File].Size
		offset, length := collections.PartRange(size, collections.PartSize(size), url.Number)
		part, err := s.tryPut(url, body(url.File, size)[offset:offset+length])
		if err != nil {
			return err
		}
		parts = append(parts, part)
	}
	s.reporting.Lock()
	defer s.reporting.Unlock()
	_, err := s.tryReport(in(collections.AgentUploading, start, parts...))
	return err
}
