package api

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// planOf answers how SQLite finds the rows of a query (https://www.sqlite.org/eqp.html).
func queryPlan(t *testing.T, app core.App, q *dbx.SelectQuery) string {
	t.Helper()
	built := q.Build()
	var steps []struct {
		Detail string `db:"detail"`
	}
	if err := app.DB().NewQuery("EXPLAIN QUERY PLAN " + built.SQL()).Bind(built.Params()).All(&steps); err != nil {
		t.Fatalf("%v in %s", err, built.SQL())
	}
	var lines []string
	for _, step := range steps {
		lines = append(lines, step.Detail)
	}
	return strings.Join(lines, "\n")
}

// lists are the lists that may be long, as their handlers ask for them.
var lists = map[string]struct {
	sorts sorts
	query string // filters that must not cost the order
	rows  func(app core.App, l *listing, v url.Values) *dbx.SelectQuery
	total func(app core.App, v url.Values) *dbx.SelectQuery
}{
	"jobs": {
		sorts: jobSorts, query: "status=paused,queued&search=x&label=y&created_after=2026-01-02T03:04:05Z",
		rows: func(app core.App, l *listing, v url.Values) *dbx.SelectQuery { return jobRows(app, l, jobsOf("u", v)) },
		total: func(app core.App, v url.Values) *dbx.SelectQuery {
			return app.RecordQuery("jobs").Where(jobsOf("u", v))
		},
	},
	"files": {
		sorts: fileSorts, query: "kind=video&search=x",
		rows: func(app core.App, l *listing, v url.Values) *dbx.SelectQuery {
			return fileRows(app, l, fileFilters("u", v))
		},
		total: func(app core.App, v url.Values) *dbx.SelectQuery { return fileTotal(app, fileFilters("u", v)) },
	},
	"removed files": {
		sorts: fileSorts, query: "state=removed&search=x",
		rows: func(app core.App, l *listing, v url.Values) *dbx.SelectQuery {
			v.Set("state", "removed")
			return fileRows(app, l, fileFilters("u", v))
		},
		total: func(app core.App, v url.Values) *dbx.SelectQuery { return fileTotal(app, fileFilters("u", v)) },
	},
	"users": {
		sorts: userSorts, query: "role=admin&disabled=false&search=x",
		rows: func(app core.App, l *listing, v url.Values) *dbx.SelectQuery {
			return l.rows(app.RecordQuery("users").Where(userFilters(v)))
		},
	},
}

// ranged is a look-up in an index that begins at a place.
var ranged = regexp.MustCompile(`SEARCH (jobs|f|users) USING INDEX [^\n]*[<>]`)

func TestEveryOrderOfAListHasItsIndex(t *testing.T) {
	s := newServer(t)
	for name, list := range lists {
		for sort, columns := range list.sorts {
			for _, direction := range []string{"", "-"} {
				for _, filters := range []string{"", list.query} {
					v, err := url.ParseQuery(filters)
					if err != nil {
						t.Fatal(err)
					}
					v.Set("sort", direction+sort)
					l, err := readListing(v, list.sorts, sort)
					if err != nil {
						t.Fatal(err)
					}
					if strings.Contains(columns[0], "f.") {
						l.id = "f.id"
					}
					for _, l.after = range []*cursor{nil, {Sort: sort, Values: make([]any, len(columns)), ID: "x"}} {
						plan := queryPlan(t, s.app, list.rows(s.app, l, v))
						if strings.Contains(plan, "TEMP B-TREE") || strings.Contains(plan, "SCAN") && !strings.Contains(plan, "USING INDEX") {
							t.Errorf("%s by %s%s with %q, behind %v:\n%s", name, direction, sort, filters, l.after, plan)
						}
						if l.after != nil && !ranged.MatchString(plan) {
							t.Errorf("%s by %s%s with %q skips what is before the cursor row by row:\n%s", name, direction, sort, filters, plan)
						}
					}
				}
			}
		}
	}
}

func TestTotalsReadOneOwnersRowsOnly(t *testing.T) {
	s := newServer(t)
	for name, list := range lists {
		if list.total == nil {
			continue
		}
		for _, filters := range []string{"", list.query} {
			v, _ := url.ParseQuery(filters)
			plan := strings.ReplaceAll(queryPlan(t, s.app, list.total(s.app, v).Select("COUNT(*)")), "SCAN removals", "a few rows")
			if strings.Contains(plan, "SCAN") || strings.Contains(plan, "TEMP B-TREE") {
				t.Errorf("the total of %s with %q:\n%s", name, filters, plan)
			}
		}
	}
}
