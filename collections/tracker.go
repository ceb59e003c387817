package collections

import (
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

var (
	trackerSchemes = []string{"http", "https", "udp", "ws", "wss"} // BEP 3, BEP 15, WebTorrent
	webseedSchemes = []string{"http", "https"}                     // BEP 19
)

// urlSet collects the usable URLs of outside input, in order and each once. What is
// no URL of an allowed scheme is left out, as is what comes after the limit. Whether an
// address may be dialled is judged when it is dialled.
type urlSet struct {
	schemes []string
	limit   int
	list    []string
	seen    map[string]bool
}

func newTrackers() *urlSet {
	return &urlSet{schemes: trackerSchemes, limit: MaxTrackers, seen: map[string]bool{}}
}

func newWebseeds() *urlSet {
	return &urlSet{schemes: webseedSchemes, limit: MaxWebseeds, seen: map[string]bool{}}
}

func (s *urlSet) add(raw string) {
	raw = strings.TrimSpace(raw)
	if len(s.list) == s.limit || s.seen[raw] || !s.usable(raw) {
		return
	}
	s.seen[raw] = true
	s.list = append(s.list, raw)
}

func (s *urlSet) usable(raw string) bool {
	if len(raw) > MaxURLBytes || !utf8.ValidString(raw) {
		return false
	}
	u, err := url.Parse(raw)
	return err == nil && u.Hostname() != "" && slices.Contains(s.schemes, u.Scheme)
}

// addAll takes a string, a list of strings or a list of such lists (BEP 12), and skips whatever else it finds.
func (s *urlSet) addAll(v bencode) {
	if raw, ok := v.str(); ok {
		s.add(string(raw))
	}
	for item := range v.list() {
		if raw, ok := item.str(); ok {
			s.add(string(raw))
		}
		for inner := range item.list() {
			if raw, ok := inner.str(); ok {
				s.add(string(raw))
			}
		}
	}
}
