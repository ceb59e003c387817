package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/longshore-project/longshore/collections"
)

// operation is one line of the table of routes with its description.
type operation struct {
	route
	*openapi3.Operation
	json *openapi3.Schema // of the body; nil when it takes none
}

// badRequest is what an operation must refuse.
type badRequest struct {
	name   string
	by     *browser
	path   string
	body   any // as browser.call takes it
	change []func(*http.Request)
	want   collections.Code
}

// describedRoutes answers every route that is described, with its description.
func (h *harbour) describedRoutes() []operation {
	var all []operation
	for _, rt := range h.api.routes() {
		op := h.api.spec.doc.Paths.Value(rt.path).GetOperation(rt.method)
		described := operation{route: rt, Operation: op}
		if op.RequestBody != nil {
			described.json = op.RequestBody.Value.Content["application/json"].Schema.Value
		}
		all = append(all, described)
	}
	return all
}

// good answers a request that the description accepts, by somebody who may make it, for a thing that is there.
func (h *harbour) good(op operation) badRequest {
	r := badRequest{by: h.caller(op), path: h.pathOf(op, h.mine(op))}
	if op.json != nil {
		r.body = sample(h.t, op.json)
	}
	return r
}

func TestBadInputIsRefusedWithoutEffect(t *testing.T) {
	h := newHarbour(t)
	before := h.version()
	h.ann.call("PATCH", "/jobs/"+h.annHas["/jobs/"], map[string]string{"label": "seen"})
	if h.version() == before {
		t.Fatal("a commit is not seen")
	}
	tried := 0
	for _, op := range h.describedRoutes() {
		t.Run(op.method+" "+op.path, func(t *testing.T) {
			h.t = t
			for _, bad := range [][]badRequest{h.badBodies(op), h.badQueries(op), h.badPaths(op), h.badCallers(op)} {
				for _, r := range bad {
					tried++
					h.refused(op, r)
				}
			}
		})
	}
	if tried < 2000 {
		t.Errorf("only %d requests were made", tried)
	}
}

// refused makes the request and wants its code, no commit, and nothing of bob's in the answer.
func (h *harbour) refused(op operation, r badRequest) {
	h.t.Helper()
	before := h.version()
	got := r.by.call(op.method, r.path, r.body, r.change...)
	if got.status != r.want.HTTPStatus() || got.code() != r.want {
		h.t.Errorf("%s: %s answered %d %.300s instead of %s", r.name, r.path, got.status, got.body, r.want)
	}
	if strings.Contains(string(got.body), canary) {
		h.t.Errorf("%s: the answer tells of somebody else: %s", r.name, got.body)
	}
	if h.version() != before {
		h.t.Errorf("%s: something was written", r.name)
	}
}

func (h *harbour) badBodies(op operation) (all []badRequest) {
	good := h.good(op)
	bad := func(name string, want collections.Code, body any, change ...func(*http.Request)) {
		all = append(all, badRequest{name, good.by, good.path, body, change, want})
	}
	bad("a body that is too large", collections.CodeTooLarge, strings.Repeat(" ", int(op.limit)+1))
	if op.json == nil {
		return all
	}
	for _, v := range variants(op.json, good.body) {
		bad(v.name, collections.CodeInvalidInput, v.body)
	}
	encoded, err := json.Marshal(good.body)
	if err != nil {
		h.t.Fatal(err)
	}
	text := string(encoded)
	for name, body := range map[string]string{
		"an array": "[]", "a text": `"x"`, "a number": "7", "null": "null", "half of it": text[:len(text)/2], "more behind it": text + text, "no JSON": "x=1&y=2",
		"deep arrays": strings.Repeat("[", 50_000), "deep objects": strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000),
		"a deep member":          `{"no_such_member":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + "}",
		"a member twice":         strings.Replace(text, "{", `{`+firstMember(text)+",", 1),
		"bytes that are no text": strings.Replace(text, `"`, "\"\xff", 1), "UTF-16": "\xff\xfe{\x00}\x00", "a lone surrogate": `{"no_such_member":"\ud800"}`,
	} {
		bad(name, collections.CodeInvalidInput, body)
	}
	if op.RequestBody.Value.Required {
		bad("no body", collections.CodeInvalidInput, nil)
		bad("an empty body", collections.CodeInvalidInput, "")
	}
	for _, contentType := range []string{"text/plain", "application/xml", "application/x-www-form-urlencoded", "application/octet-stream", "nonsense", "multipart/form-data"} {
		bad("a body of the type "+contentType, collections.CodeInvalidInput, text, header("Content-Type", contentType))
	}
	bad("a body without a type", collections.CodeInvalidInput, text, func(r *http.Request) { r.Header.Del("Content-Type") })
	return all
}

// firstMember answers the first member of a JSON object.
func firstMember(object string) string {
	var members map[string]json.RawMessage
	_ = json.Unmarshal([]byte(object), &members)
	for name, v := range members {
		return fmt.Sprintf("%q:%s", name, v)
	}
	return `"a":1,"a":1`
}

func (h *harbour) badQueries(op operation) (all []badRequest) {
	good := h.good(op)
	bad := func(name, query string) {
		all = append(all, badRequest{name, good.by, good.path + "?" + query, good.body, nil, collections.CodeInvalidInput})
	}
	bad("an unknown parameter", "no_such_parameter=1")
	bad("an unknown parameter of bytes that are no text", "%ff=1")
	for _, p := range op.Parameters {
		if p.Value.In != "query" {
			continue
		}
		name, s := p.Value.Name, p.Value.Schema.Value
		if s.MaxLength != nil {
			bad(name+" is long", name+"="+strings.Repeat("x", int(*s.MaxLength)+1))
		}
		if !s.Type.Is("string") || len(s.Enum) > 0 || s.Format != "" || s.Pattern != "" {
			for _, v := range []string{"no such value", "-1", "1.5", "99999999999999999999", "'; DROP TABLE jobs; --"} {
				bad(name+" is wrong", name+"="+url.QueryEscape(v))
			}
		}
		bad(name+" is no text", name+"=%ff")
	}
	return all
}

func (h *harbour) badPaths(op operation) (all []badRequest) {
	if !strings.Contains(op.path, "{") {
		return nil
	}
	good := h.good(op)
	bad := func(name, id string, want collections.Code) {
		all = append(all, badRequest{name, good.by, h.pathOf(op, id), good.body, nil, want})
	}
	bad("an id that nothing has", strings.Repeat("z", 15), collections.CodeNotFound)
	bad("an id of bytes that are no text", "%ff%fe", collections.CodeInvalidInput)
	bad("an id that is long", strings.Repeat("x", 300), collections.CodeInvalidInput)
	if theirs := h.theirs(op); theirs != "" {
		bad("the id of somebody else's", theirs, collections.CodeNotFound)
	}
	return all
}

func (h *harbour) badCallers(op operation) (all []badRequest) {
	good := h.good(op)
	bad := func(name string, by *browser, want collections.Code, change ...func(*http.Request)) {
		all = append(all, badRequest{name, by, good.path, good.body, change, want})
	}
	if op.who == anyone {
		return nil
	}
	bad("nobody", h.guest, collections.CodeUnauthorized)
	bad("an expired session", h.late, collections.CodeUnauthorized)
	bad("a session that never was", h.guest, collections.CodeUnauthorized, header("Cookie", "longshore="+strings.Repeat("A", 43)))
	bad("an API key that never was", h.guest, collections.CodeUnauthorized, header("Authorization", newKey()))
	if !isSafe(op.method) {
		bad("no CSRF token", good.by, collections.CodeCSRFFailed, header("X-CSRF-Token", ""))
		bad("the CSRF token of another session", good.by, collections.CodeCSRFFailed, header("X-CSRF-Token", h.bob.csrf))
	}
	if scopeOf(op.route) != collections.ScopeRead || op.who == person {
		bad("an API key for reading", h.reader, collections.CodeForbidden)
	}
	if op.who == admin {
		bad("a user", h.ann, collections.CodeForbidden)
		bad("a user's API key", h.writer, collections.CodeForbidden)
	}
	return all
}
