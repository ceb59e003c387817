package collections

import "net/netip"

// IPv4 networks of RFC 6890 and successors that are not the public internet.
var forbiddenNetworks = prefixes(
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

// IsPublic says whether an address is of the public internet. Others are reached only where the operator allows
// private networks.
func IsPublic(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if nat64.Contains(addr) {
		b := addr.As16()
		return IsPublic(netip.AddrFrom4([4]byte(b[12:])))
	}
	if !addr.IsValid() || addr.Is6() && !publicIPv6.Contains(addr) {
		return false
	}
	for _, p := range forbiddenNetworks {
		if p.Contains(addr) {
			return false
		}
	}
	return true
}
