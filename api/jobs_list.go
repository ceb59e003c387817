package api

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/progress"
)

const defaultPerPage = 30

// page is PocketBase's envelope of a list; totals are -1 when they were not counted.
type page[T any] struct {
	Page       int `json:"page"`
	PerPage    int `json:"perPage"`
	TotalItems int `json:"totalItems"`
	TotalPages int `json:"totalPages"`
	Items      []T `json:"items"`
}

type jobPage struct {
	page[progress.Job]
	Next *string `json:"next"`
}

// jobQuery is a read GET /jobs. openapi.yaml has judged its values already.
type jobQuery struct {
	where         dbx.Expression
	column        string
	falling       bool
	after         *cursor
	page, perPage int
	count         bool
}

// cursor names the last job of a page: lists go on behind it.
type cursor struct {
	Sort  string `json:"s"`
	Value any    `json:"v"`
	ID    string `json:"id"`
}

func (a *API) listJobs(e *core.RequestEvent) error {
	q, err := readJobQuery(e.Auth.Id, e.Request.URL.Query())
	if err != nil {
		return err
	}
	list := jobPage{page: page[progress.Job]{Page: q.page, PerPage: q.perPage, TotalItems: -1, TotalPages: -1, Items: []progress.Job{}}}
	var rows []*core.Record
	if err := q.rows(e.App).All(&rows); err != nil {
		return err
	}
	if len(rows) > q.perPage {
		rows = rows[:q.perPage]
		next := q.cursorOf(rows[len(rows)-1]).String()
		list.Next = &next
	}
	for _, row := range rows {
		list.Items = append(list.Items, a.Board.Job(row))
	}
	if q.count {
		if err := e.App.RecordQuery("jobs").Select("COUNT(*)").AndWhere(q.where).Row(&list.TotalItems); err != nil {
			return err
		}
		list.TotalPages = pages(list.TotalItems, q.perPage)
	}
	return ok(e, list)
}

func pages(items, perPage int) int { return (items + perPage - 1) / perPage }

func readJobQuery(owner string, v url.Values) (*jobQuery, error) {
	sort := cmp.Or(v.Get("sort"), "-created_at")
	q := &jobQuery{
		where: dbx.And(jobFilters(owner, v)...), column: strings.TrimPrefix(sort, "-"), falling: sort[0] == '-',
		page: intOr(v.Get("page"), 1), perPage: intOr(v.Get("perPage"), defaultPerPage),
		count: !isTrue(v.Get("skipTotal")) && !v.Has("after"),
	}
	if !v.Has("after") {
		return q, nil
	}
	q.after = new(cursor)
	if v.Has("page") {
		return nil, invalid("page", "Either page or after can be given.")
	}
	if err := q.after.parse(v.Get("after")); err != nil || q.after.Sort != sort {
		return nil, invalid("after", "This is not a cursor of a list in this order.")
	}
	return q, nil
}

func jobFilters(owner string, v url.Values) []dbx.Expression {
	filters := []dbx.Expression{dbx.HashExp{"user_id": owner}}
	if v.Has("status") {
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
		filters = append(filters, dbx.Or(dbx.Like("name", s), dbx.Like("infohash", s)))
	}
	return filters
}

// rows asks for one row more than the page has, to know whether there is another page.
func (q *jobQuery) rows(app core.App) *dbx.SelectQuery {
	order, compare := " ASC", " > "
	if q.falling {
		order, compare = " DESC", " < "
	}
	rows := app.RecordQuery("jobs").AndWhere(q.where).OrderBy(q.column+order, "id"+order).Limit(int64(q.perPage) + 1)
	if q.after == nil {
		return rows.Offset(int64(q.page-1) * int64(q.perPage))
	}
	return rows.AndWhere(dbx.NewExp("("+q.column+", id)"+compare+"({:value}, {:id})", dbx.Params{"value": q.after.Value, "id": q.after.ID}))
}

func (q *jobQuery) cursorOf(job *core.Record) *cursor {
	c := &cursor{Sort: q.column, Value: job.GetString(q.column), ID: job.Id}
	if q.falling {
		c.Sort = "-" + c.Sort
	}
	if q.column == "size_bytes" {
		c.Value = job.GetInt(q.column)
	}
	return c
}

func (c *cursor) String() string {
	b, _ := json.Marshal(c) // strings and numbers
	return base64.RawURLEncoding.EncodeToString(b)
}

func (c *cursor) parse(s string) error {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, c); err != nil {
		return err
	}
	switch c.Value.(type) {
	case string, float64:
		return nil
	}
	return errors.New("the value is of no column")
}

func intOr(s string, otherwise int) int {
	if n, err := strconv.Atoi(s); err == nil {
		return n
	}
	return otherwise
}

// isTrue reads a flag as openapi.yaml's check does.
func isTrue(s string) bool {
	b, err := strconv.ParseBool(s)
	return err == nil && b
}

func anys(list []string) []any {
	out := make([]any, 0, len(list))
	for _, s := range slices.Compact(list) {
		out = append(out, s)
	}
	return out
}
