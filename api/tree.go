package api

import (
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/progress"
)

// tree is a job's files, or one level of them. Its items are folders and file nodes.
type tree struct {
	Items []any   `json:"items"`
	Next  *string `json:"next"`
}

type folder struct {
	Name          string `json:"name"`
	Path          string `json:"path"`
	SizeBytes     int64  `json:"size_bytes"`
	FileCount     int    `json:"file_count"`
	CompleteCount int    `json:"complete_count"`
	Children      []any  `json:"children"` // nil when the tree is paged

	folders map[string]*folder
}

type fileNode struct {
	Name string `json:"name"`
	progress.File
}

func (a *API) listJobFiles(e *core.RequestEvent) error {
	job, err := findJob(e)
	if err != nil {
		return err
	}
	query := e.Request.URL.Query()
	if !query.Has("parent") && !query.Has("after") {
		counts, err := countFiles(e.App, job.Id)
		if err != nil {
			return err
		}
		if counts.Total <= collections.WholeTreeFiles {
			return answerWholeTree(e, job.Id)
		}
	}
	level, err := newLevel(e.App, job.Id, query.Get("parent"), query.Get("after"))
	if err != nil {
		return err
	}
	t, err := level.read(role(e))
	if err != nil {
		return err
	}
	return ok(e, t)
}

func answerWholeTree(e *core.RequestEvent, jobID string) error {
	files, err := progress.FindFiles(e.App, dbx.HashExp{"f.job_id": jobID})
	if err != nil {
		return err
	}
	root := newFolder("", "")
	for _, f := range files {
		root.add(f.For(role(e)))
	}
	return ok(e, tree{Items: root.Children})
}

func newFolder(name, path string) *folder {
	return &folder{Name: name, Path: path, Children: []any{}, folders: map[string]*folder{}}
}

// add puts a file below the folder, into folders made where they are missing. A file and a folder may have one name.
func (d *folder) add(f progress.File) {
	rest := f.Path
	for at := 0; ; {
		d.count(f)
		name, below, nested := strings.Cut(rest, "/")
		if !nested {
			d.Children = append(d.Children, fileNode{Name: name, File: f})
			return
		}
		at += len(name)
		d = d.child(name, f.Path[:at])
		at, rest = at+1, below
	}
}

func (d *folder) count(f progress.File) {
	d.SizeBytes += f.SizeBytes
	d.FileCount++
	if f.IsComplete {
		d.CompleteCount++
	}
}

func (d *folder) child(name, path string) *folder {
	if d.folders[name] == nil {
		d.folders[name] = newFolder(name, path)
		d.Children = append(d.Children, d.folders[name])
	}
	return d.folders[name]
}
