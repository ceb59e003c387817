package collections

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

type dict map[string]any

type raw string

// encode writes a value as bencode, dictionaries in order; raw is copied as it is.
func encode(v any) string {
	switch v := v.(type) {
	case raw:
		return string(v)
	case string:
		return fmt.Sprintf("%d:%s", len(v), v)
	case int:
		return fmt.Sprintf("i%de", v)
	case []string:
		return "l" + joined(slices.Values(v)) + "e"
	case []any:
		return "l" + joined(slices.Values(v)) + "e"
	case []dict:
		return "l" + joined(slices.Values(v)) + "e"
	case dict:
		var b strings.Builder
		for _, key := range slices.Sorted(maps.Keys(v)) {
			b.WriteString(encode(key) + encode(v[key]))
		}
		return "d" + b.String() + "e"
	}
	panic(fmt.Sprintf("%T", v))
}

func joined[T any](items func(func(T) bool)) string {
	var b strings.Builder
	for item := range items {
		b.WriteString(encode(item))
	}
	return b.String()
}

const pieceLength = 1 << 14

// oneFile answers the info of a good torrent of one file, with changes; a nil value removes the key.
func oneFile(changes dict) dict {
	info := dict{"name": "file.bin", "length": 100, "piece length": pieceLength, "pieces": strings.Repeat("h", 20)}
	return changed(info, changes)
}

// manyFiles answers the info of a good torrent of these files, one piece of content in all.
func manyFiles(files ...dict) dict {
	return dict{"name": "folder", "files": files, "piece length": pieceLength, "pieces": strings.Repeat("h", 20)}
}

func changed(d, changes dict) dict {
	for key, value := range changes {
		if d[key] = value; value == nil {
			delete(d, key)
		}
	}
	return d
}

func fileAt(path ...string) dict { return dict{"length": 1, "path": path} }

func torrent(info dict) []byte { return []byte(encode(dict{"info": info})) }

func mustParse(t testing.TB, b []byte) *Metainfo {
	t.Helper()
	m, err := ParseMetainfo(b)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
