package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/hooks/hookstest"
	"github.com/longshore-project/longshore/progress"
	"github.com/longshore-project/longshore/schedule"
	"github.com/longshore-project/longshore/storage"
)

// server is a control plane's HTTP surface on a port of its own.
type server struct {
	t     testing.TB
	app   core.App
	api   *API
	board *progress.Board
	store *storage.Local
	clock *clock
	mux   http.Handler // with front
	url   string
	log   *bytes.Buffer
	seen  *seen
}

// clock stands until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

var testWeb = fstest.MapFS{
	"index.html":             {Data: []byte("<!doctype html><title>Longshore</title>")},
	"assets/app-1a2b3c4d.js": {Data: []byte("export {}")},
	"favicon.svg":            {Data: []byte("<svg xmlns='http://www.w3.org/2000/svg'/>")},
}

func newServer(t testing.TB, change ...func(*Config)) *server {
	t.Helper()
	return newServerOn(t, hookstest.NewApp(t), change...)
}

// newServerOn serves an application whose folder may have been used before.
func newServerOn(t testing.TB, app core.App, change ...func(*Config)) *server {
	t.Helper()
	hooks.Bind(app)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{
		t: t, app: app, board: progress.NewBoard(), clock: &clock{at: time.Now()},
		url: "http://" + listener.Addr().String(), log: new(bytes.Buffer), seen: new(seen),
	}
	s.store = newStore(t, s)
	cfg := Config{
		Schedule: schedule.New(app, slog.New(slog.DiscardHandler)), Board: s.board, Store: s.store, Local: s.store, Secret: bytes.Repeat([]byte{7}, 32), PublicURL: s.url, Version: "test",
		Now: s.clock.now, Logger: slog.New(slog.NewTextHandler(&lockedWriter{w: s.log}, nil)), Web: testWeb,
	}
	for _, fn := range change {
		fn(&cfg)
	}
	if s.api, err = Bind(app, cfg); err != nil {
		t.Fatal(err)
	}
	s.serve(listener)
	return s
}

func newStore(t testing.TB, s *server) *storage.Local {
	t.Helper()
	base := func() string { return s.url }
	store, err := storage.NewLocal(storage.LocalConfig{Dir: t.TempDir(), PartURL: base, PublicURL: base, Key: bytes.Repeat([]byte{9}, 32), Now: s.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// serve does what PocketBase's serve does, on our listener.
func (s *server) serve(listener net.Listener) {
	s.t.Helper()
	r, err := apis.NewRouter(s.app)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	event := &core.ServeEvent{App: s.app, Router: r, Server: &http.Server{BaseContext: func(net.Listener) context.Context { return ctx }}}
	err = s.app.OnServe().Trigger(event, func(e *core.ServeEvent) (err error) {
		e.Server.Handler, err = e.Router.BuildMux()
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.mux = event.Server.Handler
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = event.Server.Serve(listener)
	}()
	s.t.Cleanup(func() {
		cancel()
		_ = event.Server.Close()
		<-done
	})
}

// browser is a client with a cookie jar; once signed in it sends its CSRF token.
type browser struct {
	s    *server
	http *http.Client
	csrf string
	user User
}

func (s *server) browser() *browser {
	jar, _ := cookiejar.New(nil)
	client := &http.Client{
		Jar: jar, Transport: &http.Transport{},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	s.t.Cleanup(client.CloseIdleConnections)
	return &browser{s: s, http: client}
}

// signedIn answers the browser of a new user.
func (s *server) signedIn(email string) *browser {
	s.t.Helper()
	return s.signedInAs(email, collections.RoleUser)
}

func (s *server) signedInAs(email string, role collections.Role) *browser {
	s.t.Helper()
	hookstest.MustCreateUser(s.t, s.app, email, role)
	b := s.browser()
	var in signedIn
	b.call("POST", "/auth/login", map[string]string{"email": email, "password": hookstest.Password}).into(s.t, 200, &in)
	b.csrf, b.user = in.CSRFToken, in.User
	return b
}

// answer is a response that was read.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) into(t testing.TB, status int, v any) {
	t.Helper()
	if a.status != status {
		t.Fatalf("answered %d instead of %d: %s", a.status, status, a.body)
	}
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
}

func (a answer) code() collections.Code {
	var e ErrorBody
	_ = json.Unmarshal(a.body, &e)
	return e.Code
}

func (a answer) want(t testing.TB, status int, code collections.Code) {
	t.Helper()
	if a.status != status || a.code() != code {
		t.Errorf("answered %d %q instead of %d %q: %s", a.status, a.code(), status, code, a.body)
	}
}

// call sends a request below /api/v1. A body that is neither nil, a string nor a *form is sent as JSON.
func (b *browser) call(method, path string, body any, change ...func(*http.Request)) answer {
	b.s.t.Helper()
	return b.do(b.request(method, prefix+path, body, change...))
}

func (b *browser) request(method, path string, body any, change ...func(*http.Request)) *http.Request {
	b.s.t.Helper()
	contentType := "application/json"
	var reader io.Reader
	switch v := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(v)
	case *form:
		reader, contentType = v.close(), v.w.FormDataContentType()
	default:
		encoded, err := json.Marshal(v)
		if err != nil {
			b.s.t.Fatal(err)
		}
		reader = bytes.NewReader(encoded)
	}
	r, err := http.NewRequest(method, b.s.url+path, reader)
	if err != nil {
		b.s.t.Fatal(err)
	}
	if reader != nil {
		r.Header.Set("Content-Type", contentType)
	}
	if b.csrf != "" {
		r.Header.Set("X-CSRF-Token", b.csrf)
	}
	for _, fn := range change {
		fn(r)
	}
	return r
}

// do sends the request and holds the answer to openapi.yaml.
func (b *browser) do(r *http.Request) answer {
	b.s.t.Helper()
	resp, err := b.http.Do(r)
	if err != nil {
		b.s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.s.t.Fatal(err)
	}
	b.s.checkAnswer(r, resp, body)
	return answer{resp.StatusCode, resp.Header, body}
}
