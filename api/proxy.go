package api

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// proxies are the networks whose X-Forwarded-For is believed: LONGSHORE_TRUSTED_PROXIES.
type proxies []netip.Prefix

// parseProxies reads networks (10.0.0.0/8, fd00::/8) and single addresses.
func parseProxies(list []string) (proxies, error) {
	var out proxies
	for _, s := range list {
		network, err := netip.ParsePrefix(s)
		if addr, addrErr := netip.ParseAddr(s); addrErr == nil && addr.Zone() == "" {
			network, err = addr.Unmap().Prefix(addr.Unmap().BitLen())
		}
		if err != nil {
			return nil, fmt.Errorf("LONGSHORE_TRUSTED_PROXIES has %q: it must be a network such as 10.0.0.0/8 or an address", s)
		}
		out = append(out, network.Masked())
	}
	return out, nil
}

func (p proxies) trust(addr netip.Addr) bool {
	for _, network := range p {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// client answers who sent a request: the peer, and behind proxies of ours the address nearest to us in
// X-Forwarded-For that is none of theirs. What lies left of that one, or of what is no address, was written by anybody.
func (p proxies) client(r *http.Request) netip.Addr {
	at := peer(r)
	if !p.trust(at) {
		return at
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && p.trust(at); i-- {
		hop, ok := parseHop(hops[i])
		if !ok {
			break
		}
		at = hop
	}
	return at
}

// parseHop reads an address, which some proxies write with its port.
func parseHop(s string) (netip.Addr, bool) {
	s = strings.TrimSpace(s)
	if addrPort, err := netip.ParseAddrPort(s); err == nil {
		return plain(addrPort.Addr()), true
	}
	addr, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return plain(addr), err == nil
}

// peer answers the other end of the connection.
func peer(r *http.Request) netip.Addr {
	addrPort, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return plain(addrPort.Addr())
}

func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

// addressOf answers the client's address in words, "" when there is none.
func addressOf(r *http.Request) string {
	if addr := peer(r); addr.IsValid() {
		return addr.String()
	}
	return ""
}

// clientPrefix answers what requests without an account are counted by: an IPv4 address or the /64 of an IPv6 one.
func clientPrefix(r *http.Request) netip.Prefix {
	addr := peer(r)
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	network, _ := addr.Prefix(bits) // of no address: none
	return network
}

// nameClient makes the client the request's peer for all that comes behind: routes, PocketBase, its log and limits.
// PocketBase would believe the headers that its own settings name, whoever sent them.
func (a *API) nameClient(r *http.Request) {
	client := a.proxies.client(r)
	if client != peer(r) {
		r.RemoteAddr = netip.AddrPortFrom(client, 0).String()
	}
	for _, name := range a.app.Settings().TrustedProxy.Headers {
		r.Header.Set(name, addressOf(r))
	}
}
