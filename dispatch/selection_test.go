package dispatch_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// selecting has owners choose files within an hour.
func (r *rig) selecting(timeout collections.SelectionTimeout) *rig {
	r.t.Helper()
	_, err := r.app.NonconcurrentDB().Update("settings", dbx.Params{"selection_minutes": 60, "selection_timeout": string(timeout)}, nil).Execute()
	r.must(err)
	return r
}

// undecided brings a magnet to where its owner is to choose files.
func (r *rig) undecided(a *testAgent) *core.Record {
	r.t.Helper()
	m := metainfo(r.t, "album", testFile{"a", 3_000_000}, testFile{"b", 2_000_000})
	job := r.addMagnet(m)
	_, err := hooks.ChangeJob(r.app, job.Id, func(_ core.App, job *core.Record) error {
		job.Set("select_files", true)
		return nil
	})
	r.must(err)
	a.report()
	start := a.started(1)
	var reply collections.MetainfoReply
	r.must(a.send("PUT", "/api/v1/jobs/"+job.Id+"/metainfo?attempt=1", m.InfoBytes, &reply))
	if reply.Code != collections.CodeJobEnded || start.JobID != job.Id {
		r.t.Fatalf("got %+v", reply)
	}
	return r.untilStatus(job.Id, collections.StatusAwaitingSelection)
}

func TestNobodyChoosesFiles(t *testing.T) {
	for _, tc := range []struct {
		name    string
		timeout collections.SelectionTimeout
		prepare func(r *rig)
		want    collections.Status
		code    collections.Code
		message string
	}{
		{"all are taken", collections.SelectionAll, nil, collections.StatusDownloading, "", ""},
		{"the job is cancelled", collections.SelectionCancel, nil, collections.StatusCancelled, collections.CodeNotSelected, "No files were chosen within 1 hour."},
		{"all are more than the plan allows", collections.SelectionAll, func(r *rig) {
			_, err := r.app.NonconcurrentDB().Update("plans", dbx.Params{"max_file_size_mb": 2}, nil).Execute()
			r.must(err)
		}, collections.StatusFailed, collections.CodeQuotaFileSize, "2 MB"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t).selecting(tc.timeout)
			a := r.newAgent(false)
			job := r.undecided(a)
			if tc.prepare != nil {
				tc.prepare(r)
			}
			r.clock.Advance(time.Hour - time.Second)
			a.report()
			if got := r.swept().status(job.Id); got != collections.StatusAwaitingSelection {
				t.Fatalf("the job is %s a second before its time is over", got)
			}
			r.clock.Advance(2 * time.Second)
			a.report()
			row := r.swept().untilStatus(job.Id, tc.want)
			if got := row.GetString("error_code"); got != string(tc.code) || !strings.Contains(row.GetString("error"), tc.message) {
				t.Fatalf("got %s: %s", got, row.GetString("error"))
			}
			if tc.want == collections.StatusDownloading && (row.GetInt64("reserved_bytes") != 5_000_000 || len(a.started(2).Selection) != 0) {
				t.Fatalf("got %v", row.PublicExport())
			}
			r.mustFold(job.Id)
		})
	}
}

func TestTheTimeToChooseFiles(t *testing.T) {
	r := newRig(t).selecting(collections.SelectionCancel)
	a := r.newAgent(false)
	job := r.undecided(a)
	ctx := context.Background()
	r.clock.Advance(50 * time.Minute)
	_, err := hooks.Pause(ctx, r.app, job.Id)
	r.must(err)
	r.clock.Advance(50 * time.Minute)
	if got := r.swept().status(job.Id); got != collections.StatusPaused {
		t.Fatalf("a paused job is %s", got)
	}
	_, err = hooks.Resume(ctx, r.app, job.Id)
	r.must(err)
	a.report()
	r.untilStatus(job.Id, collections.StatusAwaitingSelection)
	r.clock.Advance(59 * time.Minute)
	if got := r.swept().status(job.Id); got != collections.StatusAwaitingSelection {
		t.Fatalf("the job is %s: the time begins anew when it waits again", got)
	}
	_, err = r.app.NonconcurrentDB().Update("settings", dbx.Params{"selection_minutes": 0}, nil).Execute()
	r.must(err)
	r.clock.Advance(1000 * time.Hour)
	if got := r.swept().status(job.Id); got != collections.StatusAwaitingSelection {
		t.Fatalf("the job is %s, though it may wait for ever", got)
	}
}
