package api

import (
	"context"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

// checkAnswer fails the test when an answer of a described route is not as openapi.yaml describes it.
func (s *server) checkAnswer(r *http.Request, resp *http.Response, body []byte) {
	s.t.Helper()
	if !strings.HasPrefix(r.URL.Path, prefix+"/") {
		return
	}
	asked := &http.Request{Method: r.Method, URL: r.URL, Header: r.Header}
	route, params, err := s.api.spec.router.FindRoute(asked)
	if err != nil {
		return
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: asked, PathParams: params, Route: route},
		Status:                 resp.StatusCode, Header: resp.Header, Body: io.NopCloser(strings.NewReader(string(body))),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	}
	if err := openapi3filter.ValidateResponse(context.Background(), input); err != nil {
		s.t.Errorf("%s %s answered %d otherwise than described: %v\n%s", r.Method, r.URL.Path, resp.StatusCode, err, body)
	}
	got := answer{resp.StatusCode, resp.Header, body}
	s.seen.note(route.Operation.OperationID, got.status, got.code())
	if got.status >= 400 && !mayAnswer(route.Method, route.Path, route.Operation, got.code()) {
		s.t.Errorf("%s %s answered %q, which is not among its x-failures: %s", r.Method, r.URL.Path, got.code(), body)
	}
}

// mayAnswer says whether a code is described for an operation, by itself or as one of every such operation.
func mayAnswer(method, path string, op *openapi3.Operation, code collections.Code) bool {
	failures, described := failuresOf(op)
	usual := []collections.Code{
		collections.CodeRateLimited, collections.CodeInternal, collections.CodeUnknownHost, collections.CodeInvalidInput, collections.CodeTooLarge,
	}
	if op.Security == nil || len(*op.Security) > 0 {
		usual = append(usual, collections.CodeUnauthorized, collections.CodeForbidden)
	}
	if method != http.MethodGet {
		usual = append(usual, collections.CodeCSRFFailed)
		if strings.HasPrefix(path, "/jobs") || strings.HasPrefix(path, "/files") {
			usual = append(usual, collections.CodeAUPRequired)
		}
	}
	if strings.Contains(path, "{") {
		usual = append(usual, collections.CodeNotFound)
	}
	return !described || slices.Contains(usual, code) || slices.Contains(failures, string(code))
}

func TestSpecIsValid(t *testing.T) {
	spec, err := loadSpec()
	if err != nil {
		t.Fatal(err)
	}
	if err := spec.doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestEveryRouteIsDescribedAndEveryDescriptionHasItsRoute(t *testing.T) {
	spec, err := loadSpec()
	if err != nil {
		t.Fatal(err)
	}
	var described, routed []string
	for path, item := range spec.doc.Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+prefix+path)
		}
	}
	for _, pattern := range patterns(t) {
		if _, path, _ := strings.Cut(pattern, " "); strings.HasPrefix(path, prefix) {
			routed = append(routed, pattern)
		}
	}
	slices.Sort(described)
	slices.Sort(routed)
	if !slices.Equal(described, routed) {
		t.Errorf("described:\n%s\nrouted:\n%s", strings.Join(described, "\n"), strings.Join(routed, "\n"))
	}
}

func TestEveryRouteNamesWhoMayUseIt(t *testing.T) {
	s := newServer(t)
	guest := s.browser()
	for _, rt := range s.api.routes() {
		path := strings.ReplaceAll(rt.path, "{id}", "aaaaaaaaaaaaaaa")
		got := guest.call(rt.method, path, nil)
		if rt.who == anyone && got.status == http.StatusUnauthorized {
			t.Errorf("%s %s refuses guests", rt.method, rt.path)
		}
		if rt.who != anyone && got.code() != collections.CodeUnauthorized {
			t.Errorf("%s %s answers a guest %d: %s", rt.method, rt.path, got.status, got.body)
		}
	}
}

// patterns answers all routes of the mux, PocketBase's too.
func patterns(t *testing.T) []string {
	t.Helper()
	app := hookstest.NewApp(t)
	r, err := apis.NewRouter(app)
	if err != nil {
		t.Fatal(err)
	}
	(&API{Config: Config{}, spec: &spec{}}).mount(r)
	return walk(r.RouterGroup, "")
}

// walk reads the router's children, which PocketBase keeps to itself.
func walk(group *router.RouterGroup[*core.RequestEvent], path string) (out []string) {
	path += group.Prefix
	children := reflect.ValueOf(group).Elem().FieldByName("children")
	for i := range children.Len() {
		child := unsafe.Pointer(children.Index(i).Elem().Pointer())
		if children.Index(i).Elem().Type() == reflect.TypeFor[*router.Route[*core.RequestEvent]]() {
			route := (*router.Route[*core.RequestEvent])(child)
			out = append(out, strings.TrimSpace(route.Method+" "+path+route.Path))
			continue
		}
		out = append(out, walk((*router.RouterGroup[*core.RequestEvent])(child), path)...)
	}
	return out
}
