package progress

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

const patience = 20 * time.Second

// server is PocketBase's realtime under a Board. The header As names the account of a request.
type server struct {
	t     testing.TB
	app   core.App
	board *Board
	url   string
}

func newServer(t testing.TB, change ...func(*Board)) *server {
	t.Helper()
	s := &server{t: t, app: hookstest.NewApp(t), board: NewBoard()}
	hooks.Bind(s.app)
	for _, fn := range change {
		fn(s.board)
	}
	s.board.Bind(s.app)
	r, err := apis.NewRouter(s.app)
	if err != nil {
		t.Fatal(err)
	}
	r.Bind(&hook.Handler[*core.RequestEvent]{Priority: apis.DefaultLoadAuthTokenMiddlewarePriority - 1, Func: func(e *core.RequestEvent) error {
		collection, id, _ := strings.Cut(e.Request.Header.Get("As"), "/")
		e.Auth, _ = e.App.FindRecordById(collection, id)
		e.Set(SessionKey, e.Request.Header.Get("Session"))
		return e.Next()
	}})
	mux, err := r.BuildMux()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	srv := httptest.NewUnstartedServer(mux)
	srv.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	srv.Start()
	s.url = srv.URL
	t.Cleanup(func() {
		cancel()
		srv.Close()
	})
	return s
}

func (s *server) user(email string, role collections.Role) *core.Record {
	s.t.Helper()
	return hookstest.MustCreateUser(s.t, s.app, email, role)
}

// job saves a job; mustChange raises its revision.
func (s *server) job(owner *core.Record) *core.Record {
	s.t.Helper()
	jobs, err := s.app.FindCollectionByNameOrId("jobs")
	if err != nil {
		s.t.Fatal(err)
	}
	job := core.NewRecord(jobs)
	job.Load(map[string]any{"user_id": owner.Id, "infohash": job.Collection().Id + core.GenerateDefaultRandomId(), "status": "queued", "desired": "run"})
	if err := s.app.Save(job); err != nil {
		s.t.Fatal(err)
	}
	return job
}

func (s *server) mustChange(job *core.Record, label string) {
	s.t.Helper()
	_, err := hooks.ChangeJob(s.app, job.Id, func(_ core.App, job *core.Record) error {
		job.Set("label", label)
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// reader is a browser's event stream.
type reader struct {
	s      *server
	as     string
	id     string // PocketBase's of the connection
	events chan event
	closed chan struct{}
	body   interface{ Close() error }
}

type event struct{ topic, data string }

func (s *server) connect(as string) (*reader, int) {
	s.t.Helper()
	r, err := http.NewRequest("GET", s.url+"/api/realtime", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("As", as)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	if resp.StatusCode != 200 {
		resp.Body.Close()
		return nil, resp.StatusCode
	}
	c := &reader{s: s, as: as, events: make(chan event, 100_000), closed: make(chan struct{}), body: resp.Body}
	go c.read(bufio.NewReader(resp.Body))
	s.t.Cleanup(func() { resp.Body.Close(); <-c.closed })
	hello := c.next()
	var connected struct{ ClientID string }
	if err := json.Unmarshal([]byte(hello.data), &connected); err != nil || hello.topic != "PB_CONNECT" {
		s.t.Fatalf("greeted by %v: %v", hello, err)
	}
	c.id = connected.ClientID
	return c, 200
}

func (c *reader) read(r *bufio.Reader) {
	defer close(c.closed)
	var e event
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, "event:"); ok {
			e.topic = strings.TrimSpace(name)
		}
		if data, ok := strings.CutPrefix(line, "data:"); ok {
			e.data = strings.TrimSpace(data)
		}
		if line == "" && e.topic != "" {
			c.events <- e
			e = event{}
		}
	}
}

func (c *reader) next() event {
	c.s.t.Helper()
	select {
	case e := <-c.events:
		return e
	case <-time.After(patience):
		c.s.t.Fatal("nothing came")
		return event{}
	}
}

func (c *reader) subscribe(topics ...string) int { return c.subscribeAs(c.as, topics...) }

func (c *reader) subscribeAs(as string, topics ...string) int {
	c.s.t.Helper()
	body, _ := json.Marshal(map[string]any{"clientId": c.id, "subscriptions": topics}) // strings
	r, err := http.NewRequest("POST", c.s.url+"/api/realtime", bytes.NewReader(body))
	if err != nil {
		c.s.t.Fatal(err)
	}
	r.Header.Set("As", as)
	r.Header.Set("Session", "s-"+as)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		c.s.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// listen connects and subscribes.
func (s *server) listen(as string, topics ...string) *reader {
	s.t.Helper()
	c, _ := s.connect(as)
	if status := c.subscribe(topics...); status != 204 {
		s.t.Fatalf("%s may not have %v: %d", as, topics, status)
	}
	return c
}

func (c *reader) ended() bool {
	select {
	case <-c.closed:
		return true
	case <-time.After(patience):
		return false
	}
}

func userRef(r *core.Record) string { return "users/" + r.Id }

// fence makes sure that all that was sent before has arrived: it sends one more and reads up to it.
func (c *reader) fence(owner *core.Record) (before []event) {
	c.s.t.Helper()
	id := "fence" + core.GenerateDefaultRandomId()
	c.s.board.Report(owner.Id, collections.Progress{JobID: id})
	for {
		e := c.next()
		if strings.Contains(e.data, id) {
			return before
		}
		before = append(before, e)
	}
}

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

func TestConnectionsThatDoNotSubscribeAreClosed(t *testing.T) {
	s := newServer(t, func(b *Board) { b.guestLimit = 50 * time.Millisecond })
	ann := s.user("ann@example.com", collections.RoleUser)
	for _, as := range []string{"", userRef(ann)} {
		if c, _ := s.connect(as); !c.ended() {
			t.Errorf("the connection of %q is open", as)
		}
	}
}

func TestConnectionsAreCapped(t *testing.T) {
	s := newServer(t)
	ann := s.user("ann@example.com", collections.RoleUser)
	var open []*reader
	for range maxPerUser {
		open = append(open, s.listen(userRef(ann), "progress"))
	}
	if _, status := s.connect(userRef(ann)); status != 429 {
		t.Errorf("one more was answered %d", status)
	}
	guest, _ := s.connect("")
	if status := guest.subscribeAs(userRef(ann), "progress"); status != 429 {
		t.Errorf("one more, signed in late, was answered %d", status)
	}
	open[0].body.Close()
	deadline := time.Now().Add(patience)
	for status := 0; status != 200; _, status = s.connect(userRef(ann)) {
		if time.Now().After(deadline) {
			t.Fatal("a closed connection still counts")
		}
	}
}

func TestConnectionsEndWithTheirRights(t *testing.T) {
	for name, end := range map[string]func(*server, *core.Record) error{
		"disabled":         func(s *server, u *core.Record) error { u.Set("disabled", true); return s.app.Save(u) },
		"another role":     func(s *server, u *core.Record) error { u.Set("role", "user"); return s.app.Save(u) },
		"another password": func(s *server, u *core.Record) error { u.SetPassword("another long one"); return s.app.Save(u) },
		"deleted":          func(s *server, u *core.Record) error { return s.app.Delete(u) },
		"signed out":       func(s *server, u *core.Record) error { s.board.DropSession(u.Id, "s-"+userRef(u)); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			root, ann := s.user("root@example.com", collections.RoleAdmin), s.user("ann@example.com", collections.RoleUser)
			c, other := s.listen(userRef(root), "jobs/all"), s.listen(userRef(ann), "progress")
			if err := end(s, root); err != nil {
				t.Fatal(err)
			}
			if !c.ended() {
				t.Error("the connection is open")
			}
			other.fence(ann)
		})
	}
}

func TestUnrelatedChangeOfAUserEndsNothing(t *testing.T) {
	s := newServer(t)
	ann := s.user("ann@example.com", collections.RoleUser)
	c := s.listen(userRef(ann), "progress")
	ann.Set("plan", "pro")
	if err := s.app.Save(ann); err != nil {
		t.Fatal(err)
	}
	c.fence(ann)
}

func TestDashboardHearsThroughPocketBase(t *testing.T) {
	s := newServer(t)
	superusers, err := s.app.FindCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		t.Fatal(err)
	}
	root := core.NewRecord(superusers)
	root.SetEmail("root@example.com")
	root.SetPassword(hookstest.Password)
	if err := s.app.Save(root); err != nil {
		t.Fatal(err)
	}
	ann := s.user("ann@example.com", collections.RoleUser)
	c, _ := s.connect(userRef(ann)) // the same browser carries the app's cookie
	if status := c.subscribeAs("_superusers/"+root.Id, "jobs/*", "agents/*"); status != 204 {
		t.Fatalf("subscribing: %d", status)
	}
	job := s.job(ann)
	e := c.next()
	if e.topic != "jobs/*" || !strings.Contains(e.data, job.Id) || !strings.Contains(e.data, `"collectionName":"jobs"`) {
		t.Errorf("heard %v", e)
	}
}

func TestDeadReaderIsDropped(t *testing.T) {
	s := newServer(t, func(b *Board) { b.writeLimit = 300 * time.Millisecond })
	ann := s.user("ann@example.com", collections.RoleUser)
	conn, id := s.connectDead(ann)
	defer conn.Close()
	alive := s.listen(userRef(ann), "progress")
	s.subscribeDead(id, ann)
	deadline := time.Now().Add(patience)
	for i := 0; ; i++ {
		s.board.Report(ann.Id, collections.Progress{JobID: fmt.Sprintf("%s-%04d", strings.Repeat("x", 4000), i%900)})
		if _, err := s.app.SubscriptionsBroker().ClientById(id); err != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the dead reader is still there")
		}
	}
	alive.fence(ann)
}

// connectDead opens a stream of which only the greeting is read.
func (s *server) connectDead(u *core.Record) (net.Conn, string) {
	s.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10) // only makes the test quicker
	fmt.Fprintf(conn, "GET /api/realtime HTTP/1.1\r\nHost: x\r\nAs: %s\r\n\r\n", userRef(u))
	r := bufio.NewReaderSize(conn, 512)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			s.t.Fatal(err)
		}
		if _, data, ok := strings.Cut(line, `"clientId":"`); ok {
			id, _, _ := strings.Cut(data, `"`)
			return conn, id
		}
	}
}

func (s *server) subscribeDead(id string, u *core.Record) {
	s.t.Helper()
	c := &reader{s: s, as: userRef(u), id: id}
	if status := c.subscribe("progress"); status != 204 {
		s.t.Fatalf("subscribing: %d", status)
	}
}
