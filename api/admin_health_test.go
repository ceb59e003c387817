package api

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/api/wire"
	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/storage"
)

// away is a store that can be made not to answer.
type away struct {
	storage.Store
	gone bool
}

func (a *away) Check(ctx context.Context) error {
	if a.gone {
		return errors.New("the store is away")
	}
	return a.Store.Check(ctx)
}

func (b *browser) health() (h wire.SystemHealth) {
	b.s.t.Helper()
	b.call("GET", "/admin/system-health", nil).into(b.s.t, 200, &h)
	return h
}

func TestSystemHealth(t *testing.T) {
	store := &away{}
	s := newServer(t, func(cfg *Config) { store.Store, cfg.Store = cfg.Store, store })
	d := s.dispatching()
	root, ann := s.signedInAs("root@example.com", collections.RoleAdmin), s.signedIn("ann@example.com")
	first := root.health()
	if !first.Store.Reachable || first.Database.SizeBytes == 0 || first.LastHour.ErrorRate != 0 || first.Queue.OldestSeconds != 0 || first.Jobs["queued"] != 0 {
		t.Errorf("of a new installation: %+v", first)
	}
	s.reports(d, s.enrolled(d, "full"), 1, 1)
	draining := s.enrolled(d, "drained")
	s.reports(d, draining, 1, 3)
	var ignored wire.Agent
	root.call("POST", "/admin/agents/"+draining+"/drain", nil).into(t, 200, &ignored)
	s.enrolled(d, "silent")
	for i, fields := range []map[string]any{
		{"status": "completed"}, {"status": "completed"}, {"status": "completed"}, {"status": "failed", "dead_letter": true}, {"desired": "pause", "status": "paused"},
	} {
		s.change(s.waiting(ann, i), fields)
	}
	s.waiting(ann, 8)
	_, err := s.app.NonconcurrentDB().Insert("objects", dbx.Params{"id": "object000000001", "torrent_id": "t", "state": "stored", "size_bytes": 12345}).Execute()
	if err != nil {
		t.Fatal(err)
	}
	store.gone = true
	s.clock.advance(time.Second)
	if again := root.health(); again.Jobs["completed"] != 0 || !again.Store.Reachable {
		t.Errorf("asked again after a second: %+v", again)
	}
	s.clock.advance(storageKept) // the clock of the rows has gone on meanwhile
	h := root.health()
	agents := h.Agents
	if agents.Total != 3 || agents.Online != 0 || agents.Draining != 1 {
		t.Errorf("agents that fell silent: %+v", agents)
	}
	if h.Jobs["completed"] != 3 || h.Jobs["failed"] != 1 || h.Jobs["paused"] != 1 || h.Queue.Depth != 1 || h.DeadLetters != 1 {
		t.Errorf("jobs: %+v", h)
	}
	if h.LastHour.Completed != 3 || h.LastHour.Failed != 1 || h.LastHour.ErrorRate != 0.25 {
		t.Errorf("the last hour: %+v", h.LastHour)
	}
	if h.Queue.OldestSeconds < 30 || h.Storage.Objects != 1 || h.Storage.Bytes != 12345 || h.Store.Reachable {
		t.Errorf("got %+v", h)
	}
	s.reports(d, draining, 2, 3)
	s.clock.advance(healthKept)
	if agents := root.health().Agents; agents.Online != 1 || agents.Slots != 3 || agents.SlotsFree != 0 {
		t.Errorf("agents: %+v", agents)
	}
	ann.call("GET", "/admin/system-health", nil).want(t, 403, collections.CodeForbidden)
}

// waiting makes a job that no agent will get.
func (s *server) waiting(b *browser, i int) string {
	s.t.Helper()
	return b.mustCreate(map[string]any{"magnet": magnet(i), "engine": "rare"}).ID
}

// BenchmarkAdmin measures what an admin's pages ask, with 100,000 jobs of 100 users.
func BenchmarkAdmin(b *testing.B) {
	s := newServer(b)
	root := s.signedInAs("root@example.com", collections.RoleAdmin)
	s.manyJobs(100_000, 100)
	for _, path := range []string{
		"/admin/system-health", "/admin/jobs?skipTotal=true&perPage=50", "/admin/jobs?perPage=50", "/admin/jobs?dead_letter=true&perPage=50", "/admin/jobs?status=failed&perPage=50",
		"/admin/jobs?search=name+77&perPage=50",
	} {
		b.Run(path, func(b *testing.B) {
			for b.Loop() {
				s.clock.advance(healthKept)
				if got := root.call("GET", path, nil); got.status != 200 {
					b.Fatal(string(got.body))
				}
			}
		})
	}
}

func (s *server) manyJobs(n, users int) {
	s.t.Helper()
	statuses := []string{"completed", "completed", "completed", "failed", "cancelled", "queued", "queued", "paused"}
	err := s.app.RunInTransaction(func(tx core.App) error {
		for i := range n {
			status, at := statuses[i%len(statuses)], dbTime(time.Now().Add(-time.Duration(n-i)*time.Second))
			row := dbx.Params{
				"id": fmt.Sprintf("job%012d", i), "user_id": fmt.Sprintf("user%011d", i%users), "infohash": fmt.Sprintf("%040d", i), "name": fmt.Sprint("name ", i),
				"status": status, "desired": "run", "created_at": at, "updated_at": at, "dead_letter": status == "failed" && i%100 == 3, "magnet_uri": magnet(i),
			}
			if status == "completed" || status == "failed" {
				row["completed_at"] = at
			}
			if _, err := tx.NonconcurrentDB().Insert("jobs", row).Execute(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
}
