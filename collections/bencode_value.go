package collections

import (
	"bytes"
	"iter"
	"slices"
	"strconv"
)

// end answers where the value at the start of v ends.
func (v bencode) end() int {
	pos := 0
	for depth := 0; ; {
		switch v[pos] {
		case 'd', 'l':
			depth++
			pos++
		case 'e':
			depth--
			pos++
		case 'i':
			pos += bytes.IndexByte(v[pos:], 'e') + 1
		default:
			colon := pos + bytes.IndexByte(v[pos:], ':')
			n, _ := parseDecimal(v[pos:colon])
			pos = colon + 1 + int(n)
		}
		if depth == 0 {
			return pos
		}
	}
}

func (v bencode) is(kind byte) bool { return len(v) > 0 && v[0] == kind }

// str answers the bytes of a string, false for any other value.
func (v bencode) str() ([]byte, bool) {
	if len(v) == 0 || v[0] < '0' || v[0] > '9' {
		return nil, false
	}
	return v[bytes.IndexByte(v, ':')+1:], true
}

// integer answers a number, false for any other value.
func (v bencode) integer() (int64, bool) {
	if !v.is('i') {
		return 0, false
	}
	return parseDecimal(v[1 : len(v)-1])
}

// list yields the items of a list, nothing for any other value.
func (v bencode) list() iter.Seq[bencode] {
	return func(yield func(bencode) bool) {
		if !v.is('l') {
			return
		}
		for rest := v[1:]; rest[0] != 'e'; {
			end := rest.end()
			if !yield(rest[:end:end]) {
				return
			}
			rest = rest[end:]
		}
	}
}

// dict yields the entries of a dictionary, nothing for any other value.
func (v bencode) dict() iter.Seq2[string, bencode] {
	return func(yield func(string, bencode) bool) {
		if !v.is('d') {
			return
		}
		for rest := v[1:]; rest[0] != 'e'; {
			end := rest.end()
			key, _ := rest[:end].str()
			rest = rest[end:]
			end = rest.end()
			if !yield(string(key), rest[:end:end]) {
				return
			}
			rest = rest[end:]
		}
	}
}

func appendString(b []byte, s string) []byte {
	b = strconv.AppendInt(b, int64(len(s)), 10)
	b = append(b, ':')
	return append(b, s...)
}

func appendStrings(b []byte, list []string) []byte {
	b = append(b, 'l')
	for _, s := range list {
		b = appendString(b, s)
	}
	return append(b, 'e')
}

// pick answers the entries of a dictionary under the given keys; a key that is there twice is refused.
func (v bencode) pick(keys ...string) (map[string]bencode, error) {
	picked := make(map[string]bencode, len(keys))
	for key, value := range v.dict() {
		if !slices.Contains(keys, key) {
			continue
		}
		if _, twice := picked[key]; twice {
			return nil, badTorrent("The torrent has two entries %q.", key)
		}
		picked[key] = value
	}
	return picked, nil
}
