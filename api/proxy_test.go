package api

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

func TestClientBehindProxies(t *testing.T) {
	trusted, err := parseProxies([]string{"10.0.0.0/8", "192.0.2.1", "fd00::/8"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, peer string
		forwarded  []string
		client     string
	}{
		{"nobody between", "203.0.113.9:1", nil, "203.0.113.9"},
		{"an untrusted peer that says it forwards", "203.0.113.9:1", []string{"198.51.100.1"}, "203.0.113.9"},
		{"one proxy", "10.0.0.1:1", []string{"203.0.113.9"}, "203.0.113.9"},
		{"one proxy, after what the client made up", "10.0.0.1:1", []string{"198.51.100.1, 127.0.0.1, 203.0.113.9"}, "203.0.113.9"},
		{"a client that names our proxies", "10.0.0.1:1", []string{"198.51.100.1, 10.0.0.7, 203.0.113.9"}, "203.0.113.9"},
		{"two proxies", "10.0.0.1:1", []string{"203.0.113.9, 192.0.2.1"}, "203.0.113.9"},
		{"two proxies, a header each", "10.0.0.1:1", []string{"198.51.100.1, 203.0.113.9", "192.0.2.1"}, "203.0.113.9"},
		{"a proxy that says nothing", "10.0.0.1:1", nil, "10.0.0.1"},
		{"a proxy that asks for itself", "10.0.0.1:1", []string{"10.0.0.2"}, "10.0.0.2"},
		{"garbage", "10.0.0.1:1", []string{"garbage"}, "10.0.0.1"},
		{"garbage before a proxy", "10.0.0.1:1", []string{"203.0.113.9, <script>, 192.0.2.1"}, "192.0.2.1"},
		{"an empty hop", "10.0.0.1:1", []string{"203.0.113.9,"}, "10.0.0.1"},
		{"a hop with its port", "10.0.0.1:1", []string{"203.0.113.9:4711"}, "203.0.113.9"},
		{"IPv6 with brackets and port", "10.0.0.1:1", []string{"[2001:db8::9]:4711"}, "2001:db8::9"},
		{"IPv6 with brackets", "10.0.0.1:1", []string{"[2001:db8::9]"}, "2001:db8::9"},
		{"IPv6", "[fd00::1]:1", []string{"2001:db8::9"}, "2001:db8::9"},
		{"IPv4 in IPv6", "[::ffff:10.0.0.1]:1", []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		{"a zone", "[fd00::1%eth0]:1", []string{"fe80::9%eth0"}, "fe80::9"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: tc.peer, Header: http.Header{"X-Forwarded-For": tc.forwarded}}
			if got := trusted.client(r); got != netip.MustParseAddr(tc.client) {
				t.Errorf("the client is %s instead of %s", got, tc.client)
			}
		})
	}
}

func TestProxiesAreNetworksOrAddresses(t *testing.T) {
	for _, bad := range []string{"10.0.0.0/33", "10.0.0", "proxy.example", "*", "10.0.0.1:80", "fe80::1%eth0/64"} {
		if _, err := parseProxies([]string{"10.0.0.1", bad}); err == nil || !strings.Contains(err.Error(), "LONGSHORE_TRUSTED_PROXIES") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	p, err := parseProxies([]string{"10.1.2.3/8"})
	if err != nil || !p.trust(netip.MustParseAddr("10.9.9.9")) || p.trust(netip.MustParseAddr("11.0.0.1")) {
		t.Errorf("%v: %v", p, err)
	}
}

// rotate names another address with each guess.
func rotate(i int) func(*http.Request) {
	return func(r *http.Request) {
		for _, name := range []string{"X-Forwarded-For", "X-Real-Ip", "Cf-Connecting-Ip", "Forwarded"} {
			r.Header.Set(name, fmt.Sprintf("198.51.100.%d", i))
		}
	}
}

func TestRotatingAddressesDoNotEvadeLimits(t *testing.T) {
	s := newServer(t)
	s.app.Settings().TrustedProxy = core.TrustedProxyConfig{Headers: []string{"X-Real-IP", "CF-Connecting-IP", "X-Forwarded-For"}, UseLeftmostIP: true}
	b := s.browser()
	for i := range 30 {
		b.call("POST", "/auth/login", wrong(fmt.Sprintf("u%d@example.com", i)), rotate(i)).want(t, 401, collections.CodeUnauthorized)
	}
	b.call("POST", "/auth/login", wrong("new@example.com"), rotate(99)).want(t, 429, collections.CodeRateLimited)
	hookstest.MustCreateUser(t, s.app, "ann@example.com", collections.RoleUser)
}

func TestAddressOfTheClientIsSeenEverywhere(t *testing.T) {
	s := newServer(t, func(c *Config) { c.Proxies = []string{"127.0.0.1"} })
	s.app.Settings().TrustedProxy = core.TrustedProxyConfig{Headers: []string{"X-Real-IP"}}
	ann := s.signedIn("ann@example.com")
	seen := ""
	s.app.OnRealtimeConnectRequest().BindFunc(func(e *core.RealtimeConnectRequestEvent) error {
		seen = e.RealIP()
		return e.ForbiddenError("", nil)
	})
	from := func(r *http.Request) {
		r.Header.Set("X-Forwarded-For", "198.51.100.1, 203.0.113.9")
		r.Header.Set("X-Real-IP", "198.51.100.1")
	}
	ann.do(ann.request("GET", "/api/realtime", nil, from))
	if seen != "203.0.113.9" {
		t.Errorf("PocketBase sees %q", seen)
	}
	ann.mustCreate(map[string]any{"magnet": magnetA}, from)
	var address string
	if err := s.app.DB().NewQuery("SELECT address FROM audit_logs WHERE action = 'job.submit'").Row(&address); err != nil || address != "203.0.113.9" {
		t.Errorf("audit has %q: %v", address, err)
	}
}
