package anacrolix

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/plugins"
	"github.com/longshore-project/longshore/plugins/enginetest"
)

func TestForbiddenNetworks(t *testing.T) {
	for addr, public := range map[string]bool{
		"127.0.0.1": false, "0.0.0.0": false, "10.1.2.3": false, "172.31.0.1": false, "192.168.1.1": false,
		"169.254.169.254": false, "100.64.0.1": false, "224.0.0.1": false, "255.255.255.255": false, "198.18.0.1": false,
		"::1": false, "::": false, "fe80::1": false, "fc00::1": false, "fd12::1": false, "ff02::1": false,
		"::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "64:ff9b::7f00:1": false, "64:ff9b::a00:1": false,
		"2002:7f00:1::": false, "2001:0:7f00:1::": false, "2001:db8::1": false, "::127.0.0.1": false, "fe80::1%eth0": false,
		"8.8.8.8": true, "100.128.0.1": true, "172.32.0.1": true, "2a00:1450::1": true, "::ffff:8.8.8.8": true, "64:ff9b::808:808": true,
	} {
		if got := (guard{}).allows(netip.MustParseAddr(addr)); got != public {
			t.Errorf("%s: allowed %v", addr, got)
		}
		if !(guard{allowPrivate: true}).allows(netip.MustParseAddr(addr)) {
			t.Errorf("%s is refused although private networks are allowed", addr)
		}
	}
	if (guard{}).allows(netip.Addr{}) {
		t.Error("no address is allowed")
	}
}

// trap counts whoever connects over TCP or sends a packet over UDP.
type trap struct {
	tcp  net.Listener
	udp  net.PacketConn
	hits atomic.Int64
}

func newTrap(t *testing.T) *trap {
	t.Helper()
	var tr trap
	var err error
	tr.tcp, err = net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	tr.udp, err = net.ListenPacket("udp4", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { tr.tcp.Close(); tr.udp.Close() })
	go func() {
		for {
			c, err := tr.tcp.Accept()
			if err != nil {
				return
			}
			tr.hits.Add(1)
			c.Close()
		}
	}()
	go func() {
		for b := make([]byte, 2048); ; tr.hits.Add(1) {
			if _, _, err := tr.udp.ReadFrom(b); err != nil {
				return
			}
		}
	}()
	return &tr
}

func port(addr net.Addr) string { return addr.String()[strings.LastIndex(addr.String(), ":"):] }

func TestGuardRefusesEveryWayOut(t *testing.T) {
	p := enginetest.NewPayload(t, enginetest.PayloadFile{Name: "x", Size: 100_000})
	for name, order := range map[string]func(tr *trap) plugins.AddRequest{
		"HTTP tracker": func(tr *trap) plugins.AddRequest {
			return plugins.AddRequest{Metainfo: p.WithTrackers("http://127.0.0.1" + port(tr.tcp.Addr()) + "/announce")}
		},
		"HTTP tracker by name": func(tr *trap) plugins.AddRequest {
			return plugins.AddRequest{Metainfo: p.WithTrackers("http://localhost" + port(tr.tcp.Addr()) + "/announce")}
		},
		"HTTP tracker in another spelling": func(tr *trap) plugins.AddRequest {
			return plugins.AddRequest{Metainfo: p.WithTrackers("http://[::ffff:127.0.0.1]" + port(tr.tcp.Addr()) + "/announce")}
		},
		"UDP tracker": func(tr *trap) plugins.AddRequest {
			return plugins.AddRequest{Metainfo: p.WithTrackers("udp://127.0.0.1" + port(tr.udp.LocalAddr()))}
		},
		"UDP tracker of a magnet": func(tr *trap) plugins.AddRequest {
			return plugins.AddRequest{Magnet: p.Magnet("udp://localhost" + port(tr.udp.LocalAddr()))}
		},
		"webseed": func(tr *trap) plugins.AddRequest {
			return plugins.AddRequest{Metainfo: collections.BuildMetainfo(p.InfoBytes, nil, []string{"http://127.0.0.1" + port(tr.tcp.Addr()) + "/x"})}
		},
		"peer": func(tr *trap) plugins.AddRequest {
			return plugins.AddRequest{Metainfo: p.Torrent, Peers: []string{tr.tcp.Addr().String()}}
		},
		"peer by name": func(tr *trap) plugins.AddRequest {
			return plugins.AddRequest{Metainfo: p.Torrent, Peers: []string{"localhost" + port(tr.tcp.Addr())}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, allow := range []bool{true, false} {
				tr := newTrap(t)
				e := newEngine(t, func(c *Config) { c.AllowPrivate = allow })
				req := order(tr)
				req.ID, req.Dir = "j", t.TempDir()
				must(t, e.Add(t.Context(), req))
				if allow {
					await(t, "a connection", func() bool { return tr.hits.Load() > 0 })
					continue
				}
				awaitAttempts(t, e)
				if n := tr.hits.Load(); n != 0 {
					t.Errorf("%d connections or packets reached a forbidden network", n)
				}
			}
		})
	}
}

// awaitAttempts waits until the engine has had time to try; where it may, it connects within milliseconds.
func awaitAttempts(t *testing.T, e *Engine) {
	t.Helper()
	await(t, "two ticks", func() bool {
		e.mu.Lock()
		d := e.torrents["j"]
		e.mu.Unlock()
		d.mu.Lock()
		defer d.mu.Unlock()
		return len(d.traffic.samples) >= 3
	})
}

func TestGuardRefusesWhereARedirectLeads(t *testing.T) {
	tr := newTrap(t)
	server := httptest.NewServer(http.RedirectHandler("http://127.0.0.1"+port(tr.tcp.Addr())+"/", http.StatusFound))
	defer server.Close()
	g := guard{}
	client := &http.Client{Transport: webTransport(g.dialer(), "Longshore/test")}
	// The first hop goes to loopback by another way, as a public server would be reached.
	inner := client.Transport.(userAgent)
	first := server.Client().Transport
	client.Transport = hops{first: first, rest: inner, host: strings.TrimPrefix(server.URL, "http://")}
	_, err := client.Get(server.URL)
	if err == nil || !strings.Contains(err.Error(), errForbidden.Error()) {
		t.Errorf("the redirect was followed: %v", err)
	}
	if tr.hits.Load() != 0 {
		t.Error("a connection was made")
	}
}

type hops struct {
	first, rest http.RoundTripper
	host        string
}

func (h hops) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == h.host {
		return h.first.RoundTrip(r)
	}
	return h.rest.RoundTrip(r)
}
