package anacrolix

import (
	"context"
	"net"
	"net/netip"

	lib "github.com/anacrolix/torrent"
)

// dialPeers makes the library try peers that were named by host:port. Names are looked
// up here, for the library takes addresses only; the guard judges those when they are dialled.
func dialPeers(ctx context.Context, l *lib.Torrent, peers []string) {
	for _, p := range peers {
		for _, addr := range peerAddrs(ctx, p) {
			l.AddPeers([]lib.PeerInfo{{Addr: net.TCPAddrFromAddrPort(addr), Source: lib.PeerSourceDirect}})
		}
	}
}

func peerAddrs(ctx context.Context, hostPort string) []netip.AddrPort {
	if ap, err := netip.ParseAddrPort(hostPort); err == nil {
		return []netip.AddrPort{ap}
	}
	host, service, err := net.SplitHostPort(hostPort)
	if err != nil {
		return nil
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "tcp", service)
	if err != nil {
		return nil
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil
	}
	var out []netip.AddrPort
	for _, a := range addrs {
		out = append(out, netip.AddrPortFrom(a.Unmap(), uint16(port)))
	}
	return out
}
