package script

import (
	"reflect"
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

// foreign is what stands behind the globals of a runtime: what PocketBase offers to its scripts, made when it is
// first used. Making all of it for each call would take longer than most calls.
type foreign struct{ vm *goja.Runtime }

// Get implements goja.DynamicObject.
func (f *foreign) Get(name string) goja.Value {
	if notHeard()[name] {
		return f.vm.ToValue(func(goja.FunctionCall) goja.Value { return goja.Undefined() })
	}
	make, known := offers()[name]
	if !known {
		return nil
	}
	make(f.vm)
	return f.vm.Get(name)
}

// Has implements goja.DynamicObject.
func (f *foreign) Has(name string) bool {
	_, known := offers()[name]
	return known || notHeard()[name]
}

// Set implements goja.DynamicObject: a new global is no property of it.
func (f *foreign) Set(string, goja.Value) bool { return false }

// Delete implements goja.DynamicObject.
func (f *foreign) Delete(string) bool { return false }

// Keys implements goja.DynamicObject.
func (f *foreign) Keys() []string { return nil }

// notHeard answers the names of the functions that register what PocketBase runs. Here they do nothing: PocketBase
// has read the file as well.
var notHeard = sync.OnceValue(func() map[string]bool {
	names := map[string]bool{"cronAdd": true, "cronRemove": true, "routerAdd": true, "routerUse": true, "migrate": true}
	app := reflect.TypeFor[core.App]()
	for method := range app.Methods() {
		if strings.HasPrefix(method.Name, "On") {
			names[jsvm.FieldMapper{}.MethodName(app, method)] = true
		}
	}
	return names
})

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
