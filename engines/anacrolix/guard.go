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
)

// guard refuses forbidden networks at the last moment before a packet leaves, on the
// address itself: names, redirects and changing answers of DNS cannot get around it.
type guard struct{ allowPrivate bool }

var errForbidden = errors.New("the address is in a forbidden network")

// IPv4 networks of RFC 6890 and successors that are not the public internet.
var forbidden = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
	"198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	// Of IPv6 only 2000::/3 is public, and of it not Teredo, ORCHID and kin, documentation, 6to4.
	"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
)

var (
	publicIPv6 = netip.MustParsePrefix("2000::/3")
	nat64      = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052: the last four bytes are the IPv4 address
)

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

func (g guard) allows(addr netip.Addr) bool {
	return g.allowPrivate || isPublic(addr)
}

func isPublic(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if nat64.Contains(addr) {
		b := addr.As16()
		return isPublic(netip.AddrFrom4([4]byte(b[12:])))
	}
	if !addr.IsValid() || addr.Is6() && !publicIPv6.Contains(addr) {
		return false
	}
	for _, p := range forbidden {
		if p.Contains(addr) {
			return false
		}
	}
	return true
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
func (g guard) NumRanges() int { return len(forbidden) }

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
