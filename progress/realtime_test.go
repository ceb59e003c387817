package progress

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

func TestWhoMayHaveWhichTopic(t *testing.T) {
	s := newServer(t)
	user, admin := s.user("ann@example.com", collections.RoleUser), s.user("root@example.com", collections.RoleAdmin)
	id := "aaaaaaaaaaaaaaa"
	own := []string{"jobs/*", "jobs/" + id, "files/*", "files/" + id, "progress", "verdicts", "PB_CONNECT"}
	forAdmins := []string{"progress/all", "jobs/all"}
	never := []string{"users/*", "users/" + user.Id, "jobs", "files", "sessions/*", "agents/*", "_superusers/*", "progress/", "jobs/**", "jobs/ALL", "x", "@all",
		`jobs/*?options={"query":{"filter":"id!=''"}}`, "jobs/" + id + "?x", "pbc_1/*"}
	for as, allowed := range map[string][]string{"": nil, userRef(user): own, userRef(admin): append(slices.Clone(own), forAdmins...)} {
		c, _ := s.connect(as)
		for _, topic := range slices.Concat(own, forAdmins, never) {
			if status := c.subscribe(topic); (status == 204) != slices.Contains(allowed, topic) {
				t.Errorf("%q subscribing to %s: %d", as, topic, status)
			}
		}
	}
}

func TestNobodyHearsOfAnothersJobs(t *testing.T) {
	s := newServer(t)
	ann, bob := s.user("ann@example.com", collections.RoleUser), s.user("bob@example.com", collections.RoleUser)
	root := s.user("root@example.com", collections.RoleAdmin)
	annsJob := s.job(ann)
	annHears, bobHears := s.listen(userRef(ann), "jobs/*", "progress"), s.listen(userRef(bob), "jobs/*", "jobs/"+annsJob.Id, "files/*", "progress")
	rootHears := s.listen(userRef(root), "jobs/*", "progress", "jobs/all", "progress/all")
	s.mustChange(annsJob, "films")
	s.board.Report(ann.Id, collections.Progress{JobID: annsJob.Id})
	if err := s.app.Delete(s.job(ann)); err != nil {
		t.Fatal(err)
	}
	if got := annHears.fence(ann); len(got) < 3 {
		t.Errorf("ann heard only %v", got)
	}
	if got := bobHears.fence(bob); len(got) != 0 {
		t.Errorf("bob heard %v", got)
	}
	for _, e := range rootHears.fence(root) {
		if e.topic != "jobs/all" && e.topic != "progress/all" {
			t.Errorf("the admin heard %v by a topic of one's own", e)
		}
	}
}

func TestAVerdictIsToldWhenItChanges(t *testing.T) {
	s := newServer(t)
	ann, bob := s.user("ann@example.com", collections.RoleUser), s.user("bob@example.com", collections.RoleUser)
	hears, bobHears := s.listen(userRef(ann), "verdicts", "progress"), s.listen(userRef(bob), "verdicts", "progress")
	waits := Verdict{collections.CodeNoAgent, "Waiting for an agent."}
	for _, v := range []Verdict{{}, waits, waits, {}, {}} {
		s.board.SetVerdict(ann.Id, "j", v)
	}
	s.board.SetVerdict(ann.Id, "j", waits)
	var told []verdictMessage
	for _, e := range hears.fence(ann) {
		var m verdictMessage
		if err := json.Unmarshal([]byte(e.data), &m); err != nil || e.topic != "verdicts" {
			t.Fatalf("got %v, %v", e, err)
		}
		told = append(told, m)
	}
	if len(told) == 0 || len(told) > 3 { // a reader may be told the latest only
		t.Fatalf("ann heard %v", told)
	}
	if last := told[len(told)-1]; last.JobID != "j" || last.Verdict == nil || *last.Verdict != waits {
		t.Errorf("ann heard %+v last", last)
	}
	if got := bobHears.fence(bob); len(got) != 0 {
		t.Errorf("bob heard %v", got)
	}
}

func TestJobMessageEqualsTheRoutesJob(t *testing.T) {
	s := newServer(t)
	ann := s.user("ann@example.com", collections.RoleUser)
	job := s.job(ann)
	c := s.listen(userRef(ann), "jobs/*", "jobs/"+job.Id)
	s.board.Report(ann.Id, collections.Progress{JobID: job.Id, DoneBytes: 7, StoredBytes: 3})
	s.mustChange(job, "films")
	now, err := s.app.FindRecordById("jobs", job.Id)
	if err != nil {
		t.Fatal(err)
	}
	want := s.board.Job(now)
	topics := []string{}
	for range 2 {
		e := c.next()
		topics = append(topics, e.topic)
		var m struct {
			Action string
			Record Job
		}
		if err := json.Unmarshal([]byte(e.data), &m); err != nil {
			t.Fatal(err)
		}
		if m.Action != "update" || m.Record != want || m.Record.DoneBytes != 7 || m.Record.StoredBytes != 3 {
			t.Errorf("%s tells %s of %+v, the route of %+v", e.topic, m.Action, m.Record, want)
		}
	}
	slices.Sort(topics)
	if !slices.Equal(topics, []string{"jobs/*", "jobs/" + job.Id}) {
		t.Errorf("by %v", topics)
	}
}

func TestRolledBackChangeIsNotTold(t *testing.T) {
	s := newServer(t)
	ann := s.user("ann@example.com", collections.RoleUser)
	job := s.job(ann)
	c := s.listen(userRef(ann), "jobs/*", "progress")
	_ = s.app.RunInTransaction(func(tx core.App) error {
		_, err := hooks.ChangeJob(tx, job.Id, func(_ core.App, job *core.Record) error { job.Set("label", "x"); return nil })
		if err != nil {
			t.Error(err)
		}
		return fmt.Errorf("roll back")
	})
	if got := c.fence(ann); len(got) != 0 {
		t.Errorf("heard %v", got)
	}
}

func TestRevisionsOnlyRise(t *testing.T) {
	s := newServer(t)
	ann := s.user("ann@example.com", collections.RoleUser)
	job := s.job(ann)
	c := s.listen(userRef(ann), "jobs/*", "progress")
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := range 50 {
				s.mustChange(job, fmt.Sprint(w, "-", i))
			}
		})
	}
	all.Wait()
	var last int64
	for _, e := range c.fence(ann) {
		var m struct{ Record Job }
		if err := json.Unmarshal([]byte(e.data), &m); err != nil {
			t.Fatal(err)
		}
		if m.Record.Revision < last {
			t.Errorf("revision %d after %d", m.Record.Revision, last)
		}
		last = m.Record.Revision
	}
	if last != 201 {
		t.Errorf("the last revision heard is %d", last)
	}
}

func TestChangedFilesAreToldToTheirOwner(t *testing.T) {
	s := newServer(t)
	ann, root := s.user("ann@example.com", collections.RoleUser), s.user("root@example.com", collections.RoleAdmin)
	for _, owner := range []*core.Record{ann, root} {
		ids := s.files(owner, 3)
		c := s.listen(userRef(owner), "files/*", "files/"+ids[1], "progress")
		s.board.FilesChanged(owner.Id, "jjjjjjjjjjjjjjj", append(ids, s.files(ann, 1)...))
		got := c.fence(owner)
		shown := strings.Contains(fmt.Sprint(got), "object_key")
		if want := map[bool]int{true: 5, false: 4}[owner == ann]; len(got) != want || shown != (owner == root) {
			t.Errorf("%s heard %v", owner.Email(), got)
		}
		s.board.FilesChanged(owner.Id, "jjjjjjjjjjjjjjj", s.files(owner, MaxFileMessages+1))
		if got := c.fence(owner); len(got) != 1 || got[0].data != `{"action":"resync","job_id":"jjjjjjjjjjjjjjj"}` {
			t.Errorf("of many files %s heard %v", owner.Email(), got)
		}
	}
}

// files saves n files and answers their ids.
func (s *server) files(owner *core.Record, n int) (ids []string) {
	s.t.Helper()
	err := s.app.RunInTransaction(func(tx core.App) error {
		for i := range n {
			ids = append(ids, core.GenerateDefaultRandomId())
			for _, sql := range []string{
				`INSERT INTO objects (id, torrent_id, scope, key, state) VALUES ({:id}, {:id}, 'x', 'objects/x', 'stored')`,
				`INSERT INTO files (id, job_id, user_id, object_id, path, file_index, revision) VALUES ({:id}, {:id}, {:user}, {:id}, 'a', {:i}, 1)`,
			} {
				if _, err := tx.NonconcurrentDB().NewQuery(sql).Bind(map[string]any{"id": ids[i], "user": owner.Id, "i": i}).Execute(); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return ids
}
