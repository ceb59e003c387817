package api

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// BenchmarkGuards is what every request pays before its handler: who asks, by what right, how often.
func BenchmarkGuards(b *testing.B) {
	s := newServer(b)
	s.set("settings", "", map[string]any{"requests_per_minute": 1 << 40})
	ann := s.signedIn("ann@example.com")
	guards := []*hook.Handler[*core.RequestEvent]{
		s.api.identify(), s.api.nameActor(), s.api.limitTraffic(), s.api.gate(), s.api.require(route{method: "GET", path: "/jobs", who: user}),
	}
	nobody := s.browser().request("GET", prefix+"/jobs", nil)
	byCookie := s.browser().request("GET", prefix+"/jobs", nil)
	for _, c := range ann.http.Jar.Cookies(byCookie.URL) {
		byCookie.AddCookie(c)
	}
	byKey := s.browser().request("GET", prefix+"/jobs", nil, header("Authorization", ann.newKey("read").Key))
	for _, bench := range []struct {
		name    string
		request *http.Request
		refused bool
	}{{"nobody", nobody, true}, {"session", byCookie, false}, {"key", byKey, false}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := bench.request.Clone(b.Context())
				r.Pattern, r.RemoteAddr = "GET "+prefix+"/jobs", "127.0.0.1:1"
				e := &core.RequestEvent{App: s.app}
				e.Request, e.Response = r, httptest.NewRecorder()
				var err error
				for _, guard := range guards {
					if err = guard.Func(e); err != nil {
						break
					}
				}
				if (err != nil) != bench.refused {
					b.Fatal(err)
				}
			}
		})
	}
}
