package api

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/longshore-project/longshore/collections"
)

//go:embed openapi.yaml
var openAPI []byte

// spec is the description of the routes, which requests are held to.
type spec struct {
	doc    *openapi3.T
	json   []byte
	router routers.Router
}

// loadSpec reads the description that is built in. It is never changed.
var loadSpec = sync.OnceValues(func() (*spec, error) {
	doc, err := openapi3.NewLoader().LoadFromData(openAPI)
	if err != nil {
		return nil, err
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		return nil, err
	}
	encoded, err := doc.MarshalJSON()
	return &spec{doc: doc, json: encoded, router: router}, err
})

func (a *API) openapi(e *core.RequestEvent) error {
	return e.Blob(http.StatusOK, "application/json", a.spec.json)
}

// validate refuses what openapi.yaml does not describe. Forms are read and judged by their own handler, as a stream.
func (a *API) validate() *hook.Handler[*core.RequestEvent] {
	return &hook.Handler[*core.RequestEvent]{
		Id:       "longshoreValidate",
		Priority: apis.DefaultBodyLimitMiddlewarePriority + 2,
		Func: func(e *core.RequestEvent) error {
			if err := a.spec.check(e.Request); err != nil {
				return err
			}
			return e.Next()
		},
	}
}

func (s *spec) check(r *http.Request) error {
	route, params, err := s.router.FindRoute(r)
	if err != nil {
		return collections.Errorf(collections.CodeNotFound, "There is nothing here.")
	}
	if err := errorsOf(
		func() error { return checkQuery(route.Operation, r) },
		func() error { return checkText(r) },
	); err != nil {
		return err
	}
	err = openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params, Route: route,
		Options: &openapi3filter.Options{
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, MultiError: true, SkipSettingDefaults: true,
			ExcludeRequestBody: isForm(r) && takesForms(route.Operation),
		},
	})
	return asInvalidRequest(err)
}

// readBody reads a JSON body that was validated. Its reader is stricter than the validator: it takes no name twice, no
// half of a surrogate pair and no bytes that are not UTF-8. Its errors quote the body, hence are not passed on.
func readBody(e *core.RequestEvent, into any) error {
	if err := e.BindBody(into); err != nil {
		return invalid("body", "The body is no JSON in UTF-8 that has each name once.")
	}
	return nil
}

func isForm(r *http.Request) bool {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && media == "multipart/form-data"
}

func takesForms(op *openapi3.Operation) bool {
	return op.RequestBody != nil && op.RequestBody.Value.Content["multipart/form-data"] != nil
}

// checkQuery refuses of an address what the description does not know: the library lets it pass.
func checkQuery(op *openapi3.Operation, r *http.Request) error {
	if !utf8.ValidString(r.URL.Path) {
		return invalid("path", "The path is no text in UTF-8.")
	}
	for name, values := range r.URL.Query() {
		known := slices.ContainsFunc(op.Parameters, func(p *openapi3.ParameterRef) bool { return p.Value.In == "query" && p.Value.Name == name })
		if !known {
			return invalid(toValid(name), fmt.Sprintf("There is no parameter %q here.", toValid(name)))
		}
		if !utf8.ValidString(strings.Join(values, "")) {
			return invalid(name, "This is no text in UTF-8.")
		}
	}
	return nil
}

// checkText refuses a body of JSON that is none as a whole (RFC 8259, 8.1): readers take what is wrong in it for a
// replacement character, and do not look behind the first value. It is read before anything is built of it.
func checkText(r *http.Request) error {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" || r.Body == nil {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if len(body) > 0 && !(utf8.Valid(body) && json.Valid(body)) {
		return invalid("body", "This is no JSON in UTF-8.")
	}
	return nil
}

// asInvalidRequest names every field that is wrong.
func asInvalidRequest(err error) error {
	if err == nil {
		return nil
	}
	if large, ok := errors.AsType[*router.ApiError](err); ok {
		return large
	}
	fields := map[string]any{}
	collect(err, fields)
	return &collections.Error{Code: collections.CodeInvalidInput, Message: sentence(fields), Data: fields, Cause: err}
}

// collect walks a tree of errors: those of one body are a MultiError inside a RequestError.
func collect(err error, fields map[string]any) {
	switch e := err.(type) { //nolint:errorlint // the tree is walked, not searched
	case openapi3.MultiError:
		for _, err := range e {
			collect(err, fields)
		}
	case *openapi3filter.RequestError:
		collectRequest(e, fields)
	case *openapi3.SchemaError:
		fields[strings.Join(e.JSONPointer(), ".")] = e.Reason
	default:
		fields["body"] = err.Error()
	}
}

func collectRequest(e *openapi3filter.RequestError, fields map[string]any) {
	if e.Parameter != nil {
		fields[e.Parameter.Name] = reason(e)
		return
	}
	if e.Err == nil {
		fields["body"] = e.Reason
		return
	}
	collect(e.Err, fields)
}

func reason(e *openapi3filter.RequestError) string {
	if schema, ok := errors.AsType[*openapi3.SchemaError](e.Err); ok {
		return schema.Reason
	}
	if e.Err != nil {
		return e.Err.Error()
	}
	return e.Reason
}

func sentence(fields map[string]any) string {
	var parts []string
	for name, why := range fields {
		if name == "" {
			name = "body"
		}
		parts = append(parts, fmt.Sprintf("%s: %s", name, why))
	}
	slices.Sort(parts)
	return "The request is not as described: " + strings.Join(parts, "; ") + "."
}
