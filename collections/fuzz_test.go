package collections

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzMetainfo(f *testing.F) {
	f.Add(torrent(oneFile(dict{"name.utf-8": "ü", "meta version": 2, "private": 1})))
	f.Add(torrent(manyFiles(fileAt("a", "b"), fileAt("a"), fileAt("A"), dict{"length": 2, "path": []string{"CON"}, "path.utf-8": []string{"x"}, "attr": "p"})))
	f.Add([]byte(encode(dict{"announce": "http://a.example", "announce-list": []any{[]string{"udp://b.example:1"}}, "url-list": "http://w.example", "info": oneFile(nil)})))
	f.Add([]byte("d4:infod6:pieces0:4:name1:aee"))
	f.Add([]byte(strings.Repeat("l", 100)))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseMetainfo(b)
		if err != nil {
			checkRefusal(t, err, CodeInvalidTorrent)
			return
		}
		checkMetainfo(t, m)
		again, err := ParseMetainfo(BuildMetainfo(m.InfoBytes, m.Trackers, m.Webseeds))
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Errorf("%+v became %+v, %v", m, again, err)
		}
	})
}

// FuzzNames makes well-formed torrents of names: "\x1e" ends a file, "\x1f" a component.
func FuzzNames(f *testing.F) {
	f.Add("folder", "a\x1fb\x1ea\x1eA\x1ea\x1fB\x1eCON\x1e-\x1e")
	f.Add(" . ", "\xff\x00/\\\x1f\u202e.\x1fIcon\r")
	f.Add(strings.Repeat("é", 200), strings.Repeat("x", 300)+".mkv\x1e"+strings.Repeat("y\x1f", 63)+"y")
	f.Add(".longshore-a", "a~2\x1ea\x1ea\x1fa~2\x1ea")
	f.Fuzz(func(t *testing.T, name, tree string) {
		var files []dict
		for path := range strings.SplitSeq(tree, "\x1e") {
			files = append(files, fileAt(strings.Split(path, "\x1f")...))
		}
		info := changed(manyFiles(files...), dict{"name": name, "piece length": MaxPieceLength})
		m, err := ParseMetainfo(torrent(info))
		if err != nil {
			checkRefusal(t, err, CodeInvalidTorrent)
			return
		}
		checkMetainfo(t, m)
	})
}

func FuzzMagnet(f *testing.F) {
	f.Add(good + "&dn=a+b%20c&tr=http%3A%2F%2Fa.example%2Fx&tr.1=udp://b.example:6969&so=0,2-4&x.pe=[::1]:1&ws=http://w.example")
	f.Add("magnet:?xt.1=urn:btih:" + base32Hash + "&amp;xt.2=" + goodV2)
	f.Add("magnet:?xt=" + goodV2)
	f.Fuzz(func(t *testing.T, link string) {
		m, err := ParseMagnet(link)
		if err != nil {
			checkRefusal(t, err, CodeInvalidMagnet)
			return
		}
		if len(m.Trackers) > MaxTrackers || len(m.Webseeds) > MaxWebseeds || len(m.Peers) > MaxMagnetPeers || len(m.Select) > MaxFiles || len(m.Name) > MaxNameBytes {
			t.Errorf("%+v is beyond a limit", m)
		}
		again, err := ParseMagnet(m.String())
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Errorf("%+v became %+v, %v", m, again, err)
		}
	})
}

func checkRefusal(t *testing.T, err error, code Code) {
	t.Helper()
	if c := CodeOf(err); c != code && c != CodeTooLarge || !utf8.ValidString(err.Error()) {
		t.Errorf("%s: %q", c, err)
	}
}

func checkMetainfo(t *testing.T, m *Metainfo) {
	t.Helper()
	checkPaths(t, m)
	if m.Name == "" || len(m.Name) > MaxNameBytes || !utf8.ValidString(m.Name) {
		t.Errorf("the name %q", m.Name)
	}
	if len(m.Files) < 1 || len(m.Files) > MaxFiles || len(m.Trackers) > MaxTrackers || len(m.Webseeds) > MaxWebseeds || m.NumPieces > MaxPieces {
		t.Errorf("%d files, %d trackers, %d webseeds, %d pieces", len(m.Files), len(m.Trackers), len(m.Webseeds), m.NumPieces)
	}
	var offset int64
	for i, f := range m.Files {
		if f.Index != i || f.Offset != offset || f.Size < 0 {
			t.Errorf("file %d: %+v", i, f)
		}
		offset += f.Size
	}
	if offset != m.TotalSize || offset > MaxSizeBytes {
		t.Errorf("the files have %d bytes, the torrent %d", offset, m.TotalSize)
	}
	if last := m.PieceSize(m.NumPieces - 1); last < 1 || last > m.PieceLength {
		t.Errorf("the last piece has %d bytes", last)
	}
	if parsed, err := ParseInfohash(string(m.Infohash)); err != nil || parsed != m.Infohash || slices.Contains(m.Trackers, "") {
		t.Errorf("infohash %q", m.Infohash)
	}
}
