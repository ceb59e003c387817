package agent

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/plugins/bencode"
)

// padded is a torrent of two files of which the second begins a piece, behind a pad file (BEP 47).
func padded(t *testing.T, a, b []byte) *collections.Metainfo {
	t.Helper()
	const pieceLength = 16 << 10
	zeros := make([]byte, pieceLength-len(a))
	first, second := sha1.Sum(append(bytes.Clone(a), zeros...)), sha1.Sum(b)
	meta, err := collections.ParseInfo(bencode.Encode(bencode.Dict{
		"name": "x", "piece length": int64(pieceLength), "pieces": string(first[:]) + string(second[:]),
		"files": []any{
			bencode.Dict{"length": int64(len(a)), "path": []any{"a"}},
			bencode.Dict{"length": int64(len(zeros)), "path": []any{".pad", "1"}, "attr": "p"},
			bencode.Dict{"length": int64(len(b)), "path": []any{"b"}},
		},
	}))
	if err != nil {
		t.Fatal(err)
	}
	return meta
}

func TestPiecesOnDiskAreHeldAgainstTheirHashes(t *testing.T) {
	a, b := bytes.Repeat([]byte("a"), 1000), bytes.Repeat([]byte("b"), 500)
	meta := padded(t, a, b)
	for _, test := range []struct {
		name      string
		files     map[string][]byte
		selection []int
		piece     int
		want      error
	}{
		{"right bytes and the zeros of a pad file", map[string][]byte{"a": a}, nil, 0, nil},
		{"the file behind the pad file", map[string][]byte{"b": b}, nil, 1, nil},
		{"wrong bytes", map[string][]byte{"a": b}, nil, 0, errWrongBytes},
		{"a file that is too short", map[string][]byte{"a": a[:999]}, nil, 0, errWrongBytes},
		{"a selected file that is missing", nil, nil, 0, fs.ErrNotExist},
		{"a missing file that is not selected", nil, []int{2}, 0, errUnselected},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, content := range test.files {
				if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			root, err := os.OpenRoot(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			r := pieceReader{meta: meta, root: root, paths: []string{"a", "", "b"}, selected: selectedSet(meta, test.selection)}
			defer r.close()
			if err := r.verify(test.piece); !errors.Is(err, test.want) {
				t.Errorf("%v, not %v", err, test.want)
			}
		})
	}
}

func TestPadFilesAreNotUploaded(t *testing.T) {
	p := newParts(padded(t, []byte("a"), []byte("b")), nil, never)
	if len(p.list) != 2 || p.size != 2 || p.list[1].ref.File != 2 {
		t.Errorf("parts are %+v", p.list)
	}
}
