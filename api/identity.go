package api

import (
	"crypto/subtle"
	"net/http"
	"strings"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/progress"
)

// who may use a route.
type who int

const (
	anyone who = iota
	user       // of the users collection, by session or API key; superusers have the dashboard
	person     // a user in a browser: no API key may change the account
	admin      // a user with the role admin
)

// refusalEvent carries what is wrong with the credentials of a request until it has been counted.
const refusalEvent = "longshoreRefusal"

// identify loads the user of an API key or of the session cookie before PocketBase looks for a token. A request with any
// other Authorization header is PocketBase's: the dashboard lies on the same origin as the app and carries its cookie too.
func (a *API) identify() *hook.Handler[*core.RequestEvent] {
	return &hook.Handler[*core.RequestEvent]{
		Id:       "longshoreIdentify",
		Priority: apis.DefaultLoadAuthTokenMiddlewarePriority - 1,
		Func: func(e *core.RequestEvent) error {
			if key, is := keyIn(e.Request); is {
				e.Request.Header.Del("Authorization")
				a.loadKey(e, key)
			} else if e.Request.Header.Get("Authorization") == "" {
				a.loadBrowser(e)
			}
			return e.Next()
		},
	}
}

func (a *API) loadBrowser(e *core.RequestEvent) {
	if err := a.crossSite.Check(e.Request); err != nil {
		e.Set(refusalEvent, &collections.Error{Code: collections.CodeCSRFFailed, Message: "The request came from another site.", Cause: err})
		return
	}
	s := a.findSession(e)
	if s == nil {
		return
	}
	user := findEnabled(e.App, s.UserID)
	if user == nil {
		return
	}
	a.touch(e, s)
	e.Auth = user
	e.Set(sessionEvent, s)
	e.Set(progress.AccessKey, progress.Access{SessionID: s.ID, Admin: role(e) == collections.RoleAdmin})
}

// findEnabled answers a user who is not disabled, else nil.
func findEnabled(app core.App, id string) *core.Record {
	user, err := app.FindRecordById("users", id)
	if err != nil || user.GetBool("disabled") {
		return nil
	}
	return user
}

func sessionOf(e *core.RequestEvent) *session {
	s, _ := e.Get(sessionEvent).(*session)
	return s
}

// require admits only who may use a route, and of browsers only requests with the session's CSRF token.
func (a *API) require(rt route) *hook.Handler[*core.RequestEvent] {
	return &hook.Handler[*core.RequestEvent]{
		Id:       "longshoreRequire",
		Priority: apis.DefaultBodyLimitMiddlewarePriority + 1,
		Func: func(e *core.RequestEvent) error {
			nameAction(e, rt.action)
			if rt.who == anyone {
				return e.Next()
			}
			if err := a.judge(e, rt); err != nil {
				return err
			}
			return e.Next()
		},
	}
}

// requireStill asks again when the body is there. Whoever is to lose access could otherwise begin requests, keep their
// bodies back for minutes, and end them after session, key, role or password are gone.
func (a *API) requireStill(rt route) *hook.Handler[*core.RequestEvent] {
	return &hook.Handler[*core.RequestEvent]{
		Id:       "longshoreRequireStill",
		Priority: apis.DefaultBodyLimitMiddlewarePriority + 3,
		Func: func(e *core.RequestEvent) error {
			if rt.who == anyone || isSafe(rt.method) || e.Request.ContentLength == 0 {
				return e.Next()
			}
			a.identifyAgain(e)
			if err := a.judge(e, rt); err != nil {
				return err
			}
			return e.Next()
		},
	}
}

// identifyAgain makes the user as it is now the request's, nobody when it may not act any more.
func (a *API) identifyAgain(e *core.RequestEvent) {
	e.Auth = nil
	if k := keyOf(e); k != nil {
		if k, user := a.findKey(e.App, k.Hash); k != nil {
			e.Auth = user
			e.Set(keyEvent, k)
		}
		return
	}
	if s := a.findSession(e); s != nil {
		e.Auth = findEnabled(e.App, s.UserID)
	}
}

// judge answers why the caller may not use a route.
func (a *API) judge(e *core.RequestEvent, rt route) error {
	if e.Auth == nil {
		return signInFirst(nil)
	}
	s, key := sessionOf(e), keyOf(e)
	if s == nil && key == nil {
		return collections.Errorf(collections.CodeForbidden, "This account cannot use the app.")
	}
	if key != nil {
		if err := key.judge(rt); err != nil {
			return err
		}
	} else if err := a.checkCSRF(e, s); err != nil {
		return err
	}
	if rt.who == admin && role(e) != collections.RoleAdmin {
		return collections.Errorf(collections.CodeForbidden, "Only admins may do this.")
	}
	return a.checkAUP(e, rt)
}

func signInFirst(cause error) error {
	return &collections.Error{Code: collections.CodeUnauthorized, Message: "Sign in first.", Cause: cause}
}

func (a *API) checkCSRF(e *core.RequestEvent, s *session) error {
	if isSafe(e.Request.Method) {
		return nil
	}
	if subtle.ConstantTimeCompare([]byte(e.Request.Header.Get("X-CSRF-Token")), []byte(a.csrfToken(s))) == 1 {
		return nil
	}
	return collections.Errorf(collections.CodeCSRFFailed, "The X-CSRF-Token header is missing or is not this session's.")
}

func isSafe(method string) bool { return method == http.MethodGet || method == http.MethodHead }

func role(e *core.RequestEvent) collections.Role { return collections.Role(e.Auth.GetString("role")) }

func toValid(s string) string { return strings.ToValidUTF8(s, "") }
