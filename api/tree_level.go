package api

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/progress"
)

// level reads the nodes right below one folder in the order of their paths. It jumps over what lies deeper, so that a
// page costs by its nodes and not by the files of the torrent.
type level struct {
	app    core.App
	jobID  string
	prefix string // of the paths of this level; "" or ending in "/"
	at     place
	limit  int // nodes of a page
}

// place is a position in the order of (path, index): what comes next is behind it.
type place struct {
	Path  string `json:"p"`
	Index int    `json:"i"`
}

func newLevel(app core.App, jobID, parent, after string) (*level, error) {
	l := &level{app: app, jobID: jobID, at: place{Index: -1}, limit: collections.WholeTreeFiles}
	if parent != "" {
		l.prefix = parent + "/"
	}
	l.at.Path = l.prefix
	if after == "" {
		return l, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(after)
	if err == nil {
		err = json.Unmarshal(b, &l.at)
	}
	if err != nil || !strings.HasPrefix(l.at.Path, strings.TrimSuffix(l.prefix, "/")) {
		return nil, invalid("after", "This is not a cursor of this folder.")
	}
	return l, nil
}

func (l *level) read(viewer collections.Role) (*tree, error) {
	t := &tree{Items: []any{}}
	for {
		files, err := l.files(l.limit + 1 - len(t.Items))
		if err != nil || len(files) == 0 {
			return t, err
		}
		for _, f := range files {
			if f.Path < l.at.Path { // in a folder that was just passed
				continue
			}
			if len(t.Items) == l.limit {
				t.Next = l.at.cursor()
				return t, nil
			}
			node, err := l.pass(f, viewer)
			if err != nil {
				return nil, err
			}
			t.Items = append(t.Items, node)
		}
	}
}

// files answers the next files behind the place, on this level and deeper.
func (l *level) files(limit int) ([]progress.File, error) {
	files := []progress.File{}
	q := l.app.DB().Select(progress.FileColumns...).From("files f").LeftJoin("objects o", dbx.NewExp("o.id = f.object_id")).
		Where(dbx.HashExp{"f.job_id": l.jobID}).
		AndWhere(dbx.NewExp("(f.path, f.file_index) > ({:path}, {:index})", dbx.Params{"path": l.at.Path, "index": l.at.Index}))
	if l.prefix != "" {
		q = q.AndWhere(dbx.NewExp("f.path < {:end}", dbx.Params{"end": behind(l.prefix)}))
	}
	err := q.OrderBy("f.path", "f.file_index").Limit(int64(limit)).All(&files)
	return files, err
}

// pass answers the node that f belongs to and moves the place behind it.
func (l *level) pass(f progress.File, viewer collections.Role) (any, error) {
	name, _, nested := strings.Cut(f.Path[len(l.prefix):], "/")
	if !nested {
		l.at = place{f.Path, f.Index}
		return fileNode{Name: name, File: f.For(viewer)}, nil
	}
	d := folder{Name: name, Path: l.prefix + name}
	l.at = place{behind(d.Path + "/"), -1}
	err := l.app.DB().Select("SUM(size_bytes)", "COUNT(*)", "SUM(is_complete)").From("files").
		Where(dbx.NewExp("job_id = {:job} AND path >= {:begin} AND path < {:end}",
			dbx.Params{"job": l.jobID, "begin": d.Path + "/", "end": behind(d.Path + "/")})).
		Row(&d.SizeBytes, &d.FileCount, &d.CompleteCount)
	return d, err
}

// behind answers the first string after all that begin with prefix, which ends in "/".
func behind(prefix string) string { return prefix[:len(prefix)-1] + "0" }

func (p place) cursor() *string {
	b, _ := json.Marshal(p) // a string and a number
	s := base64.RawURLEncoding.EncodeToString(b)
	return &s
}
