// Package bencode writes and reads bencoded values (BEP 3) of the project's own swarm and torrents. It is for
// trusted input: metainfo from outside is read by package collections.
package bencode

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Dict is a dictionary of strings, int64s, lists ([]any) and Dicts.
type Dict = map[string]any

// Encode writes a string, int64, []any or Dict; other types panic.
func Encode(v any) []byte { return appendValue(nil, v) }

func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return append(append(strconv.AppendInt(b, int64(len(v)), 10), ':'), v...)
	case int64:
		return append(strconv.AppendInt(append(b, 'i'), v, 10), 'e')
	case []any:
		b = append(b, 'l')
		for _, item := range v {
			b = appendValue(b, item)
		}
		return append(b, 'e')
	case Dict:
		b = append(b, 'd')
		for _, key := range slices.Sorted(maps.Keys(v)) {
			b = appendValue(appendValue(b, key), v[key])
		}
		return append(b, 'e')
	}
	panic(fmt.Sprintf("bencode: %T", v))
}

// ErrMalformed says that the input is not bencode.
var ErrMalformed = errors.New("bencode: malformed")

// Decode reads one value and answers what follows it.
func Decode(b []byte) (v any, rest []byte, err error) {
	if len(b) == 0 {
		return nil, nil, ErrMalformed
	}
	switch b[0] {
	case 'i':
		digits, rest, ok := bytes.Cut(b[1:], []byte("e"))
		n, err := strconv.ParseInt(string(digits), 10, 64)
		if !ok || err != nil {
			return nil, nil, ErrMalformed
		}
		return n, rest, nil
	case 'l':
		return decodeList(b[1:])
	case 'd':
		return decodeDict(b[1:])
	}
	return decodeString(b)
}

func decodeString(b []byte) (any, []byte, error) {
	digits, rest, ok := bytes.Cut(b, []byte(":"))
	n, err := strconv.Atoi(string(digits))
	if !ok || err != nil || n < 0 || n > len(rest) {
		return nil, nil, ErrMalformed
	}
	return string(rest[:n]), rest[n:], nil
}

func decodeList(b []byte) (any, []byte, error) {
	list := []any{}
	for len(b) > 0 && b[0] != 'e' {
		v, rest, err := Decode(b)
		if err != nil {
			return nil, nil, err
		}
		list, b = append(list, v), rest
	}
	if len(b) == 0 {
		return nil, nil, ErrMalformed
	}
	return list, b[1:], nil
}

func decodeDict(b []byte) (any, []byte, error) {
	list, rest, err := decodeList(b)
	if err != nil {
		return nil, nil, err
	}
	pairs := list.([]any)
	d := Dict{}
	for i := 0; i+1 < len(pairs); i += 2 {
		key, ok := pairs[i].(string)
		if !ok {
			return nil, nil, ErrMalformed
		}
		d[key] = pairs[i+1]
	}
	return d, rest, nil
}
