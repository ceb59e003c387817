package progress

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
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

// server is PocketBase's realtime under a Board. The header As names the account of a request, or its key.
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
		identify(e)
		return e.Next()
	}})
	var mux http.Handler
	err = s.app.OnServe().Trigger(&core.ServeEvent{App: s.app, Router: r}, func(e *core.ServeEvent) (err error) {
		mux, err = e.Router.BuildMux()
		return err
	})
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

// identify stands for the API: a user is there by the one session, or by the key that was named.
func identify(e *core.RequestEvent) {
	collection, id, _ := strings.Cut(e.Request.Header.Get("As"), "/")
	access := Access{}
	if collection == "api_keys" {
		key, _ := e.App.FindRecordById(collection, id)
		access.KeyID = key.Id
		access.Admin = slices.Contains(key.GetStringSlice("scopes"), string(collections.ScopeAdmin))
		collection, id = "users", key.GetString("user_id")
	} else if session, err := e.App.FindFirstRecordByData("sessions", "user_id", id); err == nil {
		access.SessionID, access.Admin = session.Id, true
	}
	if e.Auth, _ = e.App.FindRecordById(collection, id); e.Auth != nil && collection == "users" {
		access.Admin = access.Admin && e.Auth.GetString("role") == string(collections.RoleAdmin)
		e.Set(AccessKey, access)
	}
}

// user makes a user with a session.
func (s *server) user(email string, role collections.Role) *core.Record {
	s.t.Helper()
	user := hookstest.MustCreateUser(s.t, s.app, email, role)
	s.row("sessions", map[string]any{"user_id": user.Id, "token_hash": user.Id, "expires_at": time.Now().Add(time.Hour)})
	return user
}

func (s *server) row(collection string, fields map[string]any) *core.Record {
	s.t.Helper()
	c, err := s.app.FindCollectionByNameOrId(collection)
	if err != nil {
		s.t.Fatal(err)
	}
	r := core.NewRecord(c)
	r.Load(fields)
	if err := s.app.Save(r); err != nil {
		s.t.Fatal(err)
	}
	return r
}

// key makes an API key of a user and answers what As names it by.
func (s *server) key(user *core.Record, expires time.Time, scopes ...collections.Scope) (*core.Record, string) {
	key := s.row("api_keys", map[string]any{"user_id": user.Id, "name": "k", "key_hash": core.GenerateDefaultRandomId(), "scopes": scopes, "expires_at": expires})
	return key, "api_keys/" + key.Id
}

// job saves a job; mustChange raises its revision.
func (s *server) job(owner *core.Record) *core.Record {
	s.t.Helper()
	return s.row("jobs", map[string]any{"user_id": owner.Id, "infohash": "jobs" + core.GenerateDefaultRandomId(), "status": "queued", "desired": "run"})
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
