package api

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// sample answers a value that a schema of openapi.yaml accepts, with all its properties.
func sample(t *testing.T, s *openapi3.Schema) any {
	t.Helper()
	v := sampleOf(s)
	if err := s.VisitJSON(v); err != nil {
		t.Fatalf("the sample %v is refused: %v", v, err)
	}
	return v
}

func sampleOf(s *openapi3.Schema) any {
	switch {
	case len(s.Enum) > 0:
		return s.Enum[0]
	case len(s.OneOf) > 0:
		return sampleOf(s.OneOf[0].Value)
	case len(s.AllOf) > 0:
		return sampleOf(s.AllOf[0].Value)
	case s.Type.Is("object"):
		object := map[string]any{}
		for name, property := range s.Properties {
			object[name] = sampleOf(property.Value)
		}
		return object
	case s.Type.Is("array"):
		return slices.Repeat([]any{sampleOf(s.Items.Value)}, max(1, int(s.MinItems)))
	case s.Type.Is("boolean"):
		return true
	case s.Type.Is("integer"):
		if s.Min != nil {
			return *s.Min
		}
		return float64(1)
	}
	return sampleString(s)
}

func sampleString(s *openapi3.Schema) string {
	switch {
	case s.Format == "date-time":
		return "2099-01-02T03:04:05.000Z"
	case s.Example != nil:
		return s.Example.(string)
	case strings.Contains(s.Pattern, "{15}"):
		return strings.Repeat("z", 15)
	}
	return strings.Repeat("x", int(s.MinLength))
}

// wrongFor answers values that a schema refuses: of other types and beyond its limits.
func wrongFor(s *openapi3.Schema) []any {
	wrong := map[string]any{
		"a number": 7.5, "a boolean": true, "an object": map[string]any{}, "an array": []any{map[string]any{}}, "a text": "\u2603 no such value", "null": nil,
		"a long text": strings.Repeat("x", 100_000), "a large number": 1e300, "a negative number": -1e9, "an empty text": "", "an empty array": []any{},
	}
	var values []any
	for _, name := range slices.Sorted(maps.Keys(wrong)) {
		if s.VisitJSON(wrong[name]) != nil {
			values = append(values, wrong[name])
		}
	}
	return values
}

// variant is a body that is wrong in one way.
type variant struct {
	name string
	body any
}

// variants answers bodies with one wrong, missing or unknown member, at every level of a schema.
func variants(s *openapi3.Schema, good any) (all []variant) {
	object, is := good.(map[string]any)
	if !is {
		return nil
	}
	with := func(name string, v any) map[string]any {
		changed := maps.Clone(object)
		changed[name] = v
		return changed
	}
	all = append(all, variant{"an unknown member", with("no_such_member", 1)})
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		property := s.Properties[name].Value
		for _, v := range wrongFor(property) {
			all = append(all, variant{name + " is wrong", with(name, v)})
		}
		for _, inner := range variants(property, object[name]) {
			all = append(all, variant{name + ": " + inner.name, with(name, inner.body)})
		}
		if slices.Contains(s.Required, name) {
			missing := maps.Clone(object)
			delete(missing, name)
			all = append(all, variant{name + " is missing", missing})
		}
	}
	return all
}
