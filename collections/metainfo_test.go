package collections

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestParseMetainfoRefusesHostileTorrents(t *testing.T) {
	const maxInt64 = 1<<63 - 1
	emptyFiles := func(n int) dict {
		return changed(manyFiles(), dict{"files": raw("l" + strings.Repeat(encode(dict{"length": 0, "path": []string{"a"}}), n) + "e")})
	}
	deep := func(n int) dict { return manyFiles(fileAt(slices.Repeat([]string{"a"}, n)...)) }
	cases := []struct {
		name string
		info dict
		code Code
	}{
		{"no name", oneFile(dict{"name": nil}), CodeInvalidTorrent},
		{"a number for a name", oneFile(dict{"name": 7}), CodeInvalidTorrent},
		{"no pieces", oneFile(dict{"pieces": nil}), CodeInvalidTorrent},
		{"a list for pieces", oneFile(dict{"pieces": []string{"h"}}), CodeInvalidTorrent},
		{"pieces that are no multiple of 20", oneFile(dict{"pieces": strings.Repeat("h", 21)}), CodeInvalidTorrent},
		{"empty pieces", oneFile(dict{"pieces": ""}), CodeInvalidTorrent},
		{"one piece hash too many", oneFile(dict{"pieces": strings.Repeat("h", 40)}), CodeInvalidTorrent},
		{"one piece hash too few", oneFile(dict{"length": pieceLength + 1}), CodeInvalidTorrent},
		{"no piece length", oneFile(dict{"piece length": nil}), CodeInvalidTorrent},
		{"a string for piece length", oneFile(dict{"piece length": "16384"}), CodeInvalidTorrent},
		{"piece length 0", oneFile(dict{"piece length": 0}), CodeInvalidTorrent},
		{"piece length -1", oneFile(dict{"piece length": -1}), CodeInvalidTorrent},
		{"piece length 1 for 100 bytes and one hash", oneFile(dict{"piece length": 1}), CodeInvalidTorrent},
		{"piece length 2^31", oneFile(dict{"piece length": 1 << 31}), CodeInvalidTorrent},
		{"neither length nor files", oneFile(dict{"length": nil}), CodeInvalidTorrent},
		{"both length and files", oneFile(dict{"files": []dict{fileAt("a")}}), CodeInvalidTorrent},
		{"a string for length", oneFile(dict{"length": "100"}), CodeInvalidTorrent},
		{"a negative length", oneFile(dict{"length": -1}), CodeInvalidTorrent},
		{"a length of 2^53", oneFile(dict{"length": 1 << 53}), CodeTooLarge},
		{"a length of 2^63-1", oneFile(dict{"length": maxInt64}), CodeTooLarge},
		{"a length of 0", oneFile(dict{"length": 0, "pieces": ""}), CodeInvalidTorrent},
		{"a dictionary for files", changed(manyFiles(), dict{"files": dict{"a": 1}}), CodeInvalidTorrent},
		{"an empty list of files", manyFiles(), CodeInvalidTorrent},
		{"a string in the list of files", changed(manyFiles(), dict{"files": []string{"a"}}), CodeInvalidTorrent},
		{"a file without path", manyFiles(dict{"length": 1}), CodeInvalidTorrent},
		{"a file with an empty path", manyFiles(dict{"length": 1, "path": []string{}}), CodeInvalidTorrent},
		{"a string for a path", manyFiles(dict{"length": 1, "path": "a"}), CodeInvalidTorrent},
		{"a number in a path", manyFiles(dict{"length": 1, "path": []any{"a", 1}}), CodeInvalidTorrent},
		{"a file without length", manyFiles(dict{"path": []string{"a"}}), CodeInvalidTorrent},
		{"a file of negative length", manyFiles(dict{"length": -1, "path": []string{"a"}}), CodeInvalidTorrent},
		{"two files of 2^63-1 bytes", manyFiles(dict{"length": maxInt64, "path": []string{"a"}}, dict{"length": maxInt64, "path": []string{"b"}}), CodeTooLarge},
		{"two files of 2^52 bytes", manyFiles(dict{"length": 1 << 52, "path": []string{"a"}}, dict{"length": 1 << 52, "path": []string{"b"}}), CodeTooLarge},
		{"1,000,000 empty files", emptyFiles(1_000_000), CodeTooLarge},
		{"one file too many", emptyFiles(MaxFiles + 1), CodeTooLarge},
		{"files without content", changed(emptyFiles(3), dict{"pieces": ""}), CodeInvalidTorrent},
		{"nothing but padding", manyFiles(dict{"length": 1, "path": []string{"a"}, "attr": "p"}), CodeInvalidTorrent},
		{"a pad file of 1 TiB", manyFiles(fileAt("a"), dict{"length": 1 << 40, "path": []string{"b"}, "attr": "p"}), CodeInvalidTorrent},
		{"a path of 65 levels", deep(65), CodeInvalidTorrent},
		{"a path of 1,000 levels", deep(1000), CodeInvalidTorrent},
		{"a component of 4,096 bytes", manyFiles(fileAt(strings.Repeat("a", 4096))), CodeInvalidTorrent},
		{".. as a name", oneFile(dict{"name": ".."}), CodeInvalidTorrent},
		{".. as a second name", oneFile(dict{"name.utf-8": ".."}), CodeInvalidTorrent},
		{".. as a folder", manyFiles(fileAt("..", "a")), CodeInvalidTorrent},
		{".. as a file", manyFiles(fileAt("a", "..")), CodeInvalidTorrent},
		{".. in the second path", manyFiles(dict{"length": 1, "path": []string{"a"}, "path.utf-8": []string{"..", "a"}}), CodeInvalidTorrent},
		{".. inside a component", manyFiles(fileAt("a/../../b")), CodeInvalidTorrent},
		{".. inside a component with backslashes", manyFiles(fileAt(`..\..\b`)), CodeInvalidTorrent},
		{"an absolute name", oneFile(dict{"name": "/etc/passwd"}), CodeInvalidTorrent},
		{"an absolute component", manyFiles(fileAt("/etc", "passwd")), CodeInvalidTorrent},
		{"v2 only", dict{"name": "a", "meta version": 2, "piece length": pieceLength, "file tree": dict{}}, CodeInvalidTorrent},
		{"v2 only, by its file tree alone", dict{"name": "a", "piece length": pieceLength, "file tree": dict{}}, CodeInvalidTorrent},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if m, err := ParseMetainfo(torrent(c.info)); CodeOf(err) != c.code {
				t.Errorf("torrent: %v, %v", m, err)
			}
			if m, err := ParseInfo([]byte(encode(c.info))); CodeOf(err) != c.code {
				t.Errorf("info: %v, %v", m, err)
			}
		})
	}
}

func TestParseMetainfoRefusesHostileWrappings(t *testing.T) {
	good := encode(oneFile(nil))
	cases := []struct {
		name  string
		input string
		code  Code
	}{
		{"a list around everything", "l" + good + "e", CodeInvalidTorrent},
		{"no info", "d8:announce1:ae", CodeInvalidTorrent},
		{"a string for info", "d4:info1:ae", CodeInvalidTorrent},
		{"info twice in a row", "d4:info" + good + "4:info" + good + "e", CodeInvalidTorrent},
		{"info twice with a key between", "d4:info" + good + "1:ai1e4:info" + good + "e", CodeInvalidTorrent},
		{"a byte after the end", "d4:info" + good + "e\n", CodeInvalidTorrent},
		{"unsorted keys in info", "d4:infod6:pieces0:4:name1:aee", CodeInvalidTorrent},
		{"a web page", "<!DOCTYPE html><title>404</title>", CodeInvalidTorrent},
		{"more bytes than are stored", "d1:a" + encode(strings.Repeat("x", MaxStoredMetainfo)) + "e", CodeTooLarge},
		{"metadata over its limit", "d4:info" + encode(oneFile(dict{"x": strings.Repeat("x", MaxMetadataBytes)})) + "e", CodeTooLarge},
		{"three million levels", strings.Repeat("l", 3_000_000), CodeInvalidTorrent},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if m, err := ParseMetainfo([]byte(c.input)); CodeOf(err) != c.code {
				t.Errorf("%v, %v", m, err)
			}
		})
	}
}

func TestParseMetainfoReadsAHybridAsV1(t *testing.T) {
	info := oneFile(dict{"meta version": 2, "file tree": dict{}, "private": 1})
	m := mustParse(t, torrent(info))
	v1, v2 := sha1.Sum([]byte(encode(info))), sha256.Sum256([]byte(encode(info)))
	if m.Infohash != Infohash(hex.EncodeToString(v1[:])) || m.InfohashV2 != hex.EncodeToString(v2[:]) || !m.Private {
		t.Errorf("%s %s %v", m.Infohash, m.InfohashV2, m.Private)
	}
}

func TestParseMetainfoGivesEveryFileItsPlace(t *testing.T) {
	m := mustParse(t, torrent(changed(manyFiles(
		dict{"length": 0, "path": []string{"空.txt"}},
		dict{"length": pieceLength - 5, "path": []string{"a", "🦊.mkv"}},
		dict{"length": 5, "path": []string{".pad", "5"}, "attr": "p"},
		dict{"length": 0, "path": []string{"link"}, "attr": "lx", "symlink path": []string{"..", "etc"}},
		dict{"length": 7, "path": []string{"Icon\r"}},
	), dict{"pieces": strings.Repeat("1", 20) + strings.Repeat("2", 20)})))
	want := []MetaFile{
		{0, "folder/空.txt", "folder/空.txt", 0, 0, false, false},
		{1, "folder/a/🦊.mkv", "folder/a/🦊.mkv", pieceLength - 5, 0, false, false},
		{2, "folder/.pad/5", "folder/.pad/5", 5, pieceLength - 5, true, false},
		{3, "folder/link", "folder/link", 0, pieceLength, false, true},
		{4, "folder/Icon\r", "folder/Icon_", 7, pieceLength, false, false},
	}
	if !slices.Equal(m.Files, want) {
		t.Errorf("%+v", m.Files)
	}
	if m.TotalSize != pieceLength+7 || m.NumPieces != 2 || m.PieceSize(0) != pieceLength || m.PieceSize(1) != 7 || m.PieceHash(1)[0] != '2' {
		t.Errorf("%d bytes in %d pieces", m.TotalSize, m.NumPieces)
	}
	if begin, end := m.FilePieces(&m.Files[4], 0, 7); begin != 1 || end != 2 {
		t.Errorf("the last file lies in [%d, %d)", begin, end)
	}
	if begin, end := m.FilePieces(&m.Files[0], 0, 0); begin != end {
		t.Errorf("the empty file lies in [%d, %d)", begin, end)
	}
}

func TestParseMetainfoAcceptsATorrentOfOneByte(t *testing.T) {
	if m := mustParse(t, torrent(oneFile(dict{"length": 1}))); m.PieceSize(0) != 1 {
		t.Errorf("piece 0 has %d bytes", m.PieceSize(0))
	}
}

func TestParseMetainfoAccepts100000Files(t *testing.T) {
	files := make([]dict, MaxFiles)
	for i := range files {
		files[i] = dict{"length": i % 2, "path": []string{fmt.Sprint(i % 100), fmt.Sprint(i)}}
	}
	info := changed(manyFiles(files...), dict{"pieces": strings.Repeat("h", 20*4)})
	if m := mustParse(t, torrent(info)); len(m.Files) != MaxFiles {
		t.Errorf("%d files", len(m.Files))
	}
}

func TestParseMetainfoFlattensTrackers(t *testing.T) {
	many := make([]string, 10_000)
	for i := range many {
		many[i] = fmt.Sprintf("http://t%d.example/announce", i)
	}
	cases := []struct {
		name  string
		outer dict
		want  []string
	}{
		{"announce alone", dict{"announce": "http://a.example/x"}, []string{"http://a.example/x"}},
		{"tiers before announce", dict{"announce": "http://c.example", "announce-list": []any{[]string{"http://a.example", "udp://b.example:1"}, []string{"http://a.example"}}},
			[]string{"http://a.example", "udp://b.example:1", "http://c.example"}},
		{"a malformed announce-list beside a good announce", dict{"announce": "http://a.example", "announce-list": []any{7, dict{"x": 1}, []any{[]string{"http://no.example"}}}}, []string{"http://a.example"}},
		{"a list without tiers", dict{"announce-list": []string{"http://a.example"}}, []string{"http://a.example"}},
		{"schemes that are no tracker's", dict{"announce-list": []string{"file:///etc/passwd", "unix:/run/x", "gopher://a", "http://", "//a", "a", "", "http://a\nb"}}, nil},
		{"an endless URL", dict{"announce": "http://a.example/" + strings.Repeat("x", MaxURLBytes)}, nil},
		{"10,000 trackers", dict{"announce-list": many}, many[:MaxTrackers]},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.outer["info"] = oneFile(nil)
			if m := mustParse(t, []byte(encode(c.outer))); !slices.Equal(m.Trackers, c.want) {
				t.Errorf("%.5q", m.Trackers)
			}
		})
	}
}

func TestParseMetainfoTakesWebseedsAsStringOrList(t *testing.T) {
	for _, list := range []any{"http://w.example/", []string{"http://w.example/", "ftp://w.example/", "http://w.example/"}} {
		m := mustParse(t, []byte(encode(dict{"info": oneFile(nil), "url-list": list})))
		if !slices.Equal(m.Webseeds, []string{"http://w.example/"}) {
			t.Errorf("%q", m.Webseeds)
		}
	}
}

func TestParseMetainfoToleratesUnsortedKeysAroundInfo(t *testing.T) {
	m := mustParse(t, []byte("d4:info"+encode(oneFile(nil))+"8:announce"+encode("http://a.example")+"e"))
	if len(m.Trackers) != 1 {
		t.Errorf("%q", m.Trackers)
	}
}

func TestParseMetainfoPrefersUTF8Names(t *testing.T) {
	m := mustParse(t, torrent(changed(manyFiles(
		dict{"length": 1, "path": []string{"\xb2\xe2"}, "path.utf-8": []string{"测"}},
		dict{"length": 1, "path": []string{"good"}, "path.utf-8": []string{"\xff"}},
		dict{"length": 1, "path": []string{"also good"}, "path.utf-8": 3},
	), dict{"name": "\xb2\xe2", "name.utf-8": "测试"})))
	for i, want := range []string{"测试/测", "测试/good", "测试/also good"} {
		if m.Files[i].Path != want {
			t.Errorf("%q instead of %q", m.Files[i].Path, want)
		}
	}
}

func TestBuildMetainfoKeepsInfohashAndTrackers(t *testing.T) {
	info := []byte(encode(oneFile(nil)))
	for _, trackers := range [][]string{nil, {"http://a.example"}, {"http://a.example", "udp://b.example:6969"}} {
		m := mustParse(t, BuildMetainfo(info, trackers, trackers[:min(1, len(trackers))]))
		if !bytes.Equal(m.InfoBytes, info) || !slices.Equal(m.Trackers, trackers) || len(m.Webseeds) != min(1, len(trackers)) {
			t.Errorf("%q %q", m.Trackers, m.Webseeds)
		}
	}
}

func TestBuildMetainfoOfTheLargestMetadataIsRead(t *testing.T) {
	info := oneFile(dict{"x": ""})
	info["x"] = strings.Repeat("x", MaxMetadataBytes-len(encode(info))-7)
	trackers := make([]string, MaxTrackers)
	for i := range trackers {
		trackers[i] = fmt.Sprintf("http://t%d.example/%s", i, strings.Repeat("x", MaxURLBytes-30))
	}
	if encoded := []byte(encode(info)); len(encoded) != MaxMetadataBytes {
		t.Errorf("%d bytes of info", len(encoded))
	}
	m := mustParse(t, BuildMetainfo([]byte(encode(info)), trackers, trackers[:MaxWebseeds]))
	if len(m.Trackers) != MaxTrackers || len(m.Webseeds) != MaxWebseeds {
		t.Errorf("%d trackers, %d webseeds", len(m.Trackers), len(m.Webseeds))
	}
}

// checkPaths holds the promises of MetaFile.
func checkPaths(t *testing.T, m *Metainfo) {
	t.Helper()
	seen := map[string]bool{}
	folders := map[string]bool{}
	for _, f := range m.Files {
		if !filepath.IsLocal(f.DiskPath) || filepath.Clean(f.DiskPath) != f.DiskPath || strings.ContainsAny(f.DiskPath, "\x00\r\n\\") {
			t.Errorf("the disk path %q is not safe", f.DiskPath)
		}
		if key := foldName(f.DiskPath); seen[key] {
			t.Errorf("the disk path %q is there twice", f.DiskPath)
		} else {
			seen[key] = true
		}
		if f.Path == "" || len(f.Path) > MaxPathBytes || len(f.DiskPath) > MaxPathBytes || f.Path != presentable(f.Path) || strings.Contains(f.Path, "//") {
			t.Errorf("the path %q is not presentable", f.Path)
		}
		parts := strings.Split(f.DiskPath, "/")
		for i, part := range parts {
			if len(part) > MaxComponentBytes {
				t.Errorf("%d bytes in a component of %q", len(part), f.DiskPath)
			}
			if i > 0 {
				folders[foldName(strings.Join(parts[:i], "/"))] = true
			}
		}
	}
	for folder := range folders {
		if seen[folder] {
			t.Errorf("%q is a file and a folder", folder)
		}
	}
}
