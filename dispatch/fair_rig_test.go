package dispatch

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/hooks/hookstest"
	"github.com/longshore-project/longshore/progress"
)

// idle is a dispatcher that looks at the queue when it is told to only, with an agent of n slots that nobody can reach.
func idle(t testing.TB, slots int) *Dispatcher {
	t.Helper()
	app := hookstest.NewApp(t)
	hooks.Bind(app)
	d, err := New(Config{App: app, Board: progress.NewBoard(), Secret: make([]byte, 32), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	d.stop() // so that what is placed goes no further
	t.Cleanup(d.work.Wait)
	a := newAgent(core.NewRecord(mustFind(t, app, "agents")))
	a.id, a.seen = "agent", time.Now().Add(time.Hour)
	a.health = collections.AgentHealth{Slots: slots, Engines: []collections.EngineHealth{{Name: "anacrolix"}}}
	d.agents[a.id] = a
	return d
}

func mustFind(t testing.TB, app core.App, collection string) *core.Collection {
	t.Helper()
	c, err := app.FindCollectionByNameOrId(collection)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// queue makes n queued jobs of a user, a second apart, by plain SQL.
func queue(t testing.TB, app core.App, user string, n int, since time.Time, more dbx.Params) {
	t.Helper()
	err := app.RunInTransaction(func(tx core.App) error {
		for i := range n {
			at := stamp(since.Add(time.Duration(i) * time.Millisecond))
			row := dbx.Params{
				"id": fmt.Sprintf("%.3s%012d", user, i), "user_id": user, "infohash": fmt.Sprintf("%.3s%037d", user, i), "status": "queued",
				"desired": "run", "created_at": at, "updated_at": at, "status_since": at, "magnet_uri": fmt.Sprintf("magnet:?xt=urn:btih:%.3s%037d", user, i),
			}
			if _, err := tx.NonconcurrentDB().Insert("jobs", with(row, more)).Execute(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// BenchmarkPump looks at a queue of 100,000 jobs of one user and one of another.
func BenchmarkPump(b *testing.B) {
	for _, slots := range []int{0, 1, 100} {
		b.Run(fmt.Sprintf("%d free slots", slots), func(b *testing.B) {
			d := idle(b, slots)
			ann := hookstest.MustCreateUser(b, d.App, "ann@example.com", collections.RoleUser)
			bob := hookstest.MustCreateUser(b, d.App, "bob@example.com", collections.RoleUser)
			queue(b, d.App, ann.Id, 100_000, time.Now().Add(-time.Hour), nil)
			queue(b, d.App, bob.Id, 1, time.Now(), nil)
			benchmarkLook(b, d)
		})
	}
	b.Run("1,000 users of 100 jobs", func(b *testing.B) {
		d := idle(b, 100)
		for i := range 1000 {
			queue(b, d.App, fmt.Sprintf("%03d456789012345", i), 100, time.Now().Add(-time.Hour), nil)
		}
		benchmarkLook(b, d)
	})
}

// benchmarkLook measures one look, again and again at the same queue.
func benchmarkLook(b *testing.B, d *Dispatcher) {
	for b.Loop() {
		d.looked = time.Time{}
		if err := d.pump(); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		d.work.Wait()
		d.leases = map[string]*lease{}
		if _, err := exec(d.App, `UPDATE jobs SET status = 'queued', next_attempt_at = '' WHERE status != 'queued' OR next_attempt_at != ''`, nil); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
