package script

import (
	"fmt"
	"regexp"

	"github.com/dop251/goja"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// Fields of records that scripts see, named as in the API.
var (
	jobFields = []string{
		"id", "user_id", "name", "infohash", "infohash_v2", "status", "desired", "magnet_uri", "engine", "agent_id", "attempt", "size_bytes", "done_bytes",
		"stored_bytes", "error", "error_code", "label", "priority", "created_at", "updated_at", "completed_at",
	}
	userFields = []string{"id", "email", "role", "disabled", "created_at"}
	fileFields = []string{"id", "job_id", "user_id", "path", "size_bytes", "mime_type", "selected", "is_complete"}
)

func aboutSubmit(e *hooks.JobSubmitEvent) subject {
	return subject{moment: jobSubmit, object: func(c *call) (*goja.Object, func() (func(), error)) {
		o := c.object()
		o.lazy("user", func() goja.Value { return c.user(e.User) })
		o.field("name", e.Name)
		o.field("infohash", e.Infohash)
		o.field("magnet", e.Magnet)
		o.field("size_bytes", e.SizeBytes)
		o.lazy("trackers", func() goja.Value { return c.list(e.Trackers) })
		o.lazy("files", func() goja.Value { return c.list(e.Files) })
		o.variable("label", e.Label)
		o.variable("priority", e.Priority)
		o.variable("engine", e.Engine)
		return o.event(), func() (func(), error) { return changes(o.Object, e) }
	}}
}

var engineName = regexp.MustCompile(`^([a-z0-9][a-z0-9._-]{0,63})?$`)

// maxPriority keeps priorities in a range that can be told apart as a number of SQLite and of JavaScript.
const maxPriority = 1000

// changes reads what the handlers set. It answers what takes it over.
func changes(o *goja.Object, e *hooks.JobSubmitEvent) (func(), error) {
	label, isText := o.Get("label").Export().(string)
	if !isText || len(label) > collections.MaxLabelBytes {
		return nil, fmt.Errorf("label must be text of at most %d bytes", collections.MaxLabelBytes)
	}
	priority, isNumber := o.Get("priority").Export().(int64)
	if !isNumber || priority < -maxPriority || priority > maxPriority {
		return nil, fmt.Errorf("priority must be a whole number from -%d to %d", maxPriority, maxPriority)
	}
	engine, isText := o.Get("engine").Export().(string)
	if !isText || !engineName.MatchString(engine) {
		return nil, fmt.Errorf("engine must be the name of an engine")
	}
	return func() { e.Label, e.Priority, e.Engine = label, priority, engine }, nil
}

func aboutLinks(e *hooks.LinkSignEvent) subject {
	return subject{moment: linkSign, job: e.Job.Id, object: func(c *call) (*goja.Object, func() (func(), error)) {
		o := c.object()
		o.lazy("user", func() goja.Value { return c.user(e.User) })
		o.lazy("job", func() goja.Value { return c.record(e.Job, jobFields) })
		o.lazy("files", func() goja.Value { return c.files(e.Files) })
		return o.event(), nil
	}}
}

func aboutStatus(e *hooks.JobStatusEvent) subject {
	return subject{moment: jobStatus, tag: string(e.To), job: e.Job.Id, object: func(c *call) (*goja.Object, func() (func(), error)) {
		o := c.object()
		o.lazy("job", func() goja.Value { return c.record(e.Job, jobFields) })
		o.lazy("user", func() goja.Value { return c.owner(e.Job) })
		o.field("from", string(e.From))
		o.field("to", string(e.To))
		return o.event(), nil
	}}
}

func aboutFile(e *hooks.FileCompleteEvent) subject {
	return subject{moment: fileComplete, job: e.Job.Id, object: func(c *call) (*goja.Object, func() (func(), error)) {
		o := c.object()
		o.lazy("job", func() goja.Value { return c.record(e.Job, jobFields) })
		o.lazy("user", func() goja.Value { return c.owner(e.Job) })
		o.lazy("file", func() goja.Value { return c.momentFile(e.File) })
		return o.event(), nil
	}}
}

func (c *call) files(files []hooks.MomentFile) goja.Value {
	values := make([]any, len(files))
	for i, f := range files {
		values[i] = c.momentFile(f)
	}
	return c.frozen(c.vm.NewArray(values...))
}

func (c *call) momentFile(f hooks.MomentFile) goja.Value {
	o := c.object()
	o.field("id", f.ID)
	o.field("path", f.Path)
	o.field("size_bytes", f.SizeBytes)
	return c.frozen(o.Object)
}

// user makes the object of a user; null when there is none.
func (c *call) user(user *core.Record) goja.Value {
	if user == nil {
		return goja.Null()
	}
	o := c.fieldsOf(user, userFields)
	o.lazy("plan", func() goja.Value {
		plan, err := hooks.PlanOf(c.s.App, user.Id)
		if err != nil {
			panic(c.error(err))
		}
		return c.vm.ToValue(string(plan.Name))
	})
	return c.frozen(o.Object)
}

// owner makes the object of a job's user; null when the account is gone.
func (c *call) owner(job *core.Record) goja.Value {
	user, err := c.s.App.FindRecordById("users", job.GetString("user_id"))
	if err != nil {
		return goja.Null()
	}
	return c.user(user)
}

// record makes the object of a record's fields.
func (c *call) record(record *core.Record, fields []string) goja.Value {
	return c.frozen(c.fieldsOf(record, fields).Object)
}

func (c *call) fieldsOf(record *core.Record, fields []string) object {
	o := c.object()
	for _, name := range fields {
		o.field(name, valueOf(record, name))
	}
	return o
}

// valueOf answers a column as JSON has it: numbers are whole, times are text.
func valueOf(record *core.Record, name string) any {
	switch record.Collection().Fields.GetByName(name).(type) {
	case *core.NumberField:
		return record.GetInt64(name)
	case *core.BoolField:
		return record.GetBool(name)
	}
	return record.GetString(name)
}
