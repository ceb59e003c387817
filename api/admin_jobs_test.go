package api

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/progress"
)

func (b *browser) listAll(query string) cursorPage[adminJob] {
	b.s.t.Helper()
	var list cursorPage[adminJob]
	b.call("GET", "/admin/jobs"+query, nil).into(b.s.t, 200, &list)
	return list
}

// change sets fields of a job as the dispatcher would.
func (s *server) change(jobID string, fields map[string]any) *core.Record {
	s.t.Helper()
	job, err := hooks.ChangeJob(s.app, jobID, func(_ core.App, job *core.Record) error {
		for name, value := range fields {
			job.Set(name, value)
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return job
}

func (s *server) dead(jobID string) {
	s.t.Helper()
	s.change(jobID, map[string]any{"status": "failed", "dead_letter": true, "error": "It broke.", "error_code": "engine_failed"})
}

// audits answers the actions on a target, oldest first.
func (s *server) audits(targetID string) string {
	s.t.Helper()
	var actions []string
	err := s.app.DB().Select("action").From("audit_logs").Where(dbx.HashExp{"target_id": targetID}).OrderBy("rowid").Column(&actions)
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.Join(actions, " ")
}

func TestAnAdminListsEverybodysJobs(t *testing.T) {
	s := newServer(t)
	root, ann, bob := s.signedInAs("root@example.com", collections.RoleAdmin), s.signedIn("ann@example.com"), s.signedIn("bob@example.com")
	ann.jobsOfAnHour(3, time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC))
	theirs := bob.mustCreate(map[string]any{"magnet": magnet(7), "label": "l1"})
	first := ann.list("?sort=created_at").Items[0]
	s.dead(first.ID)
	s.change(theirs.ID, map[string]any{"agent_id": "agent0000000001", "status": "downloading"})
	s.board.SetVerdict(bob.user.ID, theirs.ID, progress.Verdict{Code: collections.CodeNoPeers, Message: "Nobody has it."})
	for _, tc := range []struct {
		query string
		want  string
		total int
	}{
		{"", "bob job 7, ann job 2, ann job 1, ann job 0", 4},
		{"?user=" + ann.user.ID + "&sort=created_at", "ann job 0, ann job 1, ann job 2", 3},
		{"?agent=agent0000000001", "bob job 7", 1},
		{"?label=l1", "bob job 7, ann job 1", 2},
		{"?status=failed,downloading", "bob job 7, ann job 0", 2},
		{"?dead_letter=true", "ann job 0", 1},
		{"?dead_letter=false", "bob job 7, ann job 2, ann job 1", 3},
		{"?search=BOB%40", "bob job 7", 1},
		{"?search=job+2", "ann job 2", 1},
		{"?search=%25", "", 0},
		{"?perPage=2&page=2", "ann job 1, ann job 0", 4},
		{"?user=nobody000000000", "", 0},
	} {
		list := root.listAll(tc.query)
		var got []string
		for _, job := range list.Items {
			owner, _, _ := strings.Cut(job.UserEmail, "@")
			got = append(got, owner+" "+job.Name)
		}
		if strings.Join(got, ", ") != tc.want || list.TotalItems != tc.total {
			t.Errorf("%s: %v of %d", tc.query, got, list.TotalItems)
		}
	}
	if got := root.listAll("?search=bob").Items[0]; got.Verdict == nil || got.Verdict.Message != "Nobody has it." {
		t.Errorf("got %+v", got)
	}
	if got := root.listAll("?dead_letter=true").Items[0]; !got.DeadLetter || got.Error != "It broke." {
		t.Errorf("got %+v", got)
	}
	var walked []string
	for query := "?perPage=1&skipTotal=true"; ; {
		list := root.listAll(query)
		walked = append(walked, list.Items[0].Name)
		if list.Next == nil {
			break
		}
		query = "?perPage=1&after=" + *list.Next
	}
	if got := strings.Join(walked, ", "); got != "job 7, job 2, job 1, job 0" {
		t.Errorf("walked %s", got)
	}
	ann.call("GET", "/admin/jobs", nil).want(t, 403, collections.CodeForbidden)
	s.browser().call("GET", "/admin/jobs", nil).want(t, 401, collections.CodeUnauthorized)
}

func TestAnAdminChangesAPriority(t *testing.T) {
	s := newServer(t)
	root, ann := s.signedInAs("root@example.com", collections.RoleAdmin), s.signedIn("ann@example.com")
	job := ann.mustCreate(map[string]any{"magnet": magnet(1)})
	var got adminJob
	root.call("PATCH", "/admin/jobs/"+job.ID, map[string]any{"priority": -5}).into(t, 200, &got)
	if got.Priority != -5 || got.UserEmail != "ann@example.com" || got.Revision != job.Revision+1 {
		t.Errorf("got %+v", got)
	}
	if got := s.audits(job.ID); got != "job.submit job.prioritise" {
		t.Errorf("audit: %s", got)
	}
	for _, body := range []any{map[string]any{"priority": 1001}, map[string]any{"priority": 1.5}, map[string]any{}, map[string]any{"priority": 1, "label": "x"}, "["} {
		root.call("PATCH", "/admin/jobs/"+job.ID, body).want(t, 400, collections.CodeInvalidInput)
	}
	ann.call("PATCH", "/admin/jobs/"+job.ID, map[string]any{"priority": 9}).want(t, 403, collections.CodeForbidden)
	root.call("PATCH", "/admin/jobs/nosuchjob000000", map[string]any{"priority": 9}).want(t, 404, collections.CodeNotFound)
}

func TestAnAdminEndsAJob(t *testing.T) {
	s := newServer(t)
	root, ann := s.signedInAs("root@example.com", collections.RoleAdmin), s.signedIn("ann@example.com")
	job := ann.mustCreate(map[string]any{"magnet": magnet(1)})
	s.change(job.ID, map[string]any{"status": "fetching_metadata", "attempt": 1})
	var got adminJob
	root.call("POST", "/admin/jobs/"+job.ID+"/terminate", map[string]string{"reason": " It fills the disk. "}).into(t, 200, &got)
	if got.Status != collections.StatusCancelled || got.Desired != collections.DesiredCancel {
		t.Errorf("got %+v", got)
	}
	seen := ann.detail(job.ID).Job
	if seen.ErrorCode != "terminated" || seen.Error != "An admin ended this job: It fills the disk." {
		t.Errorf("its owner reads %s: %s", seen.ErrorCode, seen.Error)
	}
	root.call("POST", "/admin/jobs/"+job.ID+"/terminate", nil).into(t, 200, &got)
	if got := s.audits(job.ID); got != "job.submit job.terminate" {
		t.Errorf("audit: %s", got)
	}
	other := ann.mustCreate(map[string]any{"magnet": magnet(2)})
	root.call("POST", "/admin/jobs/"+other.ID+"/terminate", nil).into(t, 200, &got)
	if got.Error != "An admin ended this job." {
		t.Errorf("got %s", got.Error)
	}
	done := ann.mustCreate(map[string]any{"magnet": magnet(3)})
	s.change(done.ID, map[string]any{"status": "completed"})
	root.call("POST", "/admin/jobs/"+done.ID+"/terminate", nil).want(t, 409, collections.CodeIllegalTransition)
	root.call("POST", "/admin/jobs/nosuchjob000000/terminate", nil).want(t, 404, collections.CodeNotFound)
	root.call("POST", "/admin/jobs/"+done.ID+"/terminate", map[string]string{"reason": strings.Repeat("x", 501)}).want(t, 400, collections.CodeInvalidInput)
	ann.call("POST", "/admin/jobs/"+done.ID+"/terminate", nil).want(t, 403, collections.CodeForbidden)
}

func TestAnAdminQueuesADeadLetterAgain(t *testing.T) {
	s := newServer(t)
	root, ann := s.signedInAs("root@example.com", collections.RoleAdmin), s.signedIn("ann@example.com")
	job := ann.mustCreate(map[string]any{"magnet": magnet(1), "label": "mine"})
	root.call("POST", "/admin/jobs/"+job.ID+"/requeue", nil).want(t, 409, collections.CodeIllegalTransition)
	s.dead(job.ID)
	var clicks sync.WaitGroup
	made := make([]adminJob, 8)
	for i := range made {
		clicks.Go(func() { root.call("POST", "/admin/jobs/"+job.ID+"/requeue", nil).into(t, 201, &made[i]) })
	}
	clicks.Wait()
	for _, m := range made {
		if m.ID != made[0].ID || m.UserID != ann.user.ID || m.RetryOf != job.ID || m.Status != collections.StatusQueued || m.Label != "mine" {
			t.Errorf("got %+v", m)
		}
	}
	if got := s.audits(made[0].ID); got != "job.requeue" {
		t.Errorf("audit: %s", got)
	}
	if list := root.listAll("?dead_letter=true"); len(list.Items) != 0 {
		t.Errorf("still a dead letter: %+v", list.Items)
	}
	if got := ann.detail(made[0].ID).Job; got.UserID != ann.user.ID {
		t.Errorf("its owner sees %+v", got)
	}
	ann.call("POST", "/admin/jobs/"+job.ID+"/requeue", nil).want(t, 403, collections.CodeForbidden)
	root.call("POST", "/admin/jobs/nosuchjob000000/requeue", nil).want(t, 404, collections.CodeNotFound)
	s.dead(made[0].ID)
	root.block(job.Infohash)
	root.call("POST", "/admin/jobs/"+job.ID+"/requeue", nil).want(t, 403, collections.CodeInfohashBlocked)
}
