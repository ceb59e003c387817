package enginetest

import (
	"encoding/binary"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/plugins/bencode"
)

// Tracker is an HTTP tracker on loopback (BEP 3, compact answers of BEP 23).
type Tracker struct {
	URL string // of its announce

	mu     sync.Mutex
	swarms map[collections.Infohash]*swarm
}

type swarm struct {
	peers     map[netip.AddrPort]bool
	announces int
}

// NewTracker starts a tracker that ends with the test. Any infohash may announce.
func NewTracker(tb testing.TB) *Tracker {
	tr := &Tracker{swarms: map[collections.Infohash]*swarm{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /announce", tr.announce)
	server := httptest.NewServer(mux)
	tb.Cleanup(server.Close)
	tr.URL = server.URL + "/announce"
	return tr
}

// Announces counts the announces of an infohash.
func (tr *Tracker) Announces(infohash collections.Infohash) int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.swarm(infohash).announces
}

// Peers answers who announced an infohash and has not stopped.
func (tr *Tracker) Peers(infohash collections.Infohash) []netip.AddrPort {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return slices.SortedFunc(maps.Keys(tr.swarm(infohash).peers), netip.AddrPort.Compare)
}

func (tr *Tracker) swarm(infohash collections.Infohash) *swarm {
	s := tr.swarms[infohash]
	if s == nil {
		s = &swarm{peers: map[netip.AddrPort]bool{}}
		tr.swarms[infohash] = s
	}
	return s
}

func (tr *Tracker) announce(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	peer, ok := announcer(r.RemoteAddr, q)
	if !ok || len(q.Get("info_hash")) != 20 {
		_, _ = w.Write(bencode.Encode(bencode.Dict{"failure reason": "malformed announce"}))
		return
	}
	infohash := hexInfohash([]byte(q.Get("info_hash")))
	tr.mu.Lock()
	defer tr.mu.Unlock()
	s := tr.swarm(infohash)
	s.announces++
	if q.Get("event") == "stopped" {
		delete(s.peers, peer)
	} else {
		s.peers[peer] = true
	}
	// A short interval lets a peer that came later be found within a test.
	_, _ = w.Write(bencode.Encode(bencode.Dict{"interval": int64(2), "min interval": int64(1), "peers": s.compact(peer)}))
}

// announcer is the sender's address, or the one it names, with the port it listens on.
func announcer(remote string, q url.Values) (netip.AddrPort, bool) {
	host, _, _ := net.SplitHostPort(remote)
	if named := q.Get("ip"); named != "" {
		host = named
	}
	addr, err := netip.ParseAddr(host)
	port, portErr := strconv.ParseUint(q.Get("port"), 10, 16)
	return netip.AddrPortFrom(addr.Unmap(), uint16(port)), err == nil && portErr == nil
}

func (s *swarm) compact(except netip.AddrPort) string {
	var b []byte
	for peer := range s.peers {
		if peer != except && peer.Port() != 0 && peer.Addr().Is4() {
			b = appendPeer(b, peer)
		}
	}
	return string(b)
}

// appendPeer adds an IPv4 peer in the compact form of BEP 23.
func appendPeer(b []byte, peer netip.AddrPort) []byte {
	return binary.BigEndian.AppendUint16(append(b, peer.Addr().AsSlice()...), peer.Port())
}

func compactPeers(addrs []string) string {
	var b []byte
	for _, addr := range addrs {
		b = appendPeer(b, netip.MustParseAddrPort(addr))
	}
	return string(b)
}
