package api

import (
	"net/http"
	"slices"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/longshore-project/longshore/collections"
)

const prefix = "/api/v1"

const small, large = collections.MaxJSONBytes, collections.MaxLargeJSONBytes

// route is one line of the table of all routes below /api/v1.
type route struct {
	method string
	path   string
	who    who
	limit  int64  // of a JSON body, in bytes
	action string // what audit calls it; empty for a route that changes nothing
	do     func(*core.RequestEvent) error
}

// routes lists every route below /api/v1. Each group has its table beside its handlers.
func (a *API) routes() []route {
	return slices.Concat(a.systemRoutes(), a.authRoutes(), a.sessionRoutes(), a.keyRoutes(), a.accountRoutes(), a.jobRoutes(), a.fileRoutes(), a.usageRoutes(), a.adminRoutes())
}

// systemRoutes answer about the installation.
func (a *API) systemRoutes() []route {
	return []route{
		{"GET", "/healthz", anyone, small, "", a.healthz},
		{"GET", "/readyz", anyone, small, "", a.readyz},
		{"GET", "/openapi.json", anyone, small, "", a.openapi},
		{"GET", "/config", anyone, small, "", a.getConfig},
		{"POST", "/setup", anyone, small, "instance.setup", a.setUp},
	}
}

// mount puts guards and routes into PocketBase's router. Guards that run for every route come first, by priority.
func (a *API) mount(r *router.Router[*core.RequestEvent]) {
	r.Bind(a.answerErrors(), a.identify(), a.nameActor(), a.limitTraffic(), a.gate(), a.noteForeign())
	v1 := r.Group(prefix)
	v1.Bind(a.validate())
	for _, rt := range a.routes() {
		v1.Route(rt.method, rt.path, rt.do).Bind(bodyLimit(rt.limit), a.require(rt), a.requireStill(rt))
	}
	r.GET("/healthz", a.healthz).Bind(apis.SkipSuccessActivityLog())
	r.GET("/readyz", a.readyz).Bind(apis.SkipSuccessActivityLog())
	r.GET("/{path...}", a.serveWeb).Bind(apis.SkipSuccessActivityLog(), apis.Gzip())
}

// bodyLimit lets a form carry a .torrent beside its fields. It takes the place of PocketBase's limit.
func bodyLimit(limit int64) *hook.Handler[*core.RequestEvent] {
	plain, form := apis.BodyLimit(limit), apis.BodyLimit(limit+collections.MaxMetainfoBytes)
	return &hook.Handler[*core.RequestEvent]{
		Id:       plain.Id,
		Priority: plain.Priority,
		Func: func(e *core.RequestEvent) error {
			if isForm(e.Request) {
				return form.Func(e)
			}
			return plain.Func(e)
		},
	}
}

// ok answers 200 with v.
func ok(e *core.RequestEvent, v any) error { return e.JSON(http.StatusOK, v) }
