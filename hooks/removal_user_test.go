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

// mustOwn gives a user n completed jobs and one that is queued, by SQL.
func mustOwn(t testing.TB, app core.App, user *core.Record, n int) {
	t.Helper()
	for _, sql := range []string{
		`WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {:n})
			INSERT INTO jobs (id, user_id, infohash, status, desired, revision) SELECT {:user} || i, {:user}, 'hash' || i, 'completed', 'run', 1 FROM n`,
		`INSERT INTO job_events (id, job_id, seq, event_type, payload) SELECT 'e' || id, id, 1, 'created', '{"status":"completed"}' FROM jobs WHERE user_id = {:user}`,
		`INSERT INTO link_grants (id, user_id, file_id, granted_at) SELECT 'g' || id, user_id, id, 'x' FROM jobs WHERE user_id = {:user}`,
	} {
		if _, err := app.NonconcurrentDB().NewQuery(sql).Bind(dbx.Params{"n": n, "user": user.Id}).Execute(); err != nil {
			t.Fatal(err)
		}
	}
	hookstest.MustCreateJob(t, app, user, nil)
}

func TestAUserOfManyJobsIsGoneAtOnceAndTheJobsInSteps(t *testing.T) {
	app, user := newApp(t)
	bystander := hookstest.MustCreateUser(t, app, "b@example.com", collections.RoleUser)
	const many = 600
	mustOwn(t, app, user, many)
	mustOwn(t, app, bystander, 3)
	mustSave(t, app, "sessions", map[string]any{"user_id": user.Id, "token_hash": "x"})
	mustSave(t, app, "usage_metrics_daily", map[string]any{"user_id": user.Id, "date": "2026-01-01"})
	_, writes := watchWriter(t, app, func() {
		rows := newRows(t, app, func() {
			if err := app.DeleteWithContext(by(hooks.ActorUser, "account.delete"), user); err != nil {
				t.Fatal(err)
			}
		})
		if len(rows) != 1 || rows[0].Action != "account.delete" || rows[0].TargetID != user.Id {
			t.Errorf("audited %+v", rows)
		}
		for _, table := range []string{"sessions", "user_plan_assignments", "usage_metrics_daily", "api_keys", "account_tokens"} {
			mustCount(t, app, table, dbx.HashExp{"user_id": user.Id}, 0)
		}
		mustCount(t, app, "users", dbx.HashExp{"id": user.Id}, 0)
		mustCount(t, app, "jobs", dbx.HashExp{"user_id": user.Id, "status": "queued"}, 0) // live jobs go first
		mustCount(t, app, "removals", dbx.HashExp{"user_id": user.Id}, 1)
		if steps := finishRemovals(t, app); steps < 2 {
			t.Errorf("it took %d more steps", steps)
		}
	})
	for _, table := range []string{"jobs", "link_grants"} {
		mustCount(t, app, table, dbx.HashExp{"user_id": user.Id}, 0)
	}
	mustCount(t, app, "job_events", nil, 4)
	mustCount(t, app, "removals", nil, 0)
	mustCount(t, app, "jobs", dbx.HashExp{"user_id": bystander.Id}, 4)
	mustCount(t, app, "link_grants", dbx.HashExp{"user_id": bystander.Id}, 3)
	if writes < 2 { // one comes before or behind it in any case
		t.Errorf("others wrote %d times in between", writes)
	}
}

func TestNobodySubmitsForAUserWhoIsGone(t *testing.T) {
	app, user := newApp(t)
	job := core.NewRecord(hookstest.MustCreateJob(t, app, user, nil).Collection())
	job.Set("user_id", user.Id)
	if err := app.Delete(user); err != nil {
		t.Fatal(err)
	}
	if err := hooks.AdmitJob(app, job, hooks.Wants{}); collections.CodeOf(err) != collections.CodeForbidden {
		t.Errorf("a job of a deleted user: %v", err)
	}
	other := hookstest.MustCreateUser(t, app, "b@example.com", collections.RoleUser)
	other.Set("disabled", true)
	saved(t, app, t.Context(), other)()
	job.Set("user_id", other.Id)
	if err := hooks.AdmitJob(app, job, hooks.Wants{}); collections.CodeOf(err) != collections.CodeForbidden {
		t.Errorf("a job of a disabled user: %v", err)
	}
}

// BenchmarkUserRemoval tells how long others wait while a user with 10,000 jobs goes.
func BenchmarkUserRemoval(b *testing.B) {
	app := hookstest.NewApp(b)
	hooks.Bind(app)
	for b.Loop() {
		b.StopTimer()
		user := hookstest.MustCreateUser(b, app, "a@example.com", collections.RoleUser)
		mustOwn(b, app, user, 10_000)
		b.StartTimer()
		begun := time.Now()
		var deleted time.Duration
		longest, _ := watchWriter(b, app, func() {
			if err := app.Delete(user); err != nil {
				b.Fatal(err)
			}
			deleted = time.Since(begun)
			for more := true; more; {
				var err error
				if more, err = hooks.ContinueRemoval(app); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.ReportMetric(float64(longest.Milliseconds()), "longest-wait-ms")
		b.ReportMetric(float64(deleted.Milliseconds()), "delete-ms")
	}
}
