package script

import (
	"errors"
	"fmt"
	"slices"

	"github.com/dop251/goja"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// longshore makes $longshore.
func (c *call) longshore() goja.Value {
	o := c.vm.NewObject()
	for name, do := range map[string]func(goja.FunctionCall) goja.Value{
		"find": c.find, "notify": c.notify, "submit": c.acting(c.submit), "cancel": c.acting(c.cancel),
	} {
		_ = o.Set(name, func(args goja.FunctionCall) goja.Value {
			if !c.inside {
				c.throw("$longshore.%s can be used in a handler only", name)
			}
			return do(args)
		})
	}
	return o
}

// acting keeps what changes jobs out of the moments that only decide: a submit would ask the script that calls it.
func (c *call) acting(do func(goja.FunctionCall) goja.Value) func(goja.FunctionCall) goja.Value {
	return func(args goja.FunctionCall) goja.Value {
		if c.moment == jobSubmit || c.moment == linkSign {
			c.throw("%s only decides: jobs are submitted and cancelled in onJobStatus and onFileComplete", c.moment)
		}
		return do(args)
	}
}

// submit is $longshore.submit({magnet, user, label, engine, priority, selection}).
func (c *call) submit(args goja.FunctionCall) goja.Value {
	in, user := c.submission(args.Argument(0))
	ctx := hooks.WithActor(c.ctx, c.actor("job.create"))
	job, err := c.s.Submit(ctx, user, in)
	if err != nil {
		panic(c.error(err))
	}
	return c.record(job, jobFields)
}

// cancel is $longshore.cancel(id).
func (c *call) cancel(args goja.FunctionCall) goja.Value {
	id := c.textOf("id", args.Argument(0))
	ctx := hooks.WithActor(c.ctx, c.actor("job.cancel"))
	job, err := hooks.Cancel(ctx, c.s.App, id)
	if err != nil {
		panic(c.error(err))
	}
	return c.record(job, jobFields)
}

// actor is who acts for a script: the system, in a request named after the script.
func (c *call) actor(action string) hooks.Actor {
	return hooks.Actor{Kind: hooks.ActorSystem, Action: action, RequestID: "script:" + shortened(c.file.name, 100)}
}

func (c *call) submission(arg goja.Value) (hooks.Submission, *core.Record) {
	fields := c.fields("submit", arg, "magnet", "user", "label", "engine", "priority", "selection")
	in := hooks.Submission{Magnet: c.textOf("magnet", fields["magnet"])}
	if v, given := fields["label"]; given {
		in.Label = c.textOf("label", v)
	}
	if v, given := fields["engine"]; given {
		in.Engine = c.textOf("engine", v)
	}
	if v, given := fields["priority"]; given {
		in.Priority = c.wholeOf("priority", v)
	}
	if v, given := fields["selection"]; given {
		if err := c.vm.ExportTo(v, &in.Selection); err != nil {
			c.throw("selection must be a list of whole numbers")
		}
	}
	return in, c.findUser(c.textOf("user", fields["user"]))
}

// findUser answers the user with this id or e-mail address.
func (c *call) findUser(name string) *core.Record {
	user, err := c.s.App.FindRecordById("users", name)
	if err != nil {
		user, err = c.s.App.FindAuthRecordByEmail("users", name)
	}
	if err != nil {
		c.throw("there is no user %q", shortened(name, 100))
	}
	return user
}

// fields answers the own fields of an object, of which only the known ones are allowed.
func (c *call) fields(what string, arg goja.Value, known ...string) map[string]goja.Value {
	o, ok := arg.(*goja.Object)
	if !ok {
		c.throw("%s takes an object", what)
	}
	fields := map[string]goja.Value{}
	for _, name := range o.Keys() {
		if !slices.Contains(known, name) {
			c.throw("%s knows no %q", what, name)
		}
		if v := o.Get(name); !goja.IsUndefined(v) && !goja.IsNull(v) {
			fields[name] = v
		}
	}
	return fields
}

func (c *call) textOf(name string, v goja.Value) string {
	if v != nil {
		if s, ok := v.Export().(string); ok {
			return s
		}
	}
	c.throw("%s must be text", name)
	return ""
}

func (c *call) wholeOf(name string, v goja.Value) int64 {
	n, ok := v.Export().(int64)
	if !ok {
		c.throw("%s must be a whole number", name)
	}
	return n
}

// error makes an Error of the runtime, with code and data of ours.
func (c *call) error(err error) goja.Value {
	made, newErr := c.vm.New(c.vm.Get("Error"), c.vm.ToValue(err.Error()))
	if newErr != nil {
		panic(newErr)
	}
	code := collections.CodeOf(err)
	_ = made.Set("code", string(code))
	if coded, ok := errors.AsType[*collections.Error](err); ok && coded.Data != nil {
		_ = made.Set("data", coded.Data)
	}
	return made
}

// jsonOf answers the JSON text of a value, by the runtime itself: it knows rings and toJSON.
func (c *call) jsonOf(v goja.Value) ([]byte, error) {
	stringify, ok := goja.AssertFunction(c.vm.Get("JSON").ToObject(c.vm).Get("stringify"))
	if !ok {
		return nil, errors.New("JSON.stringify is gone")
	}
	made, err := stringify(goja.Undefined(), v)
	if err != nil {
		return nil, err
	}
	s, ok := made.Export().(string)
	if !ok {
		return nil, fmt.Errorf("it is no JSON value")
	}
	return []byte(s), nil
}
