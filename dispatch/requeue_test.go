package dispatch_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/dispatch"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

// failed makes a job that failed as a dead letter.
func (r *rig) failed(job *core.Record) *core.Record {
	r.t.Helper()
	failed, err := hooks.ChangeJob(r.app, job.Id, func(_ core.App, job *core.Record) error {
		job.Set("status", string(collections.StatusFailed))
		job.Set("dead_letter", true)
		return nil
	})
	r.must(err)
	return failed
}

func (r *rig) retry(jobID string) *core.Record {
	r.t.Helper()
	made, err := dispatch.RetryJob(context.Background(), r.app, jobID)
	r.must(err)
	return made
}

func TestARetryIsANewJobOfTheSameWish(t *testing.T) {
	r := newRig(t)
	m := metainfo(t, "album", testFile{"a", 1000}, testFile{"b", 2000}, testFile{"c", 4000})
	old := r.addTorrent(r.user, m, []int{0, 2})
	_, err := hooks.ChangeJob(r.app, old.Id, func(_ core.App, job *core.Record) error {
		job.Set("label", "music")
		job.Set("priority", 7)
		job.Set("engine", "special")
		job.Set("name", "album")
		return nil
	})
	r.must(err)
	r.failed(old)
	made := r.find("jobs", r.retry(old.Id).Id)
	for column, want := range map[string]any{
		"retry_of": old.Id, "user_id": r.user.Id, "label": "music", "engine": "special", "name": "album", "magnet_uri": old.GetString("magnet_uri"),
		"torrent_id": old.GetString("torrent_id"), "status": string(collections.StatusQueued), "error": "", "selection": "[0,2]",
	} {
		if got := made.GetString(column); got != want {
			t.Errorf("%s is %q, not %q", column, got, want)
		}
	}
	if made.GetInt("priority") != 7 || made.GetInt("size_bytes") != 5000 || made.GetInt("reserved_bytes") != 5000 || made.GetInt("attempt") != 0 || made.GetBool("dead_letter") {
		t.Errorf("got %v", made.PublicExport())
	}
	a := r.newAgent(false)
	a.engines = append(a.engines, collections.EngineHealth{Name: "special"})
	a.report()
	start := a.started(1)
	if start.JobID != made.Id || !slices.Equal(start.Selection, []int{0, 2}) || len(start.Metainfo) == 0 {
		t.Fatalf("got %+v", start)
	}
	if got := r.status(old.Id); got != collections.StatusFailed {
		t.Fatalf("the old job is %s", got)
	}
}

func TestARetryOfAMagnetKnowsWhatHasBecomeKnownSince(t *testing.T) {
	r := newRig(t)
	m := metainfo(t, "album", testFile{"a", 1000}, testFile{"b", 2000})
	old := r.failed(r.addMagnet(m))
	_, err := dispatch.SaveMetainfo(r.app, r.user.Id, m)
	r.must(err)
	made := r.find("jobs", r.retry(old.Id).Id)
	if made.GetString("torrent_id") == "" || made.GetString("name") != "album" || made.GetInt("size_bytes") != 3000 || made.GetInt("reserved_bytes") != 3000 {
		t.Fatalf("got %v", made.PublicExport())
	}
	a := r.newAgent(false)
	a.report()
	if start := a.started(1); start.JobID != made.Id || len(start.Metainfo) == 0 {
		t.Fatalf("got %+v", start)
	}
}

func TestManyClicksMakeOneRetry(t *testing.T) {
	r := newRig(t)
	old := r.failed(r.addTorrent(r.user, metainfo(t, "t", testFile{"a", 1000}), nil))
	var clicks sync.WaitGroup
	ids := make([]string, 20)
	for i := range ids {
		clicks.Go(func() {
			made, err := dispatch.RetryJob(context.Background(), r.app, old.Id)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = made.Id
		})
	}
	clicks.Wait()
	if len(slices.Compact(slices.Sorted(slices.Values(ids)))) != 1 {
		t.Fatalf("got %v", ids)
	}
	n, err := r.app.CountRecords("jobs", dbx.HashExp{"retry_of": old.Id})
	r.must(err)
	if n != 1 {
		t.Fatalf("%d new jobs", n)
	}
	first := r.find("jobs", ids[0])
	r.failed(first)
	if again := r.retry(old.Id); again.Id == first.Id {
		t.Fatal("a retry that failed too is answered instead of another one")
	}
}

func TestWhatKeepsAJobFromBeingTriedAgain(t *testing.T) {
	for _, tc := range []struct {
		name    string
		prepare func(r *rig, old *core.Record)
		want    collections.Code
	}{
		{"it lives", func(*rig, *core.Record) {}, collections.CodeIllegalTransition},
		{"it is complete", func(r *rig, old *core.Record) {
			_, err := r.app.NonconcurrentDB().Update("jobs", dbx.Params{"status": "completed"}, dbx.HashExp{"id": old.Id}).Execute()
			r.must(err)
		}, collections.CodeIllegalTransition},
		{"another live job has the torrent", func(r *rig, old *core.Record) {
			r.failed(old)
			hookstest.MustCreateJob(r.t, r.app, r.user, func(job *core.Record) { job.Set("infohash", old.GetString("infohash")) })
		}, collections.CodeDuplicateJob},
		{"the torrent was blocked since", func(r *rig, old *core.Record) {
			r.failed(old)
			blocklist, err := r.app.FindCollectionByNameOrId("blocklist")
			r.must(err)
			row := core.NewRecord(blocklist)
			row.Set("infohash", old.GetString("infohash"))
			r.must(r.app.Save(row))
		}, collections.CodeInfohashBlocked},
		{"the plan allows no file of this size any more", func(r *rig, old *core.Record) {
			r.failed(old)
			_, err := r.app.NonconcurrentDB().Update("plans", dbx.Params{"max_file_size_mb": 1}, dbx.HashExp{"name": "unlimited"}).Execute()
			r.must(err)
		}, collections.CodeQuotaFileSize},
		{"the plan has no more room", func(r *rig, old *core.Record) {
			r.failed(old)
			r.must(hooks.AssignPlan(r.app, r.user.Id, collections.PlanFree, time.Time{}))
			_, err := r.app.NonconcurrentDB().Update("plans", dbx.Params{"max_jobs": 0}, dbx.HashExp{"name": "free"}).Execute()
			r.must(err)
		}, collections.CodeQuotaJobs},
		{"a script refuses it", func(r *rig, old *core.Record) {
			r.failed(old)
			hooks.MomentsOf(r.app).JobSubmit.BindFunc(func(e *hooks.JobSubmitEvent) error {
				if len(e.Files) != 1 || e.Files[0] != "t/a" || len(e.Trackers) != 1 || e.User.Id != r.user.Id {
					return fmt.Errorf("the event does not tell the job: %+v", e)
				}
				return collections.Errorf(collections.CodeRefusedByScript, "Not here.")
			})
		}, collections.CodeRefusedByScript},
		{"its owner is disabled", func(r *rig, old *core.Record) {
			r.failed(old)
			r.user.Set("disabled", true)
			r.must(r.app.Save(r.user))
		}, collections.CodeForbidden},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			old := r.addTorrent(r.user, metainfo(t, "t", testFile{"a", 2_000_000}), nil)
			tc.prepare(r, old)
			before, err := r.app.CountRecords("jobs")
			r.must(err)
			if _, err := dispatch.RetryJob(context.Background(), r.app, old.Id); collections.CodeOf(err) != tc.want {
				t.Fatalf("got %v, not %s", err, tc.want)
			}
			if after, err := r.app.CountRecords("jobs"); err != nil || after != before {
				t.Fatalf("%d jobs became %d (%v)", before, after, err)
			}
		})
	}
	r := newRig(t)
	if _, err := dispatch.RetryJob(context.Background(), r.app, "nosuchjob000000"); collections.CodeOf(err) != collections.CodeNotFound {
		t.Fatalf("an unknown job: %v", err)
	}
}
