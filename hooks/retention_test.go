package hooks_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

// keeping is an installation with a user whose ended jobs are kept for a time.
type keeping struct {
	t    *testing.T
	app  core.App
	user *core.Record
	ends time.Time // when its jobs end unless told otherwise
	now  time.Time
}

func newKeeping(t *testing.T, days collections.Limit) *keeping {
	app, user := newApp(t)
	k := &keeping{t: t, app: app, user: user, ends: time.Date(2031, 1, 1, 12, 0, 0, 0, time.UTC)}
	k.now = k.ends
	hooks.UseClock(app, func() time.Time { return k.now })
	k.keep(days)
	return k
}

// keep gives the user a plan with that retention.
func (k *keeping) keep(days collections.Limit) {
	k.t.Helper()
	mustLimit(k.t, k.app, k.user, func(p *collections.Plan) { p.RetentionDays = days })
}

// job ends a job of n files of a byte each; the last one of a job that is not completed is complete.
func (k *keeping) job(n int, status collections.Status, at time.Time) *core.Record {
	k.t.Helper()
	job := hookstest.MustCreateJob(k.t, k.app, k.user, func(job *core.Record) {
		job.Set("name", "job")
		job.Set("size_bytes", n)
		job.Set("torrent_id", "torrent00000000")
		job.Set("reserved_bytes", n)
	})
	mustFill(k.t, k.app, job, n)
	mustEnd(k.t, k.app, job, status)
	finishRemovals(k.t, k.app)
	mustExec(k.t, k.app, `UPDATE jobs SET completed_at = {:at} WHERE id = {:job}`, dbx.Params{"job": job.Id, "at": at.UTC().Format("2006-01-02 15:04:05.000Z")})
	return job
}

func (k *keeping) day(days float64) time.Time {
	return k.ends.Add(time.Duration(days * 24 * float64(time.Hour)))
}

// run moves the clock and lets the retention work.
func (k *keeping) run(what string, at time.Time, want hooks.Report) {
	k.t.Helper()
	k.now = at
	for range 2 { // the second finds nothing to do
		got, err := hooks.RunRetention(k.t.Context(), k.app, at)
		if got != want || err != nil {
			k.t.Errorf("%s: %+v instead of %+v, %v", what, got, want, err)
		}
		want = hooks.Report{}
	}
	mustCountRight(k.t, k.app)
}

func (k *keeping) used(want int64) {
	k.t.Helper()
	if u, err := hooks.UsageOf(k.app, k.user.Id); u.StorageUsed != want || err != nil {
		k.t.Errorf("%d bytes are used instead of %d, %v", u.StorageUsed, want, err)
	}
}

// letters answers the warnings that were queued.
func (k *keeping) letters() []collections.LeavingMail {
	k.t.Helper()
	rows, err := k.app.FindAllRecords("mails", dbx.HashExp{"user_id": k.user.Id, "kind": string(collections.MailLeaving)})
	if err != nil {
		k.t.Fatal(err)
	}
	letters := make([]collections.LeavingMail, len(rows))
	for i, row := range rows {
		if err := json.Unmarshal([]byte(row.GetString("data")), &letters[i]); err != nil {
			k.t.Fatal(err)
		}
	}
	return letters
}

const millisecond = time.Millisecond

func TestFilesAreWarnedOfAndThenLeave(t *testing.T) {
	k := newKeeping(t, 30)
	job := k.job(3, collections.StatusCompleted, k.ends)
	k.run("just before the warning", k.day(27).Add(-millisecond), hooks.Report{})
	k.run("at the warning", k.day(27), hooks.Report{Warned: 1})
	if letters := k.letters(); len(letters) != 1 || len(letters[0].Jobs) != 1 || letters[0].Jobs[0].JobID != job.Id || letters[0].Jobs[0].LeavesAt != "2031-01-31T12:00:00Z" {
		t.Errorf("the mail says %+v", letters)
	}
	k.run("just before the end", k.day(30).Add(-millisecond), hooks.Report{})
	k.used(3)
	k.run("at the end", k.day(30), hooks.Report{Expired: 1})
	k.used(0)
	now := mustFind(t, k.app, "jobs", job.Id)
	if now.GetString("status") != "completed" || !now.GetDateTime("expired_at").Time().Equal(k.now) {
		t.Errorf("the job is %s since %s", now.GetString("status"), now.GetString("expired_at"))
	}
	mustCount(t, k.app, "files", dbx.NewExp("job_id = {:job} AND removed_at != '' AND is_complete = FALSE AND object_id = ''", dbx.Params{"job": job.Id}), 3)
	mustCount(t, k.app, "objects", dbx.HashExp{"scope": job.Id, "state": "deleting"}, 3)
	mustCount(t, k.app, "audit_logs", dbx.HashExp{"target_id": job.Id, "action": "job.expire", "actor_kind": "system"}, 1)
	if list := events(t, k.app, job.Id); list[len(list)-1].Type != string(collections.EventExpired) {
		t.Errorf("the events are %+v", list)
	}
	if len(k.letters()) != 1 {
		t.Error("there was another mail")
	}
}

func TestEveryEndedJobWithFilesLeaves(t *testing.T) {
	k := newKeeping(t, 10)
	k.job(2, collections.StatusFailed, k.ends)
	k.job(2, collections.StatusCancelled, k.ends)
	k.job(2, collections.StatusCompleted, k.ends)
	live := hookstest.MustCreateJob(t, k.app, k.user, nil)
	mustFill(t, k.app, live, 2)
	empty := hookstest.MustCreateJob(t, k.app, k.user, nil)
	mustEnd(t, k.app, empty, collections.StatusFailed)
	k.used(4)
	k.run("the warning", k.day(7), hooks.Report{Warned: 3})
	k.run("the end", k.day(10), hooks.Report{Expired: 3})
	k.used(0)
	mustCount(t, k.app, "files", dbx.HashExp{"job_id": live.Id, "is_complete": true}, 1)
}

func TestNoFileLeavesBeforeItsWarning(t *testing.T) {
	t.Run("after a fall back to a shorter plan", func(t *testing.T) {
		k := newKeeping(t, 365)
		k.job(1, collections.StatusCompleted, k.ends)
		k.run("in the long plan", k.day(100), hooks.Report{})
		k.keep(30)
		k.run("at once", k.day(100.5), hooks.Report{Warned: 1})
		k.run("before the days are over", k.day(103.5).Add(-millisecond), hooks.Report{})
		k.run("when they are", k.day(103.5), hooks.Report{Expired: 1})
	})
	t.Run("after the plan has expired", func(t *testing.T) {
		k := newKeeping(t, 365)
		k.job(1, collections.StatusCompleted, k.ends)
		if err := hooks.AssignPlan(k.app, k.user.Id, collections.PlanPro, k.day(50)); err != nil {
			t.Fatal(err)
		}
		k.run("in the plan", k.day(50).Add(-millisecond), hooks.Report{})
		k.run("when it has expired", k.day(50), hooks.Report{Warned: 1})
		k.run("three days later", k.day(53), hooks.Report{Expired: 1})
	})
	t.Run("when the control plane was away at its time", func(t *testing.T) {
		k := newKeeping(t, 30)
		k.job(1, collections.StatusCompleted, k.ends)
		k.run("weeks late", k.day(60), hooks.Report{Warned: 1})
		k.run("and then", k.day(63), hooks.Report{Expired: 1})
	})
	t.Run("in a plan that keeps nothing", func(t *testing.T) {
		k := newKeeping(t, 0)
		k.job(1, collections.StatusCompleted, k.ends)
		k.run("at its end", k.day(0), hooks.Report{Warned: 1})
		k.run("then", k.day(3).Add(-millisecond), hooks.Report{})
		k.run("and then", k.day(3), hooks.Report{Expired: 1})
	})
	t.Run("again, when a longer plan came between", func(t *testing.T) {
		k := newKeeping(t, 30)
		k.job(1, collections.StatusCompleted, k.ends)
		k.run("warned", k.day(27), hooks.Report{Warned: 1})
		k.keep(365)
		k.run("a longer plan", k.day(30), hooks.Report{})
		k.keep(collections.NoLimit)
		k.run("no limit", k.day(40), hooks.Report{})
		k.keep(30)
		k.run("shorter again", k.day(50), hooks.Report{Warned: 1})
		k.run("then", k.day(53), hooks.Report{Expired: 1})
	})
}

func TestOneMailTellsOfADay(t *testing.T) {
	k := newKeeping(t, 30)
	for _, after := range []float64{0, 0.25, 0.75, 2} {
		k.job(1, collections.StatusCompleted, k.day(after))
	}
	k.run("the first day", k.day(27), hooks.Report{Warned: 3})
	k.run("the second day", k.day(28), hooks.Report{})
	k.run("the third day", k.day(29), hooks.Report{Warned: 1})
	letters := k.letters()
	if len(letters) != 2 || len(letters[0].Jobs) != 3 || letters[0].Jobs[2].LeavesAt != k.day(30.75).Format(time.RFC3339) {
		t.Errorf("the mails say %+v", letters)
	}
	k.run("the first leaves", k.day(30), hooks.Report{Expired: 1})
	k.run("the others leave at their own time", k.day(30.75), hooks.Report{Expired: 2})
}

func TestAMailNamesTheFirstOfManyJobs(t *testing.T) {
	k := newKeeping(t, 30)
	for range 53 {
		k.job(1, collections.StatusCompleted, k.ends)
	}
	k.run("the warning", k.day(27), hooks.Report{Warned: 53})
	if letters := k.letters(); len(letters) != 1 || len(letters[0].Jobs) != 50 || letters[0].More != 3 {
		t.Errorf("the mails say %+v", letters)
	}
	k.run("the end", k.day(30), hooks.Report{Expired: 53})
}

func TestWhatOthersNeedStays(t *testing.T) {
	k := newKeeping(t, 10)
	job := k.job(2, collections.StatusCompleted, k.ends)
	other := hookstest.MustCreateUser(t, k.app, "b@example.com", collections.RoleUser)
	theirs := hookstest.MustCreateJob(t, k.app, other, func(job *core.Record) { job.Set("reserved_bytes", 1) })
	mustExec(t, k.app, `INSERT INTO files (id, job_id, user_id, object_id, file_index, size_bytes, selected, is_complete)
		SELECT 'theirs000000000', {:theirs}, {:other}, object_id, 0, 1, TRUE, TRUE FROM files WHERE job_id = {:job} AND file_index = 1`,
		dbx.Params{"theirs": theirs.Id, "other": other.Id, "job": job.Id})
	mustEnd(t, k.app, theirs, collections.StatusCompleted)
	k.run("the warning", k.day(7), hooks.Report{Warned: 1})
	k.run("the end", k.day(10), hooks.Report{Expired: 1})
	mustCount(t, k.app, "objects", dbx.HashExp{"scope": job.Id, "state": "deleting"}, 1)
	mustCount(t, k.app, "files", dbx.HashExp{"job_id": theirs.Id, "is_complete": true}, 1)
}

func TestAJobOfManyFilesExpiresInSteps(t *testing.T) {
	k := newKeeping(t, 10)
	job := k.job(twoAndAHalf, collections.StatusCompleted, k.ends)
	k.run("the warning", k.day(7), hooks.Report{Warned: 1})
	k.run("the end", k.day(10), hooks.Report{Expired: 1})
	k.used(twoAndAHalf - collections.FileRowsPerTx)
	if steps := finishRemovals(t, k.app); steps != 2 {
		t.Errorf("it took %d more steps", steps)
	}
	k.used(0)
	mustCount(t, k.app, "objects", dbx.HashExp{"scope": job.Id, "state": "deleting"}, twoAndAHalf)
	mustCountRight(t, k.app)
}

func TestRetentionRunsBesideItself(t *testing.T) {
	k := newKeeping(t, 10)
	for range 20 {
		k.job(1, collections.StatusCompleted, k.ends)
	}
	for _, at := range []time.Time{k.day(7), k.day(10)} {
		k.now = at
		var runs sync.WaitGroup
		var mu sync.Mutex
		var sum hooks.Report
		for range 4 {
			runs.Go(func() {
				report, err := hooks.RunRetention(t.Context(), k.app, at)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				sum.Warned, sum.Expired = sum.Warned+report.Warned, sum.Expired+report.Expired
			})
		}
		runs.Wait()
		if sum.Warned+sum.Expired != 20 {
			t.Errorf("%+v", sum)
		}
	}
	if len(k.letters()) != 1 {
		t.Errorf("%d mails", len(k.letters()))
	}
	mustCount(t, k.app, "job_events", dbx.HashExp{"event_type": string(collections.EventExpired)}, 20)
}

func TestRetentionEndsWithItsContext(t *testing.T) {
	k := newKeeping(t, 10)
	k.job(1, collections.StatusCompleted, k.ends)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if report, err := hooks.RunRetention(ctx, k.app, k.day(20)); report != (hooks.Report{}) || !errors.Is(err, context.Canceled) {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestOldGrantsAreForgotten(t *testing.T) {
	k := newKeeping(t, 10)
	for id, at := range map[string]time.Time{"new": k.day(1).Add(millisecond), "old": k.day(1)} {
		if err := hooks.ChargeLinks(k.app, k.user.Id, at, []hooks.LinkedFile{{ID: id, SizeBytes: 1}}); err != nil {
			t.Fatal(err)
		}
	}
	k.run("a day later", k.day(2), hooks.Report{})
	mustCount(t, k.app, "link_grants", dbx.HashExp{"file_id": "new"}, 1)
	mustCount(t, k.app, "link_grants", nil, 1)
}
