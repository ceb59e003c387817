package dispatch_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/dispatch"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

const gb = collections.BytesPerGB

// limit gives the rig's user a plan of their own, unlimited but for what change sets.
func (r *rig) limit(change func(*collections.Plan)) *core.Record {
	r.t.Helper()
	plan := collections.SeededPlans()[2]
	plan.Name = "small"
	change(&plan)
	plans, err := r.app.FindCollectionByNameOrId("plans")
	r.must(err)
	record := core.NewRecord(plans)
	record.Load(plan.Columns())
	r.must(r.app.Save(record))
	r.must(hooks.AssignPlan(r.app, r.user.Id, plan.Name, time.Time{}))
	return record
}

// waiting says that a job would rather wait for storage than fail.
func (r *rig) waiting(job *core.Record) *core.Record {
	r.t.Helper()
	job, err := hooks.ChangeJob(r.app, job.Id, func(_ core.App, job *core.Record) error {
		job.Set("wait_for_quota", true)
		return nil
	})
	r.must(err)
	return job
}

// learn brings the n-th start's magnet its metadata.
func (a *testAgent) learn(start collections.StartRequest, m *collections.Metainfo) collections.MetainfoReply {
	a.r.t.Helper()
	var reply collections.MetainfoReply
	a.r.must(a.send("PUT", "/api/v1/jobs/"+start.JobID+"/metainfo?attempt=1", m.InfoBytes, &reply))
	return reply
}

func (r *rig) used() int64 {
	r.t.Helper()
	u, err := hooks.UsageOf(r.app, r.user.Id)
	r.must(err)
	return u.StorageUsed
}

func TestAMagnetThatDoesNotFitFailsBeforeAByteIsFetched(t *testing.T) {
	for _, tc := range []struct {
		name string
		plan func(*collections.Plan)
		wait bool
		code collections.Code // none when empty
	}{
		{"all that is left", func(p *collections.Plan) { p.MaxStorageGB, p.MaxFileSizeMB = 1, 900 }, false, ""},
		{"more than is left", func(p *collections.Plan) { p.MaxStorageGB = 0 }, false, collections.CodeQuotaStorage},
		{"a file that is too large", func(p *collections.Plan) { p.MaxFileSizeMB = 899 }, false, collections.CodeQuotaFileSize},
		{"a file that is too large, by somebody who would wait", func(p *collections.Plan) { p.MaxFileSizeMB = 899 }, true, collections.CodeQuotaFileSize},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			a := r.newAgent(false)
			r.limit(tc.plan)
			m := metainfo(t, "album", testFile{"a", 900_000_000}, testFile{"b", 100_000_000})
			job := r.addMagnet(m)
			if tc.wait {
				r.waiting(job)
			}
			a.report()
			reply := a.learn(a.started(1), m)
			if tc.code == "" {
				if reply.Code != "" || r.status(job.Id) != collections.StatusDownloading || r.used() != gb {
					t.Errorf("answered %+v, it is %s and %d bytes are used", reply, r.status(job.Id), r.used())
				}
				return
			}
			now := r.untilStatus(job.Id, collections.StatusFailed)
			if reply.Code != collections.CodeJobEnded || now.GetString("error_code") != string(tc.code) || now.GetString("error") == "" {
				t.Errorf("answered %+v, it failed with %q: %s", reply, now.GetString("error_code"), now.GetString("error"))
			}
			if stop := a.stopped(1); stop.KeepData || r.used() != 0 {
				t.Errorf("stopped with %+v, %d bytes are used", stop, r.used())
			}
			if n, err := r.app.CountRecords("objects", dbx.HashExp{"state": "uploading"}); n != 0 || err != nil {
				t.Errorf("%d objects are begun, %v", n, err)
			}
			r.mustFold(job.Id)
		})
	}
}

// starving is a job that needs 600 MB and waits for them, of a user who has 500 MB in a job that has ended and 500 left.
func starving(t *testing.T, r *rig, a *testAgent) (waits, kept *core.Record, plan *core.Record) {
	t.Helper()
	plan = r.limit(func(p *collections.Plan) { p.MaxStorageGB = 1 })
	kept = r.ended("kept", 500_000_000)
	m := metainfo(t, "album", testFile{"a", 600_000_000})
	waits = r.waiting(r.addMagnet(m))
	a.report()
	start := a.started(1)
	if reply := a.learn(start, m); reply.Code != collections.CodeJobEnded {
		t.Fatalf("answered %+v", reply)
	}
	r.untilVerdict(waits.Id, collections.CodeQuotaStorage)
	now := r.find("jobs", waits.Id)
	if now.GetString("status") != "queued" || now.GetString("agent_id") != "" || now.GetInt("reserved_bytes") != 0 || r.used() != 500_000_000 {
		t.Fatalf("it waits as %s on agent %q, %d bytes are used", now.GetString("status"), now.GetString("agent_id"), r.used())
	}
	a.stopped(1)
	return now, kept, plan
}

// ended is a job of the rig's user with one complete file of that size.
func (r *rig) ended(name string, size int64) *core.Record {
	r.t.Helper()
	job := hookstest.MustCreateJob(r.t, r.app, r.user, func(job *core.Record) {
		job.Load(map[string]any{"name": name, "size_bytes": size, "reserved_bytes": size, "status": "paused", "desired": "pause"})
	})
	files, err := r.app.FindCollectionByNameOrId("files")
	r.must(err)
	file := core.NewRecord(files)
	file.Load(map[string]any{"job_id": job.Id, "user_id": r.user.Id, "object_id": "object000000000", "path": name, "size_bytes": size, "selected": true, "is_complete": true})
	r.must(r.app.Save(file))
	_, err = hooks.Cancel(r.t.Context(), r.app, job.Id)
	r.must(err)
	return job
}

func (r *rig) untilVerdict(jobID string, code collections.Code) {
	r.t.Helper()
	r.until("the verdict on "+jobID+" is "+string(code), func() bool {
		v, _ := r.board.Verdict(jobID)
		return v.Code == code
	})
}

func TestAWaitingJobBeginsWhenThereIsRoom(t *testing.T) {
	for name, makeRoom := range map[string]func(r *rig, kept, plan *core.Record){
		"a job is deleted": func(r *rig, kept, _ *core.Record) { r.must(r.app.Delete(r.find("jobs", kept.Id))) },
		"a file is removed": func(r *rig, kept, _ *core.Record) {
			_, err := hooks.RemoveFile(r.t.Context(), r.app, kept.Id, r.file(kept.Id, 0).Id)
			r.must(err)
		},
		"the plan grows": func(r *rig, _, plan *core.Record) {
			plan.Set("max_storage_gb", 2)
			r.must(r.app.Save(plan))
		},
		"there is another plan": func(r *rig, _, _ *core.Record) {
			r.must(hooks.AssignPlan(r.app, r.user.Id, collections.PlanUnlimited, time.Time{}))
		},
		"files have expired": func(r *rig, kept, plan *core.Record) {
			plan.Set("retention_days", 1)
			r.must(r.app.Save(plan))
			for _, days := range []int{0, 4} {
				_, err := hooks.RunRetention(r.t.Context(), r.app, time.Now().AddDate(0, 0, days))
				r.must(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			a := r.newAgent(false)
			waits, kept, plan := starving(t, r, a)
			makeRoom(r, kept, plan)
			if start := a.started(2); start.JobID != waits.Id || start.Metainfo == nil {
				t.Errorf("started %+v", start)
			}
			r.untilStatus(waits.Id, collections.StatusDownloading)
			if v, stands := r.board.Verdict(waits.Id); stands {
				t.Errorf("the verdict is still %+v", v)
			}
			r.mustFold(waits.Id)
		})
	}
}

func TestAWaitingJobBeginsWhenTheLastOfManyFilesHasLeft(t *testing.T) {
	const many = 2*collections.FileRowsPerTx + 1
	r := newRig(t)
	a := r.newAgent(false)
	waits, kept, plan := starving(t, r, a)
	_, err := r.app.NonconcurrentDB().NewQuery(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {:n})
		INSERT INTO files (id, job_id, user_id, object_id, file_index, size_bytes, selected, is_complete)
		SELECT 'many' || i, job_id, user_id, 'none' || i, i, 0, TRUE, TRUE FROM n, files WHERE job_id = {:job} AND file_index = 0`).
		Bind(dbx.Params{"n": many, "job": kept.Id}).Execute()
	r.must(err)
	_, err = r.app.NonconcurrentDB().NewQuery(`UPDATE files SET size_bytes = CASE file_index WHEN {:last} THEN 500000000 ELSE 0 END WHERE job_id = {:job}`).
		Bind(dbx.Params{"last": many - 1, "job": kept.Id}).Execute()
	r.must(err)
	plan.Set("retention_days", 1)
	r.must(r.app.Save(plan))
	for _, days := range []int{0, 4} {
		_, err := hooks.RunRetention(t.Context(), r.app, time.Now().AddDate(0, 0, days))
		r.must(err)
	}
	if start := a.started(2); start.JobID != waits.Id {
		t.Errorf("started %+v", start)
	}
}

func TestAWaitingJobSeesWhatAnotherProcessDoes(t *testing.T) {
	r := newSweepingRig(t)
	a := r.newAgent(false)
	waits, _, _ := starving(t, r, a)
	other := hookstest.SecondApp(t, r.app)
	hooks.UseClock(other, r.clock.Now)
	r.must(hooks.AssignPlan(other, r.user.Id, collections.PlanUnlimited, time.Time{}))
	if start := a.started(2); start.JobID != waits.Id {
		t.Errorf("started %+v", start)
	}
}

func TestAWaitingJobSaysWhatItWaitsForAndHoldsNoSlot(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.slots = 1
	waits, _, _ := starving(t, r, a)
	v, _ := r.board.Verdict(waits.Id)
	if want := "Waiting for storage. This needs 600 MB; of the 1 GB of your plan small, 500 MB are left."; v.Message != want {
		t.Errorf("the verdict is %q", v.Message)
	}
	small := r.addTorrent(r.user, metainfo(t, "small", testFile{"a", 100_000_000}), nil)
	if start := a.started(2); start.JobID != small.Id {
		t.Errorf("started %+v", start)
	}
	r.restart()
	r.untilVerdict(waits.Id, collections.CodeQuotaStorage)
	if _, err := hooks.Cancel(t.Context(), r.app, waits.Id); err != nil {
		t.Fatal(err)
	}
	r.until("the verdict is taken back", func() bool {
		_, stands := r.board.Verdict(waits.Id)
		return !stands
	})
}

func TestWaitingJobsTakeTurnsAndWhatFitsNeedNotWait(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.slots = 0
	a.report()
	r.limit(func(p *collections.Plan) { p.MaxStorageGB = 0 })
	var jobs []string
	for i, size := range []int64{2 * gb, 500_000_000, 600_000_000, 400_000_000} {
		jobs = append(jobs, r.waiting(r.addTorrent(r.user, metainfo(t, strings.Repeat("x", i+1), testFile{"a", size}), nil)).Id)
		r.untilVerdict(jobs[i], collections.CodeQuotaStorage)
	}
	plan, err := r.app.FindFirstRecordByData("plans", "name", "small")
	r.must(err)
	plan.Set("max_storage_gb", 1)
	r.must(r.app.Save(plan))
	r.until("the oldest that fit are reserved", func() bool { return r.used() == 900_000_000 })
	for i, want := range []int64{0, 500_000_000, 0, 400_000_000} {
		if got := r.find("jobs", jobs[i]).GetInt64("reserved_bytes"); got != want {
			t.Errorf("job %d counts %d instead of %d", i, got, want)
		}
	}
}

func TestNoJobRunsWithoutItsReservation(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	r.limit(func(p *collections.Plan) { p.MaxStorageGB = 1 })
	large := r.addTorrent(r.user, metainfo(t, "large", testFile{"a", gb + 1}), nil)
	small := r.addTorrent(r.user, metainfo(t, "small", testFile{"a", gb}), nil)
	a.report()
	if start := a.started(1); start.JobID != small.Id {
		t.Errorf("started %+v", start)
	}
	if now := r.untilStatus(large.Id, collections.StatusFailed); now.GetString("error_code") != string(collections.CodeQuotaStorage) {
		t.Errorf("it failed with %s", now.GetString("error_code"))
	}
	if r.used() != gb {
		t.Errorf("%d bytes are used", r.used())
	}
}

func TestARetryOfAJobFitsWhereTheJobDid(t *testing.T) {
	r := newRig(t)
	r.limit(func(p *collections.Plan) { p.MaxStorageGB, p.MaxJobs = 1, 1 })
	job := r.addTorrent(r.user, metainfo(t, "album", testFile{"a", gb}), nil)
	r.until("it counts", func() bool { return r.used() == gb })
	_, err := hooks.ChangeJob(r.app, job.Id, func(_ core.App, job *core.Record) error {
		job.Set("status", string(collections.StatusFailed))
		return nil
	})
	r.must(err)
	for range 2 {
		if _, err := dispatch.RetryJob(t.Context(), r.app, job.Id); err != nil || r.used() != gb {
			t.Errorf("%d bytes are used, %v", r.used(), err)
		}
	}
}
