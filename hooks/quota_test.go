package hooks_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/doctor"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/hooks/hookstest"
	"github.com/longshore-project/longshore/storage"
)

// mustCountRight lets the doctor compare what jobs count with their files.
func mustCountRight(t *testing.T, app core.App) {
	t.Helper()
	base := func() string { return "http://127.0.0.1:1" }
	store, err := storage.NewLocal(storage.LocalConfig{Dir: t.TempDir(), PartURL: base, PublicURL: base, Key: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	result, err := doctor.Run(t.Context(), app, store, doctor.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, check := range result.Checks {
		if check.Number == 12 && check.Count > 0 {
			t.Errorf("the doctor found %+v", check.Violations)
		}
	}
}

func mustExec(t testing.TB, app core.App, sql string, params dbx.Params) {
	t.Helper()
	if _, err := app.NonconcurrentDB().NewQuery(sql).Bind(params).Execute(); err != nil {
		t.Fatal(err)
	}
}

// mustLimit gives the user a plan of their own, unlimited but for what change sets.
func mustLimit(t testing.TB, app core.App, user *core.Record, change func(*collections.Plan)) {
	t.Helper()
	plan := collections.SeededPlans()[2]
	plan.Name = collections.PlanName(fmt.Sprint("of-", user.Id, "-", time.Now().UnixNano()))
	change(&plan)
	plans, err := app.FindCollectionByNameOrId("plans")
	if err != nil {
		t.Fatal(err)
	}
	record := core.NewRecord(plans)
	record.Load(plan.Columns())
	if err := app.Save(record); err != nil {
		t.Fatal(err)
	}
	if err := hooks.AssignPlan(app, user.Id, plan.Name, time.Time{}); err != nil {
		t.Fatal(err)
	}
}

// tryReserve submits a job of that size, as a torrent whose files are known.
func tryReserve(app core.App, user *core.Record, bytes int64, set func(job *core.Record)) (job *core.Record, err error) {
	err = hooks.InTransaction(app, func(tx core.App) error {
		jobs, err := tx.FindCollectionByNameOrId("jobs")
		if err != nil {
			return err
		}
		job = core.NewRecord(jobs)
		job.Load(map[string]any{
			"user_id": user.Id, "torrent_id": "torrent00000000", "infohash": strings.Repeat("a", 40), "size_bytes": bytes, "status": "queued", "desired": "run",
		})
		if set != nil {
			set(job)
		}
		if err := hooks.AdmitJob(tx, job, hooks.Wants{Known: true, SizeBytes: bytes, LargestFile: bytes}); err != nil {
			return err
		}
		return tx.Save(job)
	})
	return job, err
}

func mustReserve(t *testing.T, app core.App, user *core.Record, bytes int64, set func(job *core.Record)) *core.Record {
	t.Helper()
	job, err := tryReserve(app, user, bytes, set)
	if err != nil {
		t.Fatal(err)
	}
	return job
}

// mustStore gives the job two files: a complete one of that many bytes, and one of the rest of its size.
func mustStore(t *testing.T, app core.App, job *core.Record, complete int64) {
	t.Helper()
	mustFill(t, app, job, 2)
	mustExec(t, app, `UPDATE files SET size_bytes = CASE is_complete WHEN TRUE THEN {:complete} ELSE {:rest} END WHERE job_id = {:job}`,
		dbx.Params{"job": job.Id, "complete": complete, "rest": job.GetInt64("size_bytes") - complete})
}

func mustEnd(t *testing.T, app core.App, job *core.Record, status collections.Status) {
	t.Helper()
	if status == collections.StatusCompleted {
		mustExec(t, app, `UPDATE files SET is_complete = TRUE WHERE job_id = {:job} AND selected = TRUE`, dbx.Params{"job": job.Id})
		mustExec(t, app, `UPDATE objects SET state = 'stored' WHERE scope = {:job}`, dbx.Params{"job": job.Id})
	}
	if _, err := hooks.ChangeJob(app, job.Id, setStatus(status)); err != nil {
		t.Fatal(err)
	}
}

func wantUsed(t *testing.T, app core.App, user *core.Record, jobs, bytes int64) {
	t.Helper()
	if u, err := hooks.UsageOf(app, user.Id); u != (hooks.Usage{JobsActive: jobs, StorageUsed: bytes}) || err != nil {
		t.Errorf("used %+v instead of %d jobs and %d bytes, %v", u, jobs, bytes, err)
	}
	mustCountRight(t, app)
}

func another(job *core.Record) { job.Set("infohash", core.GenerateDefaultRandomId()) }

func TestAJobCountsWhatItWantsAndThenWhatItKeeps(t *testing.T) {
	app, user := newApp(t)
	job := mustReserve(t, app, user, 900, nil)
	mustStore(t, app, job, 300)
	wantUsed(t, app, user, 1, 900)
	for _, status := range []collections.Status{collections.StatusPaused, collections.StatusQueued} {
		mustEnd(t, app, job, status)
		wantUsed(t, app, user, 1, 900)
	}
	mustEnd(t, app, job, collections.StatusFailed)
	wantUsed(t, app, user, 0, 300)
	done := mustReserve(t, app, user, 50, another)
	mustStore(t, app, done, 20)
	mustEnd(t, app, done, collections.StatusCompleted)
	wantUsed(t, app, user, 0, 350)
	for _, ended := range []*core.Record{job, done} {
		if err := app.Delete(mustFind(t, app, "jobs", ended.Id)); err != nil {
			t.Fatal(err)
		}
	}
	wantUsed(t, app, user, 0, 0)
}

func TestAnOldRecordDoesNotBringItsCountBack(t *testing.T) {
	app, user := newApp(t)
	job := hookstest.MustCreateJob(t, app, user, nil)
	old := mustFind(t, app, "jobs", job.Id)
	mustExec(t, app, `UPDATE jobs SET reserved_bytes = 70, size_bytes = 70 WHERE id = {:job}`, dbx.Params{"job": job.Id})
	old.Set("status", string(collections.StatusCancelled))
	if err := app.Save(old); err != nil {
		t.Fatal(err)
	}
	wantUsed(t, app, user, 0, 0)
	now := mustFind(t, app, "jobs", job.Id)
	now.Set("reserved_bytes", 5)
	if err := app.Save(now); err == nil {
		t.Error("somebody else than a job says what it counts")
	}
}

func TestARetryCountsInsteadOfWhatItTriesAgain(t *testing.T) {
	const gb = collections.BytesPerGB
	failed := func(t *testing.T) (core.App, *core.Record, *core.Record) {
		app, user := newApp(t)
		mustLimit(t, app, user, func(p *collections.Plan) { p.MaxStorageGB = 1 })
		job := mustReserve(t, app, user, gb, nil)
		mustStore(t, app, job, gb/2)
		mustEnd(t, app, job, collections.StatusFailed)
		wantUsed(t, app, user, 0, gb/2)
		return app, user, job
	}
	again := func(job *core.Record) func(*core.Record) {
		return func(retry *core.Record) { retry.Set("retry_of", job.Id) }
	}
	t.Run("while it lives, and then for good", func(t *testing.T) {
		app, user, job := failed(t)
		retry := mustReserve(t, app, user, gb, again(job))
		wantUsed(t, app, user, 1, gb)
		mustStore(t, app, retry, gb/2)
		mustEnd(t, app, retry, collections.StatusCompleted)
		wantUsed(t, app, user, 0, gb)
		mustCount(t, app, "files", dbx.NewExp("job_id = {:job} AND (is_complete = TRUE OR object_id != '')", dbx.Params{"job": job.Id}), 0)
		mustCount(t, app, "files", dbx.NewExp("job_id = {:job} AND removed_at != ''", dbx.Params{"job": job.Id}), 1)
	})
	t.Run("until it fails", func(t *testing.T) {
		app, user, job := failed(t)
		retry := mustReserve(t, app, user, gb, again(job))
		mustEnd(t, app, retry, collections.StatusFailed)
		wantUsed(t, app, user, 0, gb/2)
	})
	t.Run("until it is deleted", func(t *testing.T) {
		app, user, job := failed(t)
		retry := mustReserve(t, app, user, gb, again(job))
		if err := app.Delete(mustFind(t, app, "jobs", retry.Id)); err != nil {
			t.Fatal(err)
		}
		wantUsed(t, app, user, 0, gb/2)
	})
	t.Run("and for those before", func(t *testing.T) {
		app, user, first := failed(t)
		second := mustReserve(t, app, user, gb, again(first))
		mustStore(t, app, second, gb/4)
		mustEnd(t, app, second, collections.StatusCancelled)
		wantUsed(t, app, user, 0, gb/2+gb/4)
		third := mustReserve(t, app, user, gb, again(second))
		wantUsed(t, app, user, 1, gb)
		if err := app.Delete(mustFind(t, app, "jobs", second.Id)); err != nil {
			t.Fatal(err)
		}
		wantUsed(t, app, user, 1, gb+gb/2) // nothing says any more that the first is the same content
		mustEnd(t, app, third, collections.StatusFailed)
		wantUsed(t, app, user, 0, gb/2)
	})
	t.Run("but a choice of other files takes none away", func(t *testing.T) {
		app, user, job := failed(t)
		retry := mustReserve(t, app, user, 10, func(retry *core.Record) {
			retry.Set("retry_of", job.Id)
			retry.Set("selection", []int{1})
		})
		mustStore(t, app, retry, 4)
		mustEnd(t, app, retry, collections.StatusCompleted)
		wantUsed(t, app, user, 0, gb/2+10)
	})
	t.Run("and what waits counts nothing", func(t *testing.T) {
		app, user, job := failed(t)
		mustReserve(t, app, user, gb+1, func(retry *core.Record) {
			retry.Set("retry_of", job.Id)
			retry.Set("wait_for_quota", true)
		})
		wantUsed(t, app, user, 1, gb/2)
	})
}

func TestSentencesOfQuotas(t *testing.T) {
	app, user := newApp(t)
	mustLimit(t, app, user, func(p *collections.Plan) { p.MaxStorageGB, p.MaxFileSizeMB, p.MaxJobs = 2, 1500, 1 })
	mustReserve(t, app, user, 1_250_000_000, nil)
	_, err := tryReserve(app, user, 5, another)
	wantSentence(t, err, collections.CodeQuotaJobs, "allows 1 job at once")
	mustLimit(t, app, user, func(p *collections.Plan) { p.MaxStorageGB, p.MaxFileSizeMB = 2, 1500 })
	_, err = tryReserve(app, user, 1_500_000_001, another)
	wantSentence(t, err, collections.CodeQuotaFileSize, "The largest file has 1.5 GB")
	_, err = tryReserve(app, user, 750_000_001, another)
	wantSentence(t, err, collections.CodeQuotaStorage, "This needs 750 MB; of the 2 GB of your plan")
	wantSentence(t, err, collections.CodeQuotaStorage, "750 MB are left")
	mustReserve(t, app, user, 750_000_000, another)
}

func wantSentence(t *testing.T, err error, code collections.Code, part string) {
	t.Helper()
	if err == nil || collections.CodeOf(err) != code || !strings.Contains(err.Error(), part) || !hooks.IsQuota(err) {
		t.Errorf("refused as %s: %v", collections.CodeOf(err), err)
	}
}

func TestBytesInWords(t *testing.T) {
	for bytes, want := range map[int64]string{
		0: "0 bytes", 999: "999 bytes", 1000: "1 kB", 1099: "1 kB", 1100: "1.1 kB", 123_456_789: "123 MB", 20_000_000_000: "20 GB", 1 << 62: "4.6 EB",
	} {
		if got := hooks.BytesInWords(bytes); got != want {
			t.Errorf("%d is %q instead of %q", bytes, got, want)
		}
	}
}

// mustHaveMany gives the user n jobs, of which every tenth lives.
func mustHaveMany(t testing.TB, app core.App, user *core.Record, n int) {
	mustExec(t, app, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {:n})
		INSERT INTO jobs (id, user_id, infohash, status, desired, size_bytes, reserved_bytes, created_at)
		SELECT 'j' || {:user} || i, {:user}, 'h' || i, CASE i % 10 WHEN 0 THEN 'queued' ELSE 'completed' END, 'run', i, i, '2031-01-01' FROM n`,
		dbx.Params{"n": n, "user": user.Id})
}

func TestTotalsFollowEveryStatement(t *testing.T) {
	app, user := newApp(t)
	other := hookstest.MustCreateUser(t, app, "b@example.com", collections.RoleUser)
	mustHaveMany(t, app, user, 100)
	mustHaveMany(t, app, other, 10)
	wantTotals(t, app, user, 10, 5050)
	mustExec(t, app, `UPDATE jobs SET status = 'failed', reserved_bytes = 0 WHERE user_id = {:user} AND size_bytes > 50`, dbx.Params{"user": user.Id})
	wantTotals(t, app, user, 5, 1275)
	mustExec(t, app, `DELETE FROM jobs WHERE user_id = {:user} AND size_bytes <= 10`, dbx.Params{"user": user.Id})
	wantTotals(t, app, user, 4, 1220)
	wantTotals(t, app, other, 1, 55)
	err := app.RunInTransaction(func(tx core.App) error {
		mustExec(t, tx, `DELETE FROM jobs`, nil)
		return errors.New("no")
	})
	if err == nil {
		t.Fatal("committed")
	}
	wantTotals(t, app, other, 1, 55)
	totals, err := app.FindFirstRecordByData("usage_totals", "user_id", user.Id)
	if err != nil {
		t.Fatal(err)
	}
	totals.Set("storage_used", 0)
	if err := app.Save(totals); collections.CodeOf(err) != collections.CodeForbidden {
		t.Errorf("a total can be written: %v", err)
	}
	if err := app.Delete(user); err != nil {
		t.Fatal(err)
	}
	finishRemovals(t, app)
	mustCount(t, app, "usage_totals", nil, 1)
}

func wantTotals(t *testing.T, app core.App, user *core.Record, jobs, bytes int64) {
	t.Helper()
	if u, err := hooks.UsageOf(app, user.Id); u != (hooks.Usage{JobsActive: jobs, StorageUsed: bytes}) || err != nil {
		t.Errorf("%+v instead of %d jobs and %d bytes, %v", u, jobs, bytes, err)
	}
}

func BenchmarkUsageOf(b *testing.B) {
	app := hookstest.NewApp(b)
	hooks.Bind(app)
	user := hookstest.MustCreateUser(b, app, "a@example.com", collections.RoleUser)
	mustHaveMany(b, app, user, 10_000)
	for b.Loop() {
		if _, err := hooks.UsageOf(app, user.Id); err != nil {
			b.Fatal(err)
		}
	}
}
