package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/storage"
)

// elsewhere is a store that delivers from a host of its own.
type elsewhere struct{ *storage.Local }

func (elsewhere) PublicOrigin() string { return "https://cdn.example:9000" }

func TestHeadersOfEveryKindOfAnswer(t *testing.T) {
	s := newServer(t, func(c *Config) {
		c.PublicURL, c.Store = "https://longshore.example", elsewhere{c.Store.(*storage.Local)}
	})
	if _, err := s.store.Put(t.Context(), "objects/x/1-a", []byte("<script>"), storage.Meta{}); err != nil {
		t.Fatal(err)
	}
	link, err := s.store.PresignGet(t.Context(), "objects/x/1-a", storage.Delivery{Filename: "a.html", ContentType: "text/html"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	const ours = "default-src 'none'; script-src 'self'; frame-src 'none'; style-src 'self'; font-src 'self'; manifest-src 'self'; " +
		"img-src 'self' data: https://cdn.example:9000; media-src 'self' https://cdn.example:9000; connect-src 'self' https://cdn.example:9000; " +
		"object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
	app := map[string]string{
		"Content-Security-Policy": ours, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		"Permissions-Policy":        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
		"Strict-Transport-Security": "max-age=63072000",
	}
	kept := with(app, "Cache-Control", "no-store")
	for _, tc := range []struct {
		name, path string
		status     int
		header     map[string]string
	}{
		{"a page", "/", 200, app},
		{"a page within", "/jobs/x", 200, app},
		{"an asset", "/assets/app-1a2b3c4d.js", 200, app},
		{"an asset that is gone", "/assets/gone.js", 404, app},
		{"a route", prefix + "/config", 200, kept},
		{"a route that refuses", prefix + "/jobs", 401, kept},
		{"no route", prefix + "/nothing", 404, kept},
		{"PocketBase's", "/api/health", 200, app},
		{"content", strings.TrimPrefix(link.URL, s.url), 200, map[string]string{
			"Content-Security-Policy": "sandbox; default-src 'none'", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Resource-Policy": "same-origin", "Content-Type": "application/octet-stream", "Strict-Transport-Security": "max-age=63072000",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := s.browser()
			got := b.do(b.request("GET", tc.path, nil))
			if got.status != tc.status {
				t.Errorf("%d %s", got.status, got.body)
			}
			for name, want := range tc.header {
				if have := got.header.Get(name); have != want {
					t.Errorf("%s is %q instead of %q", name, have, want)
				}
			}
		})
	}
}

func with(header map[string]string, name, value string) map[string]string {
	out := map[string]string{name: value}
	for name, value := range header {
		out[name] = value
	}
	return out
}

func TestDashboardKeepsItsOwnPolicy(t *testing.T) {
	var h http.Header = map[string][]string{}
	s := newServer(t)
	s.api.secureHeaders(h, "/_/")
	if got := h.Get("Content-Security-Policy"); got != "" {
		t.Errorf("PocketBase would not set its own beside %q", got)
	}
}

func TestForeignHostIsAnsweredWithTheHeadersToo(t *testing.T) {
	s := newServer(t)
	got := s.browser().do(s.browser().request("GET", "/", nil, host("evil.example")))
	got.want(t, 421, collections.CodeUnknownHost)
	if !strings.Contains(got.header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("%v", got.header)
	}
}

func TestWithoutTLSNoBrowserIsToldToUseIt(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	if got := b.do(b.request("GET", "/", nil)).header.Get("Strict-Transport-Security"); got != "" {
		t.Errorf("it says %q", got)
	}
}

func TestCaptchaMayRunOnlyWhenThereIsOne(t *testing.T) {
	const origin = "https://challenges.cloudflare.com"
	with := contentPolicy("", true)
	if !strings.Contains(with, "script-src 'self' "+origin+";") || !strings.Contains(with, "frame-src "+origin+";") {
		t.Errorf("with: %s", with)
	}
	if without := contentPolicy("", false); strings.Contains(without, origin) {
		t.Errorf("without: %s", without)
	}
}
