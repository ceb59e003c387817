package api

import (
	"net/url"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/progress"
)

// fileSorts has an index for each (pb_migrations).
var fileSorts = sorts{"updated_at": {"f.updated_at"}, "path": {"[[f.path]] COLLATE NOCASE"}, "size_bytes": {"f.size_bytes"}}

// fileStates are the conditions that the partial indexes of the list know, word for word.
var fileStates = map[string]string{
	"": "f.is_complete = TRUE", "complete": "f.is_complete = TRUE", "removed": "f.is_complete = FALSE AND f.removed_at != ''",
}

// listedFile has beside the file its place in the order, as the database writes it.
type listedFile struct {
	progress.File
	Updated string `db:"updated"`
}

func (a *API) listFiles(e *core.RequestEvent) error {
	v := e.Request.URL.Query()
	l, err := readListing(v, fileSorts, "-updated_at")
	if err != nil {
		return err
	}
	l.id = "f.id"
	where := fileFilters(e.Auth.Id, v)
	var rows []listedFile
	if err := fileRows(e.App, l, where).All(&rows); err != nil {
		return err
	}
	rows, next := cutPage(l, rows, l.placeOfFile)
	files := make([]progress.File, len(rows))
	for i, row := range rows {
		files[i] = row.For(role(e))
	}
	total, err := l.total(fileTotal(e.App, where))
	if err != nil {
		return err
	}
	return ok(e, cursorPage[progress.File]{page: envelope(l, files, total), Next: next})
}

func fileRows(app core.App, l *listing, where dbx.Expression) *dbx.SelectQuery {
	return l.rows(app.DB().Select(progress.FileColumns...).AndSelect("f.updated_at AS updated").From("files f").
		LeftJoin("objects o", dbx.NewExp("o.id = f.object_id")).Where(where))
}

func fileTotal(app core.App, where dbx.Expression) *dbx.SelectQuery {
	return app.DB().Select().From("files f").Where(where)
}

// ofAJob leaves out the files of a deleted job, which go one after the other. The rows are looked at only while some go.
const ofAJob = `(NOT EXISTS (SELECT 1 FROM removals WHERE whole = TRUE) OR EXISTS (SELECT 1 FROM jobs WHERE jobs.id = f.job_id))`

func fileFilters(owner string, v url.Values) dbx.Expression {
	filters := []dbx.Expression{
		dbx.HashExp{"f.user_id": owner}, dbx.NewExp(fileStates[v.Get("state")]),
		dbx.NewExp(ofAJob),
	}
	if kind := v.Get("kind"); kind != "" {
		filters = append(filters, dbx.In("f.mime_type", anys(collections.MimeTypesOf(collections.FileKind(kind)))...))
	}
	if job := v.Get("job_id"); job != "" {
		filters = append(filters, dbx.HashExp{"f.job_id": job})
	}
	if s := v.Get("search"); s != "" {
		filters = append(filters, contains("f.path", s))
	}
	return dbx.And(filters...)
}

// placeOfFile answers where a file stands in the order.
func (l *listing) placeOfFile(f listedFile) ([]any, string) {
	switch l.columns[0] {
	case fileSorts["path"][0]:
		return []any{f.Path}, f.ID
	case fileSorts["size_bytes"][0]:
		return []any{f.SizeBytes}, f.ID
	}
	return []any{f.Updated}, f.ID
}
