package api

import (
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/longshore-project/longshore/collections"
)

// open lists PocketBase's own routes that others than superusers may call, by their patterns.
var open = []string{
	"GET /api/health",
	"GET /api/realtime",
	"POST /api/realtime",
}

// openToSuperusers are those with which a superuser signs in.
var openToSuperusers = []string{
	"GET /api/collections/{collection}/auth-methods",
	"POST /api/collections/{collection}/auth-with-password",
	"POST /api/collections/{collection}/auth-with-otp",
	"POST /api/collections/{collection}/request-otp",
	"POST /api/collections/{collection}/auth-refresh",
	"POST /api/collections/{collection}/request-password-reset",
	"POST /api/collections/{collection}/confirm-password-reset",
}

// mailing are those of them that send a mail.
var mailing = []string{
	"POST /api/collections/{collection}/request-otp",
	"POST /api/collections/{collection}/request-password-reset",
}

// openByToken are downloads of the dashboard: PocketBase checks the short-lived token in their query, which only
// a superuser can get.
var openByToken = []string{
	"GET /api/files/{collection}/{recordId}/{filename}",
	"GET /api/backups/{key}",
}

// gate keeps all others out of PocketBase's own API: its record routes know neither CSRF tokens nor our rules.
func (a *API) gate() *hook.Handler[*core.RequestEvent] {
	small := apis.BodyLimit(collections.MaxJSONBytes)
	return &hook.Handler[*core.RequestEvent]{
		Id:       "longshoreGate",
		Priority: apis.DefaultSuperuserIPsWhitelistMiddlewarePriority + 1,
		Func: func(e *core.RequestEvent) error {
			if err, refused := e.Get(refusalEvent).(error); refused {
				return err
			}
			if e.HasSuperuserAuth() || !isPocketBases(e.Request.Pattern) {
				return e.Next()
			}
			if err := a.mayPass(e); err != nil {
				return err
			}
			return small.Func(e)
		},
	}
}

func isPocketBases(pattern string) bool {
	_, path, _ := strings.Cut(pattern, " ")
	return strings.HasPrefix(path, "/api/") && !strings.HasPrefix(path, prefix+"/")
}

// mayPass answers why somebody else than a superuser may not use a route of PocketBase's.
func (a *API) mayPass(e *core.RequestEvent) error {
	pattern := e.Request.Pattern
	switch {
	case slices.Contains(openToSuperusers, pattern) && e.Request.PathValue("collection") == core.CollectionNameSuperusers:
		if slices.Contains(mailing, pattern) {
			return a.limits.take(e, limitReset, "")
		}
		return nil
	case slices.Contains(openByToken, pattern) && e.Request.URL.Query().Get("token") != "":
		return nil
	case slices.Contains(open, pattern):
		if key := keyOf(e); key != nil {
			return key.need(collections.ScopeRead)
		}
		return nil
	}
	return e.ForbiddenError("Only superusers may use this route.", nil)
}
