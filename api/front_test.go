package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/storage"
)

func host(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }

func TestForeignHostsAreRefusedOnEveryRoute(t *testing.T) {
	s := newServer(t, func(c *Config) {
		c.PublicURL, c.AllowedHosts = "https://Longshore.example:8443", []string{"other.example"}
	})
	b := s.browser()
	for _, path := range []string{"/", "/healthz", "/readyz", prefix + "/healthz", prefix + "/nothing", "/api/health", "/api/realtime", "/_/", "//x/../y", "/storage/x"} {
		got := b.do(b.request("GET", path, nil, host("evil.example")))
		got.want(t, 421, collections.CodeUnknownHost)
		if !strings.Contains(string(got.body), "LONGSHORE_ALLOWED_HOSTS") {
			t.Errorf("%s does not name the setting: %s", path, got.body)
		}
	}
	for name, status := range map[string]int{
		"127.0.0.1": 200, "10.1.2.3:99": 200, "[::1]:80": 200, "[fe80::1]": 200, "localhost": 200, "LOCALHOST:1": 200, "longshore.example": 200,
		"longshore.example.:8443": 200, "other.example:1": 200, "evil.localhost": 421, "longshore.example.evil.example": 421,
		"127.0.0.1.evil.example": 421, "0x7f.1": 421, "2130706433": 421,
	} {
		if got := b.do(b.request("GET", "/healthz", nil, host(name))); got.status != status {
			t.Errorf("%s: %d", name, got.status)
		}
	}
}

func TestRequestIDsGoInAndOut(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	for _, path := range []string{"/healthz", prefix + "/nothing", "/"} {
		if got := b.do(b.request("GET", path, nil, header("X-Request-Id", "abc-1.2_3"))); got.header.Get("X-Request-Id") != "abc-1.2_3" {
			t.Errorf("%s: %q", path, got.header.Get("X-Request-Id"))
		}
	}
	seen := map[string]bool{}
	for _, bad := range []string{"", "a b", "x\"y", strings.Repeat("x", 129)} {
		id := b.do(b.request("GET", "/healthz", nil, header("X-Request-Id", bad))).header.Get("X-Request-Id")
		if id == bad || len(id) < 20 || seen[id] {
			t.Errorf("%q became %q", bad, id)
		}
		seen[id] = true
	}
}

func TestErrorsHaveOneShape(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	for _, tc := range []struct {
		name, method, path string
		status             int
		code               collections.Code
	}{
		{"an unknown route", "GET", "/nothing", 404, collections.CodeNotFound},
		{"an unknown route, posted to", "POST", "/nothing", 404, collections.CodeNotFound},
		{"the bare prefix", "GET", "", 404, collections.CodeNotFound},
		{"a method the route does not have", "PUT", "/jobs", 404, collections.CodeNotFound},
		{"a route of a later release", "GET", "/admin/galaxies", 404, collections.CodeNotFound},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := b.call(tc.method, tc.path, nil)
			got.want(t, tc.status, tc.code)
			for _, member := range []string{`"status":`, `"code":`, `"message":`, `"data":{`} {
				if !strings.Contains(string(got.body), member) {
					t.Errorf("no %s in %s", member, got.body)
				}
			}
		})
	}
}

// broken is a store that cannot be reached.
type broken struct{ *storage.Local }

func (broken) Check(context.Context) error { return errors.New("dial tcp 10.9.8.7:443: secret detail") }

func (broken) PresignGet(context.Context, string, storage.Delivery, time.Duration) (storage.SignedURL, error) {
	panic("secret detail")
}

func TestCausesAreLoggedAndNotShown(t *testing.T) {
	s := newServer(t, func(c *Config) { c.Store = broken{c.Store.(*storage.Local)} })
	b := s.signedIn("ann@example.com")
	job := b.mustCreate(newForm().torrent(torrent("T", testFile{"a", 5})))
	file := b.tree(job.ID, "").Items[0].Children[0].ID
	s.mustStore(file, "hello")
	got := b.call("POST", "/files/"+file+"/signed-url", nil, header("X-Request-Id", "the-one"))
	got.want(t, 500, collections.CodeInternal)
	ready := b.call("GET", "/readyz", nil)
	ready.want(t, 503, collections.CodeUnavailable)
	if strings.Contains(string(got.body)+string(ready.body), "secret") {
		t.Errorf("shown: %s %s", got.body, ready.body)
	}
	if !strings.Contains(string(ready.body), `"store":"failed"`) {
		t.Errorf("it does not name the check: %s", ready.body)
	}
	if log := s.log.String(); !strings.Contains(log, "secret detail") || !strings.Contains(log, "request_id=the-one") {
		t.Errorf("logged: %s", log)
	}
}

func TestReadyzAsksAgainAfterTwoSeconds(t *testing.T) {
	var err error
	s := newServer(t, func(c *Config) { c.Ready = func(context.Context) error { return err } })
	b := s.browser()
	steps := []struct {
		err    error
		wait   time.Duration
		status int
	}{{nil, 0, 200}, {errors.New("no agent"), time.Second, 200}, {errors.New("no agent"), time.Second, 503}, {nil, 2 * time.Second, 200}}
	for i, step := range steps {
		err = step.err
		s.clock.advance(step.wait)
		if got := b.do(b.request("GET", "/readyz", nil)); got.status != step.status {
			t.Errorf("step %d: %d %s", i, got.status, got.body)
		}
	}
}

func TestConfigIsPublic(t *testing.T) {
	s := newServer(t)
	var c config
	s.browser().call("GET", "/config", nil).into(t, 200, &c)
	if !c.SetupPending || c.Registration != "invite" || c.AUP.Version == "" || c.AUP.Text == "" || c.Limits.TorrentBytes != 10<<20 || c.Version != "test" {
		t.Errorf("%+v", c)
	}
	s.signedInAs("root@example.com", collections.RoleAdmin)
	s.browser().call("GET", "/config", nil).into(t, 200, &c)
	if c.SetupPending {
		t.Error("set-up still pends")
	}
}

func TestWebApp(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	for _, tc := range []struct {
		path, cache, contains string
		status                int
	}{
		{"/", "no-cache", "<title>Longshore", 200},
		{"/index.html", "no-cache", "<title>Longshore", 200},
		{"/jobs/abc", "no-cache", "<title>Longshore", 200},
		{"/setup", "no-cache", "<title>Longshore", 200},
		{"/assets/app-1a2b3c4d.js", "public, max-age=31536000, immutable", "export", 200},
		{"/favicon.svg", "no-cache", "<svg", 200},
		{"/assets/gone.js", "", "", 404},
		{"/api/nothing", "", "", 404},
		{"/api", "", "", 404},
		{"/storage/nothing", "", "", 403},
	} {
		got := b.do(b.request("GET", tc.path, nil))
		if got.status != tc.status || !strings.Contains(string(got.body), tc.contains) || tc.cache != "" && got.header.Get("Cache-Control") != tc.cache {
			t.Errorf("%s: %d %q %s", tc.path, got.status, got.header.Get("Cache-Control"), got.body)
		}
	}
	if got := b.do(b.request("POST", "/jobs/abc", nil)); got.status != 404 {
		t.Errorf("a POST to a page: %d", got.status)
	}
}

func TestWithoutABuildTheAppSaysSo(t *testing.T) {
	s := newServer(t, func(c *Config) { c.Web = fstest.MapFS{} })
	b := s.browser()
	if got := b.do(b.request("GET", "/", nil)); got.status != 503 || !strings.Contains(string(got.body), "make build") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestPagesRunNothingFromElsewhere(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	for _, path := range []string{"/", "/jobs/x", prefix + "/config", "/healthz"} {
		h := b.do(b.request("GET", path, nil)).header
		csp := h.Get("Content-Security-Policy")
		for _, rule := range []string{"script-src 'self'", "style-src 'self'", "connect-src 'self'", "object-src 'none'", "frame-ancestors 'none'", "img-src 'self' data:", "base-uri 'none'"} {
			if !strings.Contains(csp, rule) {
				t.Errorf("%s has no %s", path, rule)
			}
		}
		if strings.Contains(csp, "unsafe") || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "same-origin" {
			t.Errorf("%s: %v", path, h)
		}
	}
}

func TestLargePartsGoPastTheBodyLimits(t *testing.T) {
	s := newServer(t)
	const size = 40 << 20 // PocketBase's limit is 32 MiB
	url, err := s.store.PresignPut(t.Context(), "objects/x/1-a", size, storage.Meta{}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest("PUT", url.URL, io.LimitReader(zeros{}, size))
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = size
	for name, value := range url.Headers {
		r.Header.Set(name, value)
	}
	if got := s.browser().do(r); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if info, err := s.store.Head(t.Context(), "objects/x/1-a"); err != nil || info.Size != size {
		t.Errorf("stored %+v: %v", info, err)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }
