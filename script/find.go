package script

import (
	"github.com/dop251/goja"
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

const (
	defaultFound = 100
	maxFound     = 1000
)

// findable lists the collections that find searches, with the fields it answers.
var findable = map[string][]string{"jobs": jobFields, "files": fileFields, "users": userFields}

// find is $longshore.find(collection, filter, params?, {sort, limit}?), with the filter language of PocketBase.
func (c *call) find(args goja.FunctionCall) goja.Value {
	collection := c.textOf("collection", args.Argument(0))
	fields, known := findable[collection]
	if !known {
		c.throw("find knows jobs, files and users, not %q", shortened(collection, 100))
	}
	filter := c.textOf("filter", args.Argument(1))
	sort, limit := c.order(args.Argument(3))
	records, err := c.s.App.FindRecordsByFilter(collection, filter, sort, limit, 0, c.params(args.Argument(2)))
	if err != nil {
		panic(c.error(err))
	}
	return c.records(records, fields)
}

func (c *call) records(records []*core.Record, fields []string) goja.Value {
	values := make([]any, len(records))
	for i, record := range records {
		values[i] = c.record(record, fields)
	}
	return c.vm.NewArray(values...)
}

func (c *call) params(arg goja.Value) dbx.Params {
	if goja.IsUndefined(arg) || goja.IsNull(arg) {
		return nil
	}
	values, ok := arg.Export().(map[string]any)
	if !ok {
		c.throw("params must be an object")
	}
	return values
}

func (c *call) order(arg goja.Value) (sort string, limit int) {
	sort, limit = "-created_at", defaultFound
	if goja.IsUndefined(arg) || goja.IsNull(arg) {
		return sort, limit
	}
	fields := c.fields("find", arg, "sort", "limit")
	if v, given := fields["sort"]; given {
		sort = c.textOf("sort", v)
	}
	if v, given := fields["limit"]; given {
		limit = int(min(max(c.wholeOf("limit", v), 1), maxFound))
	}
	return sort, limit
}
