package api

import (
	"cmp"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/longshore-project/longshore/collections"
)

// traffic limits requests per minute: submits of a user, other requests of a user, requests of an address without a user.
type traffic struct {
	submits, requests *windows[string]
	guests            *windows[netip.Prefix]
}

func newTraffic() *traffic {
	return &traffic{submits: newWindows[string](), requests: newWindows[string](), guests: newWindows[netip.Prefix]()}
}

// unlimited are probes, whose callers must not be told anything else when somebody beside them floods us.
var unlimited = map[string]bool{"GET " + prefix + "/healthz": true, "GET " + prefix + "/readyz": true}

// limitTraffic stands behind what knows who asks and before what does work. Superusers have no limit.
func (a *API) limitTraffic() *hook.Handler[*core.RequestEvent] {
	return &hook.Handler[*core.RequestEvent]{
		Id:       "longshoreLimit",
		Priority: apis.DefaultLoadAuthTokenMiddlewarePriority + 2,
		Func: func(e *core.RequestEvent) error {
			if !strings.HasPrefix(e.Request.URL.Path, "/api/") || unlimited[e.Request.Pattern] || e.HasSuperuserAuth() {
				return e.Next()
			}
			settings, err := a.choices.get()
			if err != nil {
				return err
			}
			t := a.traffic.take(e, settings, a.Now())
			writeShare(e.Response.Header(), t.limit, t.remaining, t.reset, requestWindow)
			if t.refused {
				return tooMany(e, t.reset, "There were too many requests. Try again later.")
			}
			return e.Next()
		},
	}
}

// take counts a request. A setting that was emptied does not close the door, nor take it off its hinges.
func (t *traffic) take(e *core.RequestEvent, s collections.Settings, now time.Time) taken {
	usual := collections.DefaultSettings()
	switch perMinute := cmp.Or(s.RequestsPerMinute, usual.RequestsPerMinute); {
	case e.Auth == nil:
		return t.guests.take(clientPrefix(e.Request), perMinute, now)
	case isSubmit(e.Request.Pattern):
		return t.submits.take(e.Auth.Id, cmp.Or(s.SubmitsPerMinute, usual.SubmitsPerMinute), now)
	default:
		return t.requests.take(e.Auth.Id, perMinute, now)
	}
}

// isSubmit says whether a route makes a job.
func isSubmit(pattern string) bool {
	return pattern == "POST "+prefix+"/jobs" || pattern == "POST "+prefix+"/jobs/{id}/retry"
}

// writeShare tells a client where it stands, in the fields of draft-ietf-httpapi-ratelimit-headers-06; the drafts from
// 07 on have others. Reset is in seconds, rounded up.
func writeShare(h http.Header, limit, remaining int64, reset, window time.Duration) {
	h.Set("RateLimit-Limit", strconv.FormatInt(limit, 10))
	h.Set("RateLimit-Remaining", strconv.FormatInt(remaining, 10))
	h.Set("RateLimit-Reset", seconds(reset))
	h.Set("RateLimit-Policy", strconv.FormatInt(limit, 10)+";w="+seconds(window))
}

func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

func tooMany(e *core.RequestEvent, wait time.Duration, message string) error {
	e.Response.Header().Set("Retry-After", seconds(wait))
	return &collections.Error{
		Code: collections.CodeRateLimited, Message: message, Data: map[string]any{"retry_after_seconds": seconds(wait)},
	}
}
