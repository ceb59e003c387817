package collections

import (
	"encoding/hex"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Magnet is a magnet link (BEP 9, BEP 53).
type Magnet struct {
	Infohash   Infohash
	InfohashV2 string // of urn:btmh, 64 hex digits, or ""
	Name       string // dn, at most MaxNameBytes; "" when missing
	Trackers   []string
	Webseeds   []string
	Peers      []string // x.pe, host:port
	Select     []int    // so, file indexes, ascending; nil means all
}

func badMagnet(format string, args ...any) error {
	return Errorf(CodeInvalidMagnet, format, args...)
}

// ParseMagnet reads a magnet link. Its errors have the code invalid_magnet or too_large.
// Unknown parameters, unusable addresses and those beyond MaxTrackers, MaxWebseeds and MaxMagnetPeers are left out.
func ParseMagnet(s string) (*Magnet, error) {
	if len(s) > MaxMagnetBytes {
		return nil, magnetTooLarge()
	}
	s = strings.TrimSpace(s)
	if len(s) < 8 || !strings.EqualFold(s[:8], "magnet:?") {
		return nil, badMagnet("This is not a magnet link: it does not begin with \"magnet:?\".")
	}
	r := magnetReader{m: new(Magnet), trackers: newTrackers(), webseeds: newWebseeds()}
	for pair := range strings.SplitSeq(s[8:], "&") {
		if err := r.parameter(pair); err != nil {
			return nil, err
		}
	}
	return r.finish()
}

func magnetTooLarge() error {
	return Errorf(CodeTooLarge, "The magnet link is longer than %d bytes.", MaxMagnetBytes)
}

type magnetReader struct {
	m                  *Magnet
	trackers, webseeds *urlSet
	ranges             []indexRange
}

// parameter takes one key=value. Keys may be numbered (xt.1, tr.2) and, in links copied from HTML, follow "amp;".
func (r *magnetReader) parameter(pair string) error {
	key, raw, _ := strings.Cut(strings.TrimPrefix(pair, "amp;"), "=")
	if base, number, ok := strings.Cut(key, "."); ok && isNumber(number) {
		key = base
	}
	value, err := url.QueryUnescape(raw)
	if err != nil {
		value = raw
	}
	switch strings.ToLower(key) {
	case "xt":
		return r.topic(value)
	case "so":
		return r.selection(value)
	case "dn":
		if r.m.Name == "" {
			r.m.Name = cutName(presentable(value), MaxNameBytes)
		}
	case "tr":
		r.trackers.add(value)
	case "ws", "as":
		r.webseeds.add(value)
	case "x.pe":
		r.peer(value)
	}
	return nil
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

func (r *magnetReader) topic(urn string) error {
	scheme, hash := cutTopic(urn)
	switch scheme {
	case "urn:btih:":
		return r.infohash(hash)
	case "urn:btmh:":
		return r.multihash(hash)
	}
	return nil
}

func cutTopic(urn string) (scheme, hash string) {
	if len(urn) < 9 {
		return "", ""
	}
	return strings.ToLower(urn[:9]), urn[9:]
}

func (r *magnetReader) infohash(s string) error {
	h, err := ParseInfohash(s)
	if err != nil {
		return badMagnet("The magnet link's infohash must have 40 hexadecimal digits, or 32 of base32.")
	}
	if r.m.Infohash != "" && r.m.Infohash != h {
		return badMagnet("The magnet link names two different infohashes.")
	}
	r.m.Infohash = h
	return nil
}

// multihash takes the only kind that BEP 52 uses: 0x12 for SHA-256, 0x20 for its 32 bytes.
func (r *magnetReader) multihash(s string) error {
	raw, err := hex.DecodeString(s)
	if err != nil || len(raw) != 34 || raw[0] != 0x12 || raw[1] != 0x20 {
		return badMagnet("The magnet link's v2 infohash must be 1220 and 64 hexadecimal digits.")
	}
	h := hex.EncodeToString(raw[2:])
	if r.m.InfohashV2 != "" && r.m.InfohashV2 != h {
		return badMagnet("The magnet link names two different v2 infohashes.")
	}
	r.m.InfohashV2 = h
	return nil
}

func (r *magnetReader) peer(s string) {
	host, port, err := net.SplitHostPort(s)
	n, errPort := strconv.ParseUint(port, 10, 16)
	usable := err == nil && errPort == nil && n > 0 && host != "" && strings.Trim(host, hostCharacters) == ""
	if usable && len(r.m.Peers) < MaxMagnetPeers && !slices.Contains(r.m.Peers, s) {
		r.m.Peers = append(r.m.Peers, s)
	}
}

const hostCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:"

func (r *magnetReader) finish() (*Magnet, error) {
	m := r.m
	switch {
	case m.Infohash == "" && m.InfohashV2 != "":
		return nil, badMagnet("The magnet link names a BitTorrent v2-only torrent, which this engine does not support yet.")
	case m.Infohash == "":
		return nil, badMagnet("The magnet link has no infohash (xt=urn:btih:…).")
	}
	m.Trackers, m.Webseeds, m.Select = r.trackers.list, r.webseeds.list, expand(r.ranges)
	if len(m.String()) > MaxMagnetBytes {
		return nil, magnetTooLarge()
	}
	return m, nil
}

// String answers the link in a canonical form that ParseMagnet reads back.
func (m *Magnet) String() string {
	var b strings.Builder
	b.WriteString("magnet:?xt=urn:btih:" + string(m.Infohash))
	write := func(key string, values ...string) {
		for _, v := range values {
			b.WriteString("&" + key + "=" + strings.ReplaceAll(url.QueryEscape(v), "+", "%20"))
		}
	}
	if m.InfohashV2 != "" {
		write("xt", "urn:btmh:1220"+m.InfohashV2)
	}
	if m.Name != "" {
		write("dn", m.Name)
	}
	write("tr", m.Trackers...)
	write("ws", m.Webseeds...)
	write("x.pe", m.Peers...)
	if m.Select != nil {
		b.WriteString("&so=" + formatSelection(m.Select))
	}
	return b.String()
}
