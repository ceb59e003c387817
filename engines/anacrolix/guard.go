package anacrolix

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"github.com/anacrolix/torrent/iplist"

	"github.com/longshore-project/longshore/collections"
)

// guard refuses forbidden networks at the last moment before a packet leaves, on the
// address itself: names, redirects and changing answers of DNS cannot get around it.
type guard struct{ allowPrivate bool }

var errForbidden = errors.New("the address is in a forbidden network")

func (g guard) allows(addr netip.Addr) bool {
	return g.allowPrivate || collections.IsPublic(addr)
}

// Lookup implements iplist.Ranger: the library asks it about peers before it dials or accepts them.
func (g guard) Lookup(ip net.IP) (iplist.Range, bool) {
	addr, ok := netip.AddrFromSlice(ip)
	if ok && g.allows(addr) {
		return iplist.Range{}, false
	}
	return iplist.Range{First: ip, Last: ip, Description: errForbidden.Error()}, true
}

// NumRanges implements iplist.Ranger.
func (g guard) NumRanges() int { return 1 }

func (g guard) dialer() *net.Dialer {
	return &net.Dialer{
		Timeout:   20 * time.Second,
		KeepAlive: -1,
		Control: func(_, address string, _ syscall.RawConn) error {
			return g.check(address)
		},
	}
}

func (g guard) check(address string) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if !g.allows(ap.Addr()) {
		return fmt.Errorf("%s: %w", address, errForbidden)
	}
	return nil
}

func (g guard) listenPacket(network, addr string) (net.PacketConn, error) {
	conn, err := new(net.ListenConfig).ListenPacket(context.Background(), network, addr)
	if err != nil {
		return nil, err
	}
	return guardedConn{conn, g}, nil
}

// guardedConn is a UDP socket that sends to allowed addresses only.
type guardedConn struct {
	net.PacketConn
	guard guard
}

func (c guardedConn) WriteTo(b []byte, addr net.Addr) (int, error) {
	if err := c.guard.check(addr.String()); err != nil {
		return 0, err
	}
	return c.PacketConn.WriteTo(b, addr)
}

// webTransport carries webseed requests.
func webTransport(dialer *net.Dialer, agent string) http.RoundTripper {
	return userAgent{agent, &http.Transport{
		DialContext:           dialer.DialContext,
		MaxConnsPerHost:       10,
		ResponseHeaderTimeout: 30 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		IdleConnTimeout:       time.Minute,
	}}
}

type userAgent struct {
	name string
	http.RoundTripper
}

func (u userAgent) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", u.name)
	return u.RoundTripper.RoundTrip(r)
}
