package enginetest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// dict is a bencoded dictionary of strings, int64s, lists ([]any) and dicts (BEP 3).
type dict = map[string]any

func encode(v any) []byte { return appendValue(nil, v) }

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
	case dict:
		b = append(b, 'd')
		for _, key := range slices.Sorted(maps.Keys(v)) {
			b = appendValue(appendValue(b, key), v[key])
		}
		return append(b, 'e')
	}
	panic(fmt.Sprintf("bencode: %T", v))
}

var errBencode = errors.New("bencode: malformed")

// decode reads one value and answers what follows it.
func decode(b []byte) (v any, rest []byte, err error) {
	if len(b) == 0 {
		return nil, nil, errBencode
	}
	switch {
	case b[0] == 'i':
		digits, rest, ok := bytes.Cut(b[1:], []byte("e"))
		n, err := strconv.ParseInt(string(digits), 10, 64)
		if !ok || err != nil {
			return nil, nil, errBencode
		}
		return n, rest, nil
	case b[0] == 'l':
		return decodeList(b[1:])
	case b[0] == 'd':
		return decodeDict(b[1:])
	}
	return decodeString(b)
}

func decodeString(b []byte) (any, []byte, error) {
	digits, rest, ok := bytes.Cut(b, []byte(":"))
	n, err := strconv.Atoi(string(digits))
	if !ok || err != nil || n < 0 || n > len(rest) {
		return nil, nil, errBencode
	}
	return string(rest[:n]), rest[n:], nil
}

func decodeList(b []byte) (any, []byte, error) {
	list := []any{}
	for len(b) > 0 && b[0] != 'e' {
		v, rest, err := decode(b)
		if err != nil {
			return nil, nil, err
		}
		list, b = append(list, v), rest
	}
	if len(b) == 0 {
		return nil, nil, errBencode
	}
	return list, b[1:], nil
}

func decodeDict(b []byte) (any, []byte, error) {
	list, rest, err := decodeList(b)
	if err != nil {
		return nil, nil, err
	}
	pairs := list.([]any)
	d := dict{}
	for i := 0; i+1 < len(pairs); i += 2 {
		key, ok := pairs[i].(string)
		if !ok {
			return nil, nil, errBencode
		}
		d[key] = pairs[i+1]
	}
	return d, rest, nil
}
