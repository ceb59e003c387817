package collections

// Magnet is a magnet link (BEP 9, BEP 53).
type Magnet struct {
	Infohash   Infohash
	InfohashV2 string // of urn:btmh, 64 hex digits, or ""
	Name       string // dn; "" when missing
	Trackers   []string
	Webseeds   []string
	Peers      []string // x.pe, host:port
	Select     []int    // so, file indexes; nil means all
}

// ParseMagnet reads a magnet link. Its errors have the code invalid_magnet or too_large.
func ParseMagnet(s string) (*Magnet, error) { panic("unwritten") }

// String answers the link in a canonical form that ParseMagnet reads back.
func (m *Magnet) String() string { panic("unwritten") }
