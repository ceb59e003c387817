package hooks_test

import (
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

// mustFill gives the job n files with an object each; the last is stored and complete.
func mustFill(t testing.TB, app core.App, job *core.Record, n int) {
	t.Helper()
	for _, sql := range []string{
		`WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {:n})
			INSERT INTO objects (id, torrent_id, file_index, scope, size_bytes, state)
			SELECT 'o' || {:job} || i, 'torrent', i, {:job}, 1, CASE i WHEN {:n} - 1 THEN 'stored' ELSE 'uploading' END FROM n`,
		`INSERT INTO files (id, job_id, user_id, object_id, file_index, path, size_bytes, selected, is_complete, revision)
			SELECT 'f' || id, scope, {:user}, id, file_index, 'folder/' || file_index, 1, TRUE, state = 'stored', 1 FROM objects WHERE scope = {:job}`,
	} {
		params := dbx.Params{"n": n, "job": job.Id, "user": job.GetString("user_id")}
		if _, err := app.NonconcurrentDB().NewQuery(sql).Bind(params).Execute(); err != nil {
			t.Fatal(err)
		}
	}
}

func mustCount(t *testing.T, app core.App, table string, where dbx.Expression, want int64) {
	t.Helper()
	if n, err := app.CountRecords(table, where); n != want || err != nil {
		t.Errorf("%d rows of %s instead of %d, %v", n, table, want, err)
	}
}

func finishRemovals(t *testing.T, app core.App) (steps int) {
	t.Helper()
	for {
		more, err := hooks.ContinueRemoval(app)
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			return steps
		}
		steps++
	}
}

const twoAndAHalf = collections.FileRowsPerTx * 5 / 2

func TestACancelledJobOfManyFilesGivesThemUpInSteps(t *testing.T) {
	app, user := newApp(t)
	job := hookstest.MustCreateJob(t, app, user, nil)
	mustFill(t, app, job, twoAndAHalf)
	if _, err := hooks.Cancel(t.Context(), app, job.Id); err != nil {
		t.Fatal(err)
	}
	mustCount(t, app, "objects", dbx.HashExp{"state": "deleting"}, collections.FileRowsPerTx)
	if steps := finishRemovals(t, app); steps != 2 {
		t.Errorf("it took %d more steps", steps)
	}
	mustCount(t, app, "objects", dbx.HashExp{"state": "deleting"}, twoAndAHalf-1)
	mustCount(t, app, "objects", dbx.HashExp{"state": "stored"}, 1)
	mustCount(t, app, "files", dbx.HashExp{"object_id": ""}, twoAndAHalf-1)
	mustCount(t, app, "removals", nil, 0)
}

func TestAJobOfManyFilesThatIsDeletedWhileItIsGivenUp(t *testing.T) {
	app, user := newApp(t)
	job, other := hookstest.MustCreateJob(t, app, user, nil), hookstest.MustCreateJob(t, app, user, nil)
	mustFill(t, app, job, twoAndAHalf)
	mustFill(t, app, other, 3)
	if _, err := hooks.Cancel(t.Context(), app, job.Id); err != nil {
		t.Fatal(err)
	}
	if err := app.Delete(mustFind(t, app, "jobs", job.Id)); err != nil {
		t.Fatal(err)
	}
	mustCount(t, app, "removals", nil, 2)
	finishRemovals(t, app)
	mustCount(t, app, "files", dbx.HashExp{"job_id": job.Id}, 0)
	mustCount(t, app, "job_events", dbx.HashExp{"job_id": job.Id}, 0)
	mustCount(t, app, "objects", dbx.HashExp{"scope": job.Id, "state": "deleting"}, twoAndAHalf)
	mustCount(t, app, "files", dbx.HashExp{"job_id": other.Id}, 3)
	mustCount(t, app, "objects", dbx.HashExp{"scope": other.Id, "state": "deleting"}, 0)
	mustCount(t, app, "removals", nil, 0)
}

// BenchmarkRemoval tells how long one step keeps others from writing, with a job of as many files as may be.
func BenchmarkRemoval(b *testing.B) {
	app := hookstest.NewApp(b)
	hooks.Bind(app)
	user := hookstest.MustCreateUser(b, app, "a@example.com", collections.RoleUser)
	for b.Loop() {
		b.StopTimer()
		job := hookstest.MustCreateJob(b, app, user, nil)
		mustFill(b, app, job, collections.MaxFiles)
		b.StartTimer()
		longest, begun := time.Duration(0), time.Now()
		err := app.Delete(job)
		for more := true; more && err == nil; {
			longest, begun = max(longest, time.Since(begun)), time.Now()
			more, err = hooks.ContinueRemoval(app)
		}
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(longest.Milliseconds()), "longest-ms")
	}
}
