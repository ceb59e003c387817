package script

import (
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/dop251/goja"
	"github.com/dop251/goja_nodejs/buffer"
	"github.com/dop251/goja_nodejs/process"
	"github.com/dop251/goja_nodejs/require"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/plugins/jsvm"
	"github.com/pocketbase/pocketbase/tools/template"
)

// foreign is what stands behind the globals of a runtime: what PocketBase offers to its scripts, and ours, made when it
// is first used. Making all of it for each call would take longer than most calls.
type foreign struct{ c *call }

// Get implements goja.DynamicObject.
func (f *foreign) Get(name string) goja.Value {
	vm := f.c.vm
	if value := f.c.own(name); value != nil {
		_ = vm.Set(name, value)
		return value
	}
	make, known := offers()[name]
	if !known {
		return nil
	}
	make(vm)
	return vm.Get(name)
}

// ours are our globals beside the moments.
var ours = []string{"console", "$longshore", "$app", "__hooks"}

// own makes a global of ours; nil when there is none of that name.
func (c *call) own(name string) goja.Value {
	switch name {
	case "console":
		return c.console()
	case "$longshore":
		return c.longshore()
	case "$app":
		return c.vm.ToValue(c.s.App)
	case "__hooks":
		return c.vm.ToValue(c.s.Dir)
	}
	if _, known := moments[moment(name)]; known {
		return c.vm.ToValue(c.register(moment(name)))
	}
	return nil
}

// Has implements goja.DynamicObject.
func (f *foreign) Has(name string) bool {
	_, heard := moments[moment(name)]
	return heard || slices.Contains(ours, name) || offers()[name] != nil
}

// Set implements goja.DynamicObject: a new global is no property of it.
func (f *foreign) Set(string, goja.Value) bool { return false }

// Delete implements goja.DynamicObject.
func (f *foreign) Delete(string) bool { return false }

// Keys implements goja.DynamicObject.
func (f *foreign) Keys() []string { return nil }

var (
	modules   = new(require.Registry)
	templates = template.NewRegistry()
)

// offers answers what makes each global that PocketBase offers.
var offers = sync.OnceValue(func() map[string]func(*goja.Runtime) {
	made := map[string]func(*goja.Runtime){
		"require":   func(vm *goja.Runtime) { modules.Enable(vm) },
		"process":   func(vm *goja.Runtime) { modules.Enable(vm); process.Enable(vm) },
		"Buffer":    func(vm *goja.Runtime) { modules.Enable(vm); buffer.Enable(vm) },
		"$template": func(vm *goja.Runtime) { _ = vm.Set("$template", templates) },
	}
	for _, name := range notHeard() {
		made[name] = func(vm *goja.Runtime) {
			_ = vm.Set(name, func(goja.FunctionCall) goja.Value { return goja.Undefined() })
		}
	}
	for _, bind := range []func(*goja.Runtime){
		jsvm.BindCore, jsvm.BindDbx, jsvm.BindSecurity, jsvm.BindOS, jsvm.BindFilepath, jsvm.BindHTTP, jsvm.BindFilesystem,
		jsvm.BindForms, jsvm.BindMails, jsvm.BindApis,
	} {
		vm := goja.New()
		bind(vm)
		for _, name := range vm.GlobalObject().Keys() {
			if _, twice := made[name]; !twice {
				made[name] = bind
			}
		}
	}
	return made
})

// notHeard lists the functions that register what PocketBase runs. Here they do nothing: PocketBase has read the file
// as well.
func notHeard() []string {
	names := []string{"cronAdd", "cronRemove", "routerAdd", "routerUse"}
	app := reflect.TypeFor[core.App]()
	for method := range app.Methods() {
		if strings.HasPrefix(method.Name, "On") {
			names = append(names, jsvm.FieldMapper{}.MethodName(app, method))
		}
	}
	return names
}
