package script

import "github.com/dop251/goja"

// object is an object of a runtime that is being made.
type object struct {
	*goja.Object
	c *call
}

func (c *call) object() object { return object{c.vm.NewObject(), c} }

// field sets what a script can read only.
func (o object) field(name string, value any) {
	_ = o.DefineDataProperty(name, o.c.vm.ToValue(value), goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_TRUE)
}

// variable sets what a script may change.
func (o object) variable(name string, value any) {
	_ = o.DefineDataProperty(name, o.c.vm.ToValue(value), goja.FLAG_TRUE, goja.FLAG_FALSE, goja.FLAG_TRUE)
}

// lazy sets what is made when it is first read, and can be read only.
func (o object) lazy(name string, make func() goja.Value) {
	var value goja.Value
	get := o.c.vm.ToValue(func(goja.FunctionCall) goja.Value {
		if value == nil {
			value = make()
		}
		return value
	})
	_ = o.DefineAccessorProperty(name, get, nil, goja.FLAG_FALSE, goja.FLAG_TRUE)
}

// event completes the object: it gets next(), which does nothing because every handler is heard, and no other fields, so
// that a misspelt one throws.
func (o object) event() *goja.Object {
	o.field("next", func(goja.FunctionCall) goja.Value { return goja.Undefined() })
	if _, err := o.c.seal(goja.Undefined(), o.Object); err != nil {
		panic(err)
	}
	return o.Object
}

// frozen makes an object one that cannot be changed.
func (c *call) frozen(o *goja.Object) goja.Value {
	if _, err := c.freeze(goja.Undefined(), o); err != nil {
		panic(err)
	}
	return o
}

func (c *call) list(words []string) goja.Value {
	values := make([]any, len(words))
	for i, word := range words {
		values[i] = word
	}
	return c.frozen(c.vm.NewArray(values...))
}
