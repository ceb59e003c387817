package api

import (
	"bytes"
	"cmp"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
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

// cursorPage is a page of a list that goes on behind a cursor.
type cursorPage[T any] struct {
	page[T]
	Next *string `json:"next"`
}

// listing is what a list was asked for: an order, and a page or what comes behind a cursor. openapi.yaml has judged
// the values already.
type listing struct {
	sort          string   // as asked for, with its minus
	columns       []string // of the order, in SQL; the id comes last
	id            string   // the column
	falling       bool
	after         *cursor
	page, perPage int
	count         bool
}

// sorts are the orders that a list offers: columns in SQL by the name of the sort. One with a collation is quoted by
// hand: [[name]].
type sorts map[string][]string

// readListing reads the parameters that lists have in common.
func readListing(v url.Values, offered sorts, otherwise string) (*listing, error) {
	sort := cmp.Or(v.Get("sort"), otherwise)
	l := &listing{
		sort: sort, columns: offered[strings.TrimPrefix(sort, "-")], id: "id", falling: sort[0] == '-',
		page: intOr(v.Get("page"), 1), perPage: intOr(v.Get("perPage"), defaultPerPage), count: !isTrue(v.Get("skipTotal")) && !v.Has("after"),
	}
	if !v.Has("after") {
		return l, nil
	}
	if v.Has("page") {
		return nil, invalid("page", "Either page or after can be given.")
	}
	l.after = new(cursor)
	if err := l.after.parse(v.Get("after")); err != nil || l.after.Sort != sort || len(l.after.Values) != len(l.columns) {
		return nil, invalid("after", "This is not a cursor of a list in this order.")
	}
	return l, nil
}

// rows asks for one row more than the page has, to know whether there is another page.
func (l *listing) rows(q *dbx.SelectQuery) *dbx.SelectQuery {
	direction, compare := " ASC", ">"
	if l.falling {
		direction, compare = " DESC", "<"
	}
	columns := append(slices.Clone(l.columns), l.id)
	for _, column := range columns {
		q = q.AndOrderBy(column + direction)
	}
	q = q.Limit(int64(l.perPage) + 1)
	if l.after == nil {
		return q.Offset(int64(l.page-1) * int64(l.perPage))
	}
	names, params := make([]string, len(columns)), dbx.Params{}
	for i, value := range append(slices.Clone(l.after.Values), l.after.ID) {
		name := "after" + strconv.Itoa(i)
		names[i], params[name] = "{:"+name+"}", value
	}
	behind := fmt.Sprintf("(%s) %s (%s)", strings.Join(columns, ", "), compare, strings.Join(names, ", "))
	if strings.Contains(columns[0], "COLLATE") { // SQLite looks a row value up in no index with a collation
		behind += fmt.Sprintf(" AND %s %s= %s", columns[0], compare, names[0])
	}
	return q.AndWhere(dbx.NewExp(behind, params))
}

// records answers rows of a collection for cutPage: these columns of them, or all.
func (l *listing) records(app core.App, collection string, where dbx.Expression, columns ...string) (rows []*core.Record, err error) {
	q := app.RecordQuery(collection).Where(where)
	if len(columns) > 0 {
		q = q.Select(columns...)
	}
	return rows, l.rows(q).All(&rows)
}

// cutPage takes the row that was one too many off, and answers the cursor of what comes next; nil when nothing does.
// place answers the values of the columns of the order, and the id.
func cutPage[R any](l *listing, rows []R, place func(R) ([]any, string)) ([]R, *string) {
	if len(rows) <= l.perPage {
		return rows, nil
	}
	rows = rows[:l.perPage]
	at := cursor{Sort: l.sort}
	at.Values, at.ID = place(rows[len(rows)-1])
	next := at.String()
	return rows, &next
}

// placeOfRecord answers where a record stands in the order.
func (l *listing) placeOfRecord(r *core.Record) ([]any, string) {
	values := make([]any, len(l.columns))
	for i, column := range l.columns {
		name, _, _ := strings.Cut(strings.Trim(column, "["), "]")
		if r.Collection().Fields.GetByName(name).Type() == core.FieldTypeNumber {
			values[i] = r.GetFloat(name)
		} else {
			values[i] = r.GetString(name)
		}
	}
	return values, r.Id
}

// findByID answers a record, or not_found with a sentence.
func findByID(app core.App, collection, id, otherwise string) (*core.Record, error) {
	r, err := app.FindRecordById(collection, id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, collections.Errorf(collections.CodeNotFound, "%s", otherwise)
	}
	return r, err
}

// timeOf answers a time of a record as the database keeps it, also of one that was just made.
func timeOf(r *core.Record, column string) time.Time {
	return r.GetDateTime(column).Time().UTC().Truncate(time.Millisecond)
}

// envelope answers the page of these items. Without total it has -1.
func envelope[T any](l *listing, items []T, total int) page[T] {
	p := page[T]{Page: l.page, PerPage: l.perPage, TotalItems: total, TotalPages: -1, Items: items}
	if total >= 0 {
		p.TotalPages = pages(total, l.perPage)
	}
	return p
}

// total counts what q finds, unless the count was not asked for.
func (l *listing) total(q *dbx.SelectQuery) (n int, err error) {
	if !l.count {
		return -1, nil
	}
	return n, q.Select("COUNT(*)").Row(&n)
}

func pages(items, perPage int) int { return (items + perPage - 1) / perPage }

// cursor names the last row of a page: lists go on behind it.
type cursor struct {
	Sort   string `json:"s"`
	Values []any  `json:"v"`
	ID     string `json:"id"`
}

func (c *cursor) String() string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(c) // strings and numbers
	return base64.RawURLEncoding.EncodeToString(bytes.TrimSpace(b.Bytes()))
}

func (c *cursor) parse(s string) error {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, c); err != nil {
		return err
	}
	for _, value := range c.Values {
		switch value.(type) {
		case string, float64:
		default:
			return fmt.Errorf("a %T is the value of no column", value)
		}
	}
	return nil
}

// contains is a condition: the column has s in it. Letters from a to z are found in either case.
func contains(column, s string) dbx.Expression {
	name := "has_" + strings.ReplaceAll(column, ".", "_")
	pattern := "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s) + "%"
	return dbx.NewExp(column+" LIKE {:"+name+`} ESCAPE '\'`, dbx.Params{name: pattern})
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
