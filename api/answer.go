package api

import (
	"errors"
	"strings"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/longshore-project/longshore/collections"
)

// answerErrors gives every failure of our routes the one shape and logs the ones that are ours. It stands inside
// PocketBase's activity log and outside its panic guard.
func (a *API) answerErrors() *hook.Handler[*core.RequestEvent] {
	return &hook.Handler[*core.RequestEvent]{
		Id:       "longshoreErrors",
		Priority: apis.DefaultActivityLoggerMiddlewarePriority + 1,
		Func: func(e *core.RequestEvent) error {
			err := e.Next()
			if err == nil || e.Written() {
				return err
			}
			if !isOurs(e.Request.URL.Path) {
				return inForeignShape(err)
			}
			if asCoded(err).Code == collections.CodeInternal {
				a.Logger.Error("a request failed", "request_id", e.Request.Header.Get(requestIDHeader),
					"method", e.Request.Method, "path", e.Request.URL.Path, "error", causes(err))
			}
			WriteError(e.Response, err)
			return err
		},
	}
}

// inForeignShape makes an error of ours one of PocketBase's, for PocketBase's own routes.
func inForeignShape(err error) error {
	if coded, ok := errors.AsType[*collections.Error](err); ok {
		return router.NewApiError(coded.Code.HTTPStatus(), coded.Message, err)
	}
	return err
}

func isOurs(path string) bool {
	return path == prefix || strings.HasPrefix(path, prefix+"/") || path == "/healthz" || path == "/readyz"
}
