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

// identify loads the user of the session cookie before PocketBase looks for a token. A request with an
// Authorization header is PocketBase's: the dashboard lies on the same origin as the app and carries its cookie too.
func (a *API) identify() *hook.Handler[*core.RequestEvent] {
	return &hook.Handler[*core.RequestEvent]{
		Id:       "longshoreIdentify",
		Priority: apis.DefaultLoadAuthTokenMiddlewarePriority - 1,
		Func: func(e *core.RequestEvent) error {
			if e.Request.Header.Get("Authorization") != "" {
				return e.Next()
			}
			if err := a.crossSite.Check(e.Request); err != nil {
				return &collections.Error{Code: collections.CodeCSRFFailed, Message: "The request came from another site.", Cause: err}
			}
			a.loadSession(e)
			return e.Next()
		},
	}
}

func (a *API) loadSession(e *core.RequestEvent) {
	s := a.findSession(e)
	if s == nil {
		return
	}
	user, err := e.App.FindRecordById("users", s.UserID)
	if err != nil || user.GetBool("disabled") {
		return
	}
	a.touch(e, s)
	e.Auth = user
	e.Set(sessionEvent, s)
	e.Set(progress.SessionKey, s.ID)
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
			if e.Auth == nil {
				return collections.Errorf(collections.CodeUnauthorized, "Sign in first.")
			}
			if e.Auth.Collection().Name != "users" || e.Auth.GetBool("disabled") {
				return collections.Errorf(collections.CodeForbidden, "This account cannot use the app.")
			}
			if err := a.checkCSRF(e); err != nil {
				return err
			}
			if rt.who == admin && role(e) != collections.RoleAdmin {
				return collections.Errorf(collections.CodeForbidden, "Only admins may do this.")
			}
			return e.Next()
		},
	}
}

func (a *API) checkCSRF(e *core.RequestEvent) error {
	s := sessionOf(e)
	if s == nil || e.Request.Method == http.MethodGet || e.Request.Method == http.MethodHead {
		return nil
	}
	if subtle.ConstantTimeCompare([]byte(e.Request.Header.Get("X-CSRF-Token")), []byte(a.csrfToken(s))) == 1 {
		return nil
	}
	return collections.Errorf(collections.CodeCSRFFailed, "The X-CSRF-Token header is missing or is not this session's.")
}

func role(e *core.RequestEvent) collections.Role { return collections.Role(e.Auth.GetString("role")) }

func toValid(s string) string { return strings.ToValidUTF8(s, "") }
