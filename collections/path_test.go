package collections

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestOddNamesKeepTheirSpellingAndGetASafeDiskPath(t *testing.T) {
	cases := []struct{ name, component, path, disk string }{
		{"emoji with joiners", "👩‍👩‍👧.jpg", "👩‍👩‍👧.jpg", "👩_👩_👧.jpg"},
		{"chinese", "漢字.txt", "漢字.txt", "漢字.txt"},
		{"a carriage return", "Icon\r", "Icon\r", "Icon_"},
		{"a newline", "a\nb", "a\nb", "a_b"},
		{"NUL", "a\x00b", "a\uFFFDb", "a_b"},
		{"a terminal's escape sequence", "\x1b[31mred", "\x1b[31mred", "_[31mred"},
		{"a slash", "AC/DC", "AC∕DC", "AC∕DC"},
		{"a backslash", `a\b`, `a\b`, "a_b"},
		{"a drive letter", `C:\Windows`, `C:\Windows`, "C__Windows"},
		{"a device", "CON", "CON", "_CON"},
		{"a device with an extension", "com1.txt", "com1.txt", "_com1.txt"},
		{"a right-to-left override", "a\u202efdp.exe", "a\u202efdp.exe", "a_fdp.exe"},
		{"invalid UTF-8", "a\xff\xfeb", "a\uFFFDb", "a_b"},
		{"an overlong slash", "a\xc0\xafb", "a\uFFFDb", "a_b"},
		{"a leading dash", "-rf", "-rf", "_-rf"},
		{"a leading tilde", "~root", "~root", "_~root"},
		{"a dot file", ".hidden", ".hidden", ".hidden"},
		{"an engine's resume data", ".Longshore-done", ".Longshore-done", "_.Longshore-done"},
		{"three dots", "...", "...", "..._"},
		{"two dots and a space", ".. ", ".. ", ".. _"},
		{"percent encoding", "%2e%2e%2f", "%2e%2e%2f", "%2e%2e%2f"},
		{"a template", "{{7*7}}", "{{7*7}}", "{{7_7}}"},
		{"markup", "<img onerror>", "<img onerror>", "_img onerror_"},
		{"an empty component", "", "_", "_"},
		{"a dot", ".", "_", "_"},
		{"255 bytes", strings.Repeat("a", 255), strings.Repeat("a", 255), shorten(strings.Repeat("a", 255))},
		{"256 bytes", strings.Repeat("a", 256), strings.Repeat("a", 256), shorten(strings.Repeat("a", 256))},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := mustParse(t, torrent(manyFiles(fileAt(c.component))))
			if f := m.Files[0]; f.Path != "folder/"+c.path || f.DiskPath != "folder/"+c.disk {
				t.Errorf("%q on disk %q", f.Path, f.DiskPath)
			}
			checkPaths(t, m)
		})
	}
}

func TestOddTorrentNames(t *testing.T) {
	long := strings.Repeat("é", 200)
	cases := []struct{ name, given, want string }{
		{"a slash in a single file's name", "AC/DC.flac", "AC∕DC.flac"},
		{"400 bytes of two-byte letters", long, long[:254]},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := mustParse(t, torrent(oneFile(dict{"name": c.given})))
			if m.Files[0].Path != c.want {
				t.Errorf("%q", m.Files[0].Path)
			}
			checkPaths(t, m)
		})
	}
	for _, name := range []string{"", "."} {
		if m := mustParse(t, torrent(oneFile(dict{"name": name}))); m.Name != string(m.Infohash) {
			t.Errorf("%q became %q", name, m.Name)
		}
	}
}

func TestDiskPathsNeverCollide(t *testing.T) {
	cases := []struct {
		name  string
		paths [][]string
		want  []string
	}{
		{"the same path twice", [][]string{{"a.txt"}, {"a.txt"}, {"a.txt"}}, []string{"a.txt", "a~2.txt", "a~3.txt"}},
		{"names that differ in case", [][]string{{"A"}, {"a"}, {"ſ"}, {"S"}}, []string{"A", "a~2", "ſ", "S~2"}},
		{"folders that differ in case share one", [][]string{{"A", "x"}, {"a", "X"}, {"a", "y"}}, []string{"A/x", "A/X~2", "A/y"}},
		{"a file, then a folder of its name", [][]string{{"a"}, {"a", "b"}, {"a", "c"}}, []string{"a", "a~2/b", "a~2/c"}},
		{"a folder, then a file of its name", [][]string{{"a", "b"}, {"A"}}, []string{"a/b", "A~2"}},
		{"a numbered name that is taken", [][]string{{"a~2"}, {"a"}, {"a"}}, []string{"a~2", "a", "a~3"}},
		{"names that become one", [][]string{{"a:b"}, {"a*b"}}, []string{"a_b", "a_b~2"}},
		{"composed and decomposed letters", [][]string{{"é"}, {"e\u0301"}}, []string{"é", "e\u0301"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var files []dict
			for _, p := range c.paths {
				files = append(files, fileAt(p...))
			}
			m := mustParse(t, torrent(manyFiles(files...)))
			var got []string
			for _, f := range m.Files {
				got = append(got, strings.TrimPrefix(f.DiskPath, "folder/"))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%q", got)
			}
			checkPaths(t, m)
		})
	}
}

func TestTheLongestPathsFitOnThisDisk(t *testing.T) {
	levels := slices.Repeat([]string{strings.Repeat("ä", 30)}, 63)
	m := mustParse(t, torrent(manyFiles(
		fileAt(strings.Repeat("x", 2000)+".mkv"), fileAt(strings.Repeat("x", 2000)+".mkv"),
		fileAt(append(levels, "a")...), fileAt(append(levels, "b")...), fileAt(append(levels, "B")...),
	)))
	checkPaths(t, m)
	dir := t.TempDir()
	for _, f := range m.Files {
		path := filepath.Join(dir, f.DiskPath)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if ext := filepath.Ext(f.Path); filepath.Ext(path) != ext {
			t.Errorf("%q lost its extension", f.DiskPath)
		}
	}
}

func TestManyEqualNamesAreNumberedInLinearTime(t *testing.T) {
	tree := newDiskTree()
	seen := map[string]bool{}
	for range MaxFiles {
		path, err := tree.place([]string{"folder", "same.bin"})
		if err != nil {
			t.Fatal(err)
		}
		seen[path] = true
	}
	if len(seen) != MaxFiles {
		t.Errorf("%d paths", len(seen))
	}
}

func TestTooManyFoldersAreRefused(t *testing.T) {
	tree := newDiskTree()
	var err error
	for i := 0; err == nil && i <= MaxFolders; i++ {
		_, err = tree.place([]string{fmt.Sprint(i), "a"})
	}
	if CodeOf(err) != CodeTooLarge {
		t.Error(err)
	}
}
