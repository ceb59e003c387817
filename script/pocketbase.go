package script

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/dop251/goja"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/plugins/jsvm"
	"github.com/pocketbase/pocketbase/tools/hook"
)

const (
	pocketBaseRuntimes = 8
	// hookLimit is for PocketBase's own hooks, of which many run inside a transaction: nobody else writes until they end.
	hookLimit = time.Second
	// routeLimit is for routes that scripts add.
	routeLimit = 30 * time.Second
)

// served is the application for PocketBase's scripts. The data folder was opened before serve could load them, so that they
// hear of the bootstrap when they are loaded.
type served struct {
	core.App
	bootstrap hook.Hook[*core.BootstrapEvent]
}

// OnBootstrap implements core.App.
func (s *served) OnBootstrap() *hook.Hook[*core.BootstrapEvent] { return &s.bootstrap }

// registerPocketBase loads the scripts that use PocketBase's hooks, as PocketBase does. JavaScript migrations are not
// loaded: the schema is Longshore's.
func (s *Scripts) registerPocketBase(sources []source) (err error) {
	defer func() { // PocketBase panics on a script that cannot be run, and names it
		if p := recover(); p != nil {
			err = fmt.Errorf("in %s: %v", s.Dir, p)
		}
	}()
	app := &served{App: s.App}
	err = jsvm.Register(app, jsvm.Config{
		HooksDir: s.Dir, HooksFilesPattern: patternOf(sources), HooksPoolSize: pocketBaseRuntimes,
		MigrationsDir: s.Dir, MigrationsFilesPattern: noFile, TypesDir: s.App.DataDir(), OnInit: s.initPocketBase,
	})
	if err != nil {
		return err
	}
	return app.bootstrap.Trigger(&core.BootstrapEvent{App: s.App})
}

// noFile is a pattern that no name matches.
const noFile = `[^\s\S]`

// patternOf answers a pattern for the names of exactly those scripts that PocketBase loads.
func patternOf(sources []source) string {
	var names []string
	for _, src := range sources {
		if src.isPocketBases() {
			names = append(names, regexp.QuoteMeta(src.name))
		}
	}
	if len(names) == 0 {
		return noFile
	}
	return "^(?:" + strings.Join(names, "|") + ")$"
}

// initPocketBase adds to a runtime of PocketBase's what is ours. Moments are not heard there. $longshore has only what
// can be used inside a transaction.
func (s *Scripts) initPocketBase(vm *goja.Runtime) {
	for m := range moments {
		_ = vm.Set(string(m), func(goja.FunctionCall) goja.Value { return goja.Undefined() })
	}
	c := &call{s: s, file: &file{name: "of PocketBase's hooks"}, vm: vm, inside: true}
	object := vm.Get("Object").ToObject(vm)
	c.freeze, _ = goja.AssertFunction(object.Get("freeze"))
	longshore := vm.NewObject()
	_ = longshore.Set("find", c.find)
	_ = longshore.Set("notify", c.notify)
	_ = vm.Set("$longshore", longshore)
	limitHandlers(vm)
}

// limitHandlers bounds the handlers of a runtime of PocketBase's. It rests on an inner name: jsvm sets the global __args
// before a handler and makes it undefined after it.
func limitHandlers(vm *goja.Runtime) {
	limiter := &limiter{vm: vm, args: goja.Undefined()}
	_ = vm.GlobalObject().DefineAccessorProperty("__args", vm.ToValue(limiter.get), vm.ToValue(limiter.set), goja.FLAG_TRUE, goja.FLAG_FALSE)
}

// limiter interrupts a runtime whose handler takes too long.
type limiter struct {
	vm   *goja.Runtime
	args goja.Value

	mu    sync.Mutex
	calls int // begun or ended: a timer that comes late must not hit the next handler
}

func (l *limiter) get(goja.FunctionCall) goja.Value { return l.args }

func (l *limiter) set(call goja.FunctionCall) goja.Value {
	l.args = call.Argument(0)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	l.vm.ClearInterrupt()
	if !goja.IsUndefined(l.args) {
		mine, limit := l.calls, limitOf(l.args)
		time.AfterFunc(limit, func() { l.interrupt(mine, limit) })
	}
	return goja.Undefined()
}

func (l *limiter) interrupt(call int, limit time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.calls == call {
		l.vm.Interrupt(fmt.Errorf("%w: its limit is %s", errExceeded, limit))
	}
}

func limitOf(args goja.Value) time.Duration {
	list, _ := args.Export().([]any)
	if len(list) == 1 {
		if _, route := list[0].(*core.RequestEvent); route {
			return routeLimit
		}
	}
	return hookLimit
}
