package hooks_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

var (
	blockedV1 = strings.Repeat("a1", 20)
	blockedV2 = strings.Repeat("b2", 32)
)

func TestABlockedInfohashHasOneSpelling(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{strings.ToUpper(blockedV1), blockedV1},
		{"UGQ2DINBUGQ2DINBUGQ2DINBUGQ2DINB", blockedV1}, // base32
		{strings.ToUpper(blockedV2), blockedV2},
		{"1220" + blockedV2, blockedV2},
		{blockedV1[:39], ""},
		{blockedV1 + "0", ""},
		{"1221" + blockedV2, ""},
		{strings.Repeat("z", 40), ""},
		{"", ""},
	} {
		app, _ := newApp(t)
		table, err := app.FindCollectionByNameOrId("blocklist")
		if err != nil {
			t.Fatal(err)
		}
		row := core.NewRecord(table)
		row.Set("infohash", c.in)
		err = app.SaveWithContext(by(hooks.ActorSuperuser, ""), row)
		if c.want == "" {
			if err == nil {
				t.Errorf("%q was taken", c.in)
			}
			continue
		}
		if err != nil || row.GetString("infohash") != c.want || row.GetString("created_by") != "actor0000000000" {
			t.Errorf("%q: %v, %v", c.in, row.PublicExport(), err)
		}
	}
}

func TestABlockedTorrentsJobsEndWithIt(t *testing.T) {
	for _, how := range []struct {
		name, infohash string
		set            func(job *core.Record)
	}{
		{"by v1", blockedV1, func(job *core.Record) { job.Set("infohash", blockedV1) }},
		{"by v2 only", blockedV2, func(job *core.Record) { job.Set("infohash_v2", blockedV2) }},
	} {
		for _, status := range collections.Statuses() {
			t.Run(how.name+", "+string(status), func(t *testing.T) {
				app, user := newApp(t)
				job := hookstest.MustCreateJob(t, app, user, func(job *core.Record) {
					how.set(job)
					job.Set("status", string(status))
				})
				bystander := hookstest.MustCreateJob(t, app, user, nil)
				rows := newRows(t, app, func() { mustSave(t, app, "blocklist", map[string]any{"infohash": how.infohash}) })
				row := mustFind(t, app, "jobs", job.Id)
				if status.Terminal() {
					if row.GetString("status") != string(status) || len(rows) != 1 {
						t.Errorf("it is %s, audited %+v", row.GetString("status"), rows)
					}
					return
				}
				if row.GetString("status") != "failed" || row.GetString("error_code") != "infohash_blocked" || row.GetString("error") == "" {
					t.Errorf("it is %v", row.PublicExport())
				}
				if got := fold(t, events(t, app, job.Id)); got != collections.StatusFailed {
					t.Errorf("its events say %s", got)
				}
				if len(rows) != 2 || rows[0].Action != "blocklist.create" || rows[1].Action != "job.block" || rows[1].TargetID != job.Id {
					t.Errorf("audited %+v", rows)
				}
				if got := mustFind(t, app, "jobs", bystander.Id).GetString("status"); got != "queued" {
					t.Errorf("another torrent's job is %s", got)
				}
			})
		}
	}
}

func TestAJobKnownByV1EndsWhenItsTorrentsV2IsBlocked(t *testing.T) {
	app, user := newApp(t)
	mustSave(t, app, "torrents", map[string]any{"infohash_v1": blockedV1, "infohash_v2": blockedV2, "name": "hybrid"})
	job := hookstest.MustCreateJob(t, app, user, func(job *core.Record) { job.Set("infohash", blockedV1) })
	mustSave(t, app, "blocklist", map[string]any{"infohash": blockedV2})
	if got := mustFind(t, app, "jobs", job.Id).GetString("status"); got != "failed" {
		t.Errorf("it is %s", got)
	}
	again := core.NewRecord(job.Collection())
	again.Set("user_id", user.Id)
	err := hooks.AdmitJob(app, again, hooks.Wants{Infohash: collections.Infohash(blockedV1)})
	if collections.CodeOf(err) != collections.CodeInfohashBlocked {
		t.Errorf("it is admitted: %v", err)
	}
}

func TestAChangedEntryEndsJobsToo(t *testing.T) {
	app, user := newApp(t)
	row := mustSave(t, app, "blocklist", map[string]any{"infohash": blockedV2})
	job := hookstest.MustCreateJob(t, app, user, func(job *core.Record) { job.Set("infohash", blockedV1) })
	row.Set("infohash", blockedV1)
	if err := app.Save(row); err != nil {
		t.Fatal(err)
	}
	if got := mustFind(t, app, "jobs", job.Id).GetString("status"); got != "failed" {
		t.Errorf("it is %s", got)
	}
}

func liveCount(t *testing.T, app core.App) int64 {
	t.Helper()
	n, err := app.CountRecords("jobs", dbx.NotIn("status", "completed", "failed", "cancelled"))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// mustFlood gives each of n users a queued job of the torrent, by SQL.
func mustFlood(t testing.TB, app core.App, n int, infohash string) {
	t.Helper()
	for _, sql := range []string{
		`WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {:n})
			INSERT INTO jobs (id, user_id, infohash, status, desired, revision) SELECT 'j' || i, 'u' || i, {:infohash}, 'queued', 'run', 1 FROM n`,
		`INSERT INTO job_events (id, job_id, seq, event_type, payload) SELECT 'e' || id, id, 1, 'created', '{"status":"queued"}' FROM jobs WHERE infohash = {:infohash}`,
	} {
		if _, err := app.NonconcurrentDB().NewQuery(sql).Bind(dbx.Params{"n": n, "infohash": infohash}).Execute(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestManyJobsEndInStepsThatLetOthersWrite(t *testing.T) {
	app, _ := newApp(t)
	const many = 500
	mustFlood(t, app, many, blockedV1)
	mustSave(t, app, "blocklist", map[string]any{"infohash": blockedV1})
	if left := liveCount(t, app); left == 0 || left == many {
		t.Fatalf("%d of %d are left after the first step", left, many)
	}
	_, writes := watchWriter(t, app, func() {
		if err := hooks.EnforceBlocklist(t.Context(), app); err != nil {
			t.Fatal(err)
		}
	})
	if left := liveCount(t, app); left != 0 {
		t.Errorf("%d are left", left)
	}
	if writes < 2 { // one comes before or behind it in any case
		t.Errorf("others wrote %d times in between", writes)
	}
	if n, err := app.CountRecords("audit_logs", dbx.HashExp{"action": "job.block"}); n != many || err != nil {
		t.Errorf("%d were audited, %v", n, err)
	}
	if rows := newRows(t, app, func() { _ = hooks.EnforceBlocklist(t.Context(), app) }); len(rows) != 0 {
		t.Errorf("the second time it did %+v", rows)
	}
}

func TestWhatAnotherProcessBlocksIsEnforced(t *testing.T) {
	app, user := newApp(t)
	job := hookstest.MustCreateJob(t, app, user, func(job *core.Record) { job.Set("infohash", blockedV1) })
	other := hookstest.SecondApp(t, app) // its hooks are not bound: it knows nothing of jobs
	mustSave(t, other, "blocklist", map[string]any{"infohash": blockedV1})
	if err := hooks.EnforceBlocklist(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	if got := mustFind(t, app, "jobs", job.Id).GetString("status"); got != "failed" {
		t.Errorf("it is %s", got)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if err := hooks.EnforceBlocklist(stopped, app); !errors.Is(err, context.Canceled) {
		t.Errorf("it does not stop: %v", err)
	}
}

// TestNoJobSlipsThrough submits and blocks at once: whatever comes first, no job of the torrent stays alive.
func TestNoJobSlipsThrough(t *testing.T) {
	app, _ := newApp(t)
	table, err := app.FindCollectionByNameOrId("jobs")
	if err != nil {
		t.Fatal(err)
	}
	users := make([]*core.Record, 40)
	for i := range users {
		users[i] = hookstest.MustCreateUser(t, app, string(rune('a'+i%26))+string(rune('a'+i/26))+"@example.com", collections.RoleUser)
	}
	accepted, refused := 0, 0
	var mu sync.Mutex
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i, user := range users {
		all.Go(func() {
			<-begin
			err := hooks.InTransaction(app, func(tx core.App) error {
				job := core.NewRecord(table)
				job.Load(map[string]any{"user_id": user.Id, "infohash": blockedV1, "status": "queued", "desired": "run"})
				if err := hooks.AdmitJob(tx, job, hooks.Wants{Infohash: collections.Infohash(blockedV1)}); err != nil {
					return err
				}
				return tx.Save(job)
			})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				accepted++
			case collections.CodeOf(err) == collections.CodeInfohashBlocked:
				refused++
			default:
				t.Error(err)
			}
		})
		if i == len(users)/2 {
			all.Go(func() {
				<-begin
				mustSave(t, app, "blocklist", map[string]any{"infohash": blockedV1})
				if err := hooks.EnforceBlocklist(t.Context(), app); err != nil { // as the dispatcher does after that commit
					t.Error(err)
				}
			})
		}
	}
	close(begin)
	all.Wait()
	if left := liveCount(t, app); left != 0 || accepted+refused != len(users) {
		t.Errorf("%d accepted, %d refused, %d live", accepted, refused, left)
	}
}

// watchWriter writes something small again and again while do runs, and answers the longest that one write took, and how many there were.
func watchWriter(t testing.TB, app core.App, do func()) (longest time.Duration, writes int) {
	t.Helper()
	other := hookstest.MustCreateUser(t, app, core.GenerateDefaultRandomId()+"@example.com", collections.RoleUser)
	job := hookstest.MustCreateJob(t, app, other, nil)
	stop, stopped := make(chan struct{}), make(chan struct{})
	pause := time.NewTicker(time.Millisecond)
	defer pause.Stop()
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-pause.C:
			}
			begun := time.Now()
			_, err := app.NonconcurrentDB().NewQuery(`UPDATE jobs SET label = 'x' WHERE id = {:id}`).Bind(dbx.Params{"id": job.Id}).Execute()
			if err != nil {
				t.Error(err)
				return
			}
			longest, writes = max(longest, time.Since(begun)), writes+1
		}
	}()
	do()
	close(stop)
	<-stopped
	_ = app.Delete(job)
	return longest, writes
}
