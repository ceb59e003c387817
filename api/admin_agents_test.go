package api

import (
	"context"
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/longshore-project/longshore/api/wire"
	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/dispatch"
)

// dispatching gives the server a dispatcher of its own.
func (s *server) dispatching() *dispatch.Dispatcher {
	s.t.Helper()
	d, err := dispatch.New(dispatch.Config{
		App: s.app, Store: s.store, Board: s.board, Secret: make([]byte, 32), Now: s.clock.now, Logger: s.api.Logger, Sweep: time.Hour,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := d.Start(context.Background()); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(d.Stop)
	s.api.Dispatch = d
	return d
}

// enrolled makes an agent known that nobody can reach.
func (s *server) enrolled(d *dispatch.Dispatcher, name string) string {
	s.t.Helper()
	token, err := dispatch.NewAgentToken(s.app, false, time.Hour)
	if err != nil {
		s.t.Fatal(err)
	}
	reply, err := d.Enrol(context.Background(), collections.EnrolRequest{
		Token: token, Name: name, PublicKey: make([]byte, ed25519.PublicKeySize), Advertise: "http://127.0.0.1:1",
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return reply.AgentID
}

func (s *server) reports(d *dispatch.Dispatcher, agentID string, seq int64, slots int, jobs ...collections.JobReport) {
	s.t.Helper()
	_, err := d.Report(context.Background(), agentID, collections.ReportRequest{StartID: "start", Seq: seq, Jobs: jobs, Health: collections.AgentHealth{
		AgentID: agentID, Version: "1.2.3", Slots: slots, ScratchFreeBytes: 1 << 40, ScratchReservedBytes: 5,
		Engines: []collections.EngineHealth{{Name: "anacrolix", Version: "1.62.0", Capabilities: []string{"ranges"}}},
	}})
	if err != nil {
		s.t.Fatal(err)
	}
}

func (b *browser) agents() []wire.Agent {
	b.s.t.Helper()
	var list page[wire.Agent]
	b.call("GET", "/admin/agents", nil).into(b.s.t, 200, &list)
	return list.Items
}

func TestAnAdminSeesAndDrainsAgents(t *testing.T) {
	s := newServer(t)
	d := s.dispatching()
	root, ann := s.signedInAs("root@example.com", collections.RoleAdmin), s.signedIn("ann@example.com")
	silent, one := s.enrolled(d, "silent"), s.enrolled(d, "one")
	s.reports(d, one, 1, 0)
	got := root.agents()
	if len(got) != 2 || got[0].Id != one || got[1].Id != silent {
		t.Fatalf("got %+v", got)
	}
	if a := got[0]; !a.Online || a.LastSeenAt == nil || a.Version != "1.2.3" || a.ScratchFreeBytes != 1<<40 || a.ScratchReservedBytes != 5 || len(a.Engines) != 1 || a.Draining {
		t.Errorf("an agent that reports: %+v", a)
	}
	if a := got[1]; a.Online || a.LastSeenAt != nil || a.Slots != 0 || a.Engines == nil {
		t.Errorf("an agent that never reported: %+v", a)
	}
	s.clock.advance(collections.Lease + time.Second)
	if a := root.agents()[0]; a.Online || a.Slots != 0 {
		t.Errorf("an agent that fell silent: %+v", a)
	}
	var drained wire.Agent
	for range 2 {
		root.call("POST", "/admin/agents/"+one+"/drain", nil).into(t, 200, &drained)
	}
	if !drained.Draining || !root.agents()[0].Draining {
		t.Errorf("drained: %+v", drained)
	}
	s.reports(d, one, 2, 4) // does not undo it
	job := ann.mustCreate(map[string]any{"magnet": magnet(1)})
	eventually(t, "the job waits", func() bool {
		v := ann.detail(job.ID).Verdict
		return v != nil && v.Code == collections.CodeNoAgent
	})
	root.call("POST", "/admin/agents/"+one+"/undrain", nil).into(t, 200, &drained)
	if drained.Draining {
		t.Errorf("undrained: %+v", drained)
	}
	eventually(t, "the job is given to the agent", func() bool { return ann.detail(job.ID).Job.Attempt > 0 })
	if got := s.audits(one); got != "agents.create agent.drain agent.undrain" {
		t.Errorf("audit: %s", got)
	}
	for _, path := range []string{"/admin/agents/nosuchagent0000/drain", "/admin/agents/nosuchagent0000/undrain"} {
		root.call("POST", path, nil).want(t, 404, collections.CodeNotFound)
	}
	ann.call("POST", "/admin/agents/"+one+"/drain", nil).want(t, 403, collections.CodeForbidden)
	ann.call("GET", "/admin/agents", nil).want(t, 403, collections.CodeForbidden)
}

func TestARemovedAgentIsNobodyAtOnce(t *testing.T) {
	s := newServer(t)
	d := s.dispatching()
	root, ann := s.signedInAs("root@example.com", collections.RoleAdmin), s.signedIn("ann@example.com")
	one := s.enrolled(d, "one")
	job := ann.mustCreate(map[string]any{"magnet": magnet(1)})
	_, err := s.app.NonconcurrentDB().Update("jobs", dbx.Params{
		"status": "fetching_metadata", "attempt": 1, "agent_id": one, "agent_start": "start", "next_attempt_at": "",
	}, dbx.HashExp{"id": job.ID}).Execute()
	if err != nil {
		t.Fatal(err)
	}
	running := collections.JobReport{JobID: job.ID, Attempt: 1, State: collections.AgentFetchingMetadata}
	s.reports(d, one, 1, 4, running)
	if a := root.agents()[0]; a.RunningJobs != 1 {
		t.Fatalf("got %+v", a)
	}
	if got := root.call("DELETE", "/admin/agents/"+one, nil); got.status != 204 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := ann.detail(job.ID).Job; got.Status != collections.StatusQueued || got.ErrorCode != "agent_lost" || got.AgentID != "" {
		t.Errorf("its job is %+v", got)
	}
	if _, err := d.Report(context.Background(), one, collections.ReportRequest{StartID: "start", Seq: 2, Jobs: []collections.JobReport{running}}); collections.CodeOf(err) != collections.CodeUnauthorized {
		t.Errorf("its report: %v", err)
	}
	if got := root.agents(); len(got) != 0 {
		t.Errorf("listed: %+v", got)
	}
	if got := s.audits(one); got != "agents.create agent.remove" {
		t.Errorf("audit: %s", got)
	}
	root.call("DELETE", "/admin/agents/"+one, nil).want(t, 404, collections.CodeNotFound)
	ann.call("DELETE", "/admin/agents/"+one, nil).want(t, 403, collections.CodeForbidden)
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}
