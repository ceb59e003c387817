package api

import (
	"net/url"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/progress"
)

type jobPage = cursorPage[progress.Job]

// jobSorts has an index for each (pb_migrations).
var jobSorts = sorts{
	"created_at": {"created_at"}, "updated_at": {"updated_at"}, "name": {"[[name]] COLLATE NOCASE"}, "size_bytes": {"size_bytes"},
	"status": {"status", "created_at"},
}

func (a *API) listJobs(e *core.RequestEvent) error {
	v := e.Request.URL.Query()
	l, err := readListing(v, jobSorts, "-created_at")
	if err != nil {
		return err
	}
	where := jobsOf(e.Auth.Id, v)
	var rows []progress.JobRow
	if err := jobRows(e.App, l, where).All(&rows); err != nil {
		return err
	}
	rows, next := cutPage(l, rows, l.placeOfJob)
	jobs := make([]progress.Job, len(rows))
	for i, row := range rows {
		jobs[i] = a.Board.JobOf(row)
	}
	total, err := l.total(e.App.DB().Select().From("jobs").Where(where))
	if err != nil {
		return err
	}
	return ok(e, jobPage{page: envelope(l, jobs, total), Next: next})
}

func jobRows(app core.App, l *listing, where dbx.Expression) *dbx.SelectQuery {
	return l.rows(app.DB().Select(progress.JobColumns...).From("jobs").Where(where))
}

// placeOfJob answers where a job stands in the order.
func (l *listing) placeOfJob(row progress.JobRow) ([]any, string) {
	values := map[string][]any{
		"created_at": {row.Created}, "updated_at": {row.Updated}, "name": {row.Name}, "size_bytes": {row.SizeBytes}, "status": {row.Status, row.Created},
	}
	return values[strings.TrimPrefix(l.sort, "-")], row.ID
}

func jobsOf(owner string, v url.Values) dbx.Expression {
	return dbx.And(append(jobFilters(v), dbx.HashExp{"user_id": owner})...)
}

func jobFilters(v url.Values) (filters []dbx.Expression) {
	if v.Get("status") != "" {
		filters = append(filters, dbx.In("status", anys(strings.Split(v.Get("status"), ","))...))
	}
	if v.Has("label") {
		filters = append(filters, dbx.HashExp{"label": v.Get("label")})
	}
	for name, compare := range map[string]string{"created_after": ">=", "created_before": "<"} {
		if at, err := time.Parse(time.RFC3339, v.Get(name)); err == nil {
			filters = append(filters, dbx.NewExp("created_at "+compare+" {:"+name+"}", dbx.Params{name: dbTime(at)}))
		}
	}
	if s := v.Get("search"); s != "" {
		filters = append(filters, dbx.Or(contains("name", s), contains("infohash", s)))
	}
	return filters
}
