package script

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dop251/goja"
	"github.com/pocketbase/pocketbase/plugins/jsvm"
)

const (
	maxMessage = 500  // bytes of a refusal that reach the person
	maxLogged  = 4000 // bytes of a line in the log
)

// call is one runtime with one file in it.
type call struct {
	s        *Scripts
	file     *file
	moment   moment // empty when the file is only looked at
	vm       *goja.Runtime
	ctx      context.Context
	leave    context.CancelFunc
	handlers map[moment][]handler
	inside   bool // a handler runs, not the top level of the file
	lines    int  // that were logged
	freeze   goja.Callable
	seal     goja.Callable
}

type handler struct {
	do   goja.Callable
	tags []string
}

// enter makes the globals of a runtime and runs the file's top level, which registers its handlers.
func (s *Scripts) enter(vm *goja.Runtime, f *file, m moment, limit time.Duration) (*call, error) {
	c := &call{s: s, file: f, moment: m, vm: vm, handlers: map[moment][]handler{}}
	c.ctx, c.leave = ending(limit)
	if err := c.makeGlobals(); err != nil {
		return nil, err
	}
	if _, err := vm.RunProgram(f.program); err != nil {
		c.leave()
		return nil, c.thrown(err)
	}
	c.inside = true
	return c, nil
}

func (c *call) makeGlobals() error {
	c.vm.SetFieldNameMapper(jsvm.FieldMapper{})
	object := c.vm.Get("Object").ToObject(c.vm)
	c.freeze, _ = goja.AssertFunction(object.Get("freeze"))
	c.seal, _ = goja.AssertFunction(object.Get("seal"))
	for _, name := range []string{"eval", "Function"} { // their parser recurses without bound
		if err := c.vm.Set(name, goja.Undefined()); err != nil {
			return err
		}
	}
	return c.vm.GlobalObject().SetPrototype(c.vm.NewDynamicObject(&foreign{c}))
}

// register is onJobSubmit and its like.
func (c *call) register(m moment) func(goja.FunctionCall) goja.Value {
	return func(args goja.FunctionCall) goja.Value {
		if c.inside {
			c.throw("%s can be used at the top level of a script only", m)
		}
		do, ok := goja.AssertFunction(args.Argument(0))
		if !ok {
			c.throw("%s takes a function", m)
		}
		h := handler{do: do}
		for _, tag := range args.Arguments[1:] {
			name, isText := tag.Export().(string)
			if !isText || !slices.Contains(moments[m], name) {
				c.throw("%s cannot be narrowed by %s", m, tag)
			}
			h.tags = append(h.tags, name)
		}
		c.handlers[m] = append(c.handlers[m], h)
		return goja.Undefined()
	}
}

// throw throws a TypeError into the script.
func (c *call) throw(format string, args ...any) {
	panic(c.vm.NewTypeError(fmt.Sprintf(format, args...)))
}

// invoke runs a handler. A *router.ApiError is what it threw as a refusal; of anything else that is thrown only the text is kept.
func (c *call) invoke(h handler, event *goja.Object) error {
	result, err := h.do(goja.Undefined(), event)
	if err != nil {
		return c.thrown(err)
	}
	switch v := result.Export().(type) {
	case error:
		return v
	case *goja.Promise:
		return c.settled(v)
	}
	return nil
}

// settled answers how an async handler ended. There is nothing in a runtime that it could wait for.
func (c *call) settled(p *goja.Promise) error {
	switch p.State() {
	case goja.PromiseStateRejected:
		return c.reasonOf(p.Result())
	case goja.PromiseStatePending:
		return errors.New("the handler waits for a promise that nobody keeps")
	}
	return nil
}

// thrown answers the Go error behind what the runtime reports. It must run under the call's limit: making a text of a
// value may run code of the script.
func (c *call) thrown(err error) error {
	if interrupted, ok := errors.AsType[*goja.InterruptedError](err); ok {
		return reason(interrupted)
	}
	if exception, ok := errors.AsType[*goja.Exception](err); ok {
		return withPlace(c.reasonOf(exception.Value()), place(exception.Stack()))
	}
	return err
}

func withPlace(err error, at string) error {
	if at == "" {
		return err
	}
	return fmt.Errorf("%w%s", err, at)
}

func (c *call) reasonOf(value goja.Value) error {
	if value == nil {
		return errors.New("threw nothing")
	}
	if object, ok := value.(*goja.Object); ok {
		if err := goError(object); err != nil {
			return err
		}
	}
	return errors.New("threw " + text(value))
}

// goError answers the error of Go that an object is or, as one that a Go function returned, carries.
func goError(object *goja.Object) error {
	return ofScript(nil, func() error {
		if err, ok := object.Export().(error); ok {
			return err
		}
		if carried := object.Get("value"); carried != nil {
			err, _ := carried.Export().(error)
			return err
		}
		return nil
	})
}

// text shows a value. That may run code of the script, which may throw.
func text(value goja.Value) string {
	return ofScript("something that cannot be shown", func() string { return shortened(value.String(), maxLogged) })
}

// ofScript runs what may run code of the script outside of a handler. When that throws, the answer is instead.
func ofScript[T any](instead T, fn func() T) (answer T) {
	defer func() {
		if p := recover(); p != nil {
			if _, interrupted := p.(*goja.InterruptedError); interrupted {
				panic(p)
			}
			answer = instead
		}
	}()
	return fn()
}

// shortened cuts a text to whole characters.
func shortened(s string, most int) string {
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.ToValidUTF8(s, "")
}
