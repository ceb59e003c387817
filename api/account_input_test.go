package api

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

// accountInput is what each route of an account takes.
var accountInput = []struct {
	method, path string
	good         map[string]any
	signedIn     bool
}{
	{"POST", "/auth/register", map[string]any{"email": "new@example.com", "password": newPassword}, false},
	{"POST", "/auth/verify-email/confirm", map[string]any{"token": "x"}, false},
	{"POST", "/auth/reset", map[string]any{"email": "ann@example.com"}, false},
	{"POST", "/auth/reset/confirm", map[string]any{"token": "x", "password": newPassword}, false},
	{"POST", "/auth/password", map[string]any{"current_password": hookstest.Password, "new_password": newPassword}, true},
	{"POST", "/auth/email", map[string]any{"password": hookstest.Password, "email": "new@example.com"}, true},
	{"PATCH", "/auth/account", map[string]any{"mails_off": true}, true},
	{"DELETE", "/auth/account", map[string]any{"password": hookstest.Password}, true},
}

func TestBadInputOfAccountRoutes(t *testing.T) {
	s := newServer(t, withRegistration(collections.RegistrationOpen))
	b := s.signedIn("ann@example.com")
	for _, route := range accountInput {
		caller := s.browser()
		if route.signedIn {
			caller = b
		}
		refuse := func(name string, body any, status int, code collections.Code) {
			t.Run(route.method+" "+route.path+" with "+name, func(t *testing.T) {
				caller.call(route.method, route.path, body).want(t, status, code)
			})
		}
		refuse("no body", nil, 400, collections.CodeInvalidInput)
		refuse("no JSON", `{"email": `, 400, collections.CodeInvalidInput)
		refuse("a list", `[]`, 400, collections.CodeInvalidInput)
		refuse("a form", newForm("email", "ann@example.com"), 400, collections.CodeInvalidInput)
		refuse("a field too many", altered(route.good, "role", "admin"), 400, collections.CodeInvalidInput)
		refuse("an oversized body", altered(route.good, "email", strings.Repeat("a", collections.MaxJSONBytes)), 413, collections.CodeTooLarge)
		for field := range route.good {
			refuse(field+" missing", altered(route.good, field, nil), 400, collections.CodeInvalidInput)
			for kind, value := range map[string]any{"a number": 7, "null": []any(nil), "an object": map[string]any{}, "a list": []string{"x"}, "empty": "", "too long": strings.Repeat("x", 300)} {
				refuse(field+" "+kind, altered(route.good, field, value), 400, collections.CodeInvalidInput)
			}
			encoded, err := json.Marshal(altered(route.good, field, "HERE"))
			if err != nil {
				t.Fatal(err)
			}
			for kind, text := range map[string]string{"half of a surrogate pair": `\ud800`, "no UTF-8": "\xff", "there twice": `", "` + field + `": "`} {
				refuse(field+" "+kind, strings.Replace(string(encoded), "HERE", text, 1), 400, collections.CodeInvalidInput)
			}
		}
		if _, has := route.good["email"]; !has {
			continue
		}
		for _, email := range []string{"ann", "ann@", "@example.com", "Ann <ann@example.com>", "ann@example.com, bob@example.com", "ann@example.com\r\nBcc: eve@example.com", "ann@exa mple.com", "ann@example.com\x00",
			"ann@localhost", "ann@[127.0.0.1]", "ann\u200b@example.com", "ann\u202e@example.com", "ann@example.com\u2066", "ann\u00ad@example.com"} {
			refuse("the address "+email, altered(route.good, "email", email), 400, collections.CodeInvalidInput)
		}
	}
	if s.count("users", nil) != 1 || s.count("mails", nil) != 0 || s.tryLogin("ann@example.com", hookstest.Password) != 200 {
		t.Error("something was done")
	}
}

// altered answers a copy of body with another value of a field; nil takes it out.
func altered(body map[string]any, field string, value any) map[string]any {
	out := map[string]any{}
	for name, v := range body {
		out[name] = v
	}
	if out[field] = value; value == nil {
		delete(out, field)
	}
	return out
}

func TestAccountRoutesAreForTheRightPeople(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	key := header("Authorization", b.apiKey())
	for _, route := range append(accountInput, struct {
		method, path string
		good         map[string]any
		signedIn     bool
	}{"POST", "/auth/verify-email", nil, true}) {
		if !route.signedIn {
			continue
		}
		var body any
		if route.good != nil {
			body = route.good
		}
		s.browser().call(route.method, route.path, body).want(t, 401, collections.CodeUnauthorized)
		s.browser().call(route.method, route.path, body, key).want(t, 403, collections.CodeForbidden)
		b.call(route.method, route.path, body, header("X-CSRF-Token", "x")).want(t, 403, collections.CodeCSRFFailed)
		b.call(route.method, route.path, body, header("Origin", "https://evil.example")).want(t, 403, collections.CodeCSRFFailed)
	}
	if got := b.call("GET", "/auth/session", nil); got.status != 200 || s.count("mails", nil) != 0 {
		t.Error("something was done")
	}
}
