package progress

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
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
