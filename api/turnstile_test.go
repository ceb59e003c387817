package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

const turnstileSecret = "1x0000000000000000000000000000000AA"

// siteverify is a server that answers as Turnstile's siteverify does: each token is good once, for the secret only.
type siteverify struct {
	*httptest.Server
	mu        sync.Mutex
	tokens    map[string]bool // solved ones: whether they are still good
	addresses []string        // remoteip of each request
	do        http.HandlerFunc
}

func newSiteverify(t testing.TB) *siteverify {
	v := &siteverify{tokens: map[string]bool{}}
	v.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v.mu.Lock()
		defer v.mu.Unlock()
		if v.do != nil {
			v.do(w, r)
			return
		}
		v.verify(w, r)
	}))
	t.Cleanup(v.Close)
	return v
}

func (v *siteverify) verify(w http.ResponseWriter, r *http.Request) {
	token, codes := r.PostFormValue("response"), []string{}
	good, known := v.tokens[token]
	switch {
	case r.Method != http.MethodPost || r.PostFormValue("secret") == "":
		codes = append(codes, "missing-input-secret")
	case r.PostFormValue("secret") != turnstileSecret:
		codes = append(codes, "invalid-input-secret")
	case token == "":
		codes = append(codes, "missing-input-response")
	case !known:
		codes = append(codes, "invalid-input-response")
	case !good:
		codes = append(codes, "timeout-or-duplicate")
	}
	v.tokens[token] = false
	v.addresses = append(v.addresses, r.PostFormValue("remoteip"))
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"success": len(codes) == 0, "error-codes": codes, "hostname": "127.0.0.1"})
}

// solve answers a token as the widget would.
func (v *siteverify) solve() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	token := fmt.Sprint("token-", len(v.tokens))
	v.tokens[token] = true
	return token
}

func (v *siteverify) answer(do http.HandlerFunc) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.do = do
}

func withTurnstile(v *siteverify) func(*Config) {
	return func(c *Config) {
		c.Turnstile = Turnstile{SiteKey: "1x00000000000000000000AA", SecretKey: turnstileSecret, VerifyURL: v.URL}
	}
}

// captchaRoutes are those that ask for a captcha, each with a body that is good otherwise and the status of success.
func captchaRoutes() map[string]struct {
	body   map[string]string
	status int
} {
	return map[string]struct {
		body   map[string]string
		status int
	}{
		"/auth/login":    {map[string]string{"email": "ann@example.com", "password": hookstest.Password}, 200},
		"/auth/register": {registerBody("new@example.com"), 201},
		"/auth/reset":    {map[string]string{"email": "ann@example.com"}, 204},
	}
}

func TestCaptcha(t *testing.T) {
	for path, route := range captchaRoutes() {
		t.Run(path, func(t *testing.T) {
			v := newSiteverify(t)
			s := newServer(t, withTurnstile(v), withRegistration(collections.RegistrationOpen), behindProxy)
			hookstest.MustCreateUser(t, s.app, "ann@example.com", collections.RoleUser)
			try := func(token string) answer {
				body := map[string]string{"turnstile_token": token}
				for name, value := range route.body {
					body[name] = value
				}
				return s.browserFrom("198.51.100.7").call("POST", path, body)
			}
			s.browserFrom("198.51.100.7").call("POST", path, route.body).want(t, 403, collections.CodeCaptchaFailed)
			try("").want(t, 403, collections.CodeCaptchaFailed)
			if len(v.addresses) != 0 {
				t.Error("the provider was asked about nothing")
			}
			try("made-up").want(t, 403, collections.CodeCaptchaFailed)
			if n := s.count("mails", nil) + s.count("sessions", nil) + s.count("users", nil); n != 1 {
				t.Errorf("something was done: %d rows", n)
			}
			token := v.solve()
			try(token).want(t, route.status, "")
			try(token).want(t, 403, collections.CodeCaptchaFailed)
			for _, address := range v.addresses {
				if address != "198.51.100.7" {
					t.Errorf("the provider was told the address %q", address)
				}
			}
		})
	}
}

func TestCaptchaProviderThatIsOfNoHelp(t *testing.T) {
	v := newSiteverify(t)
	s := newServer(t, withTurnstile(v), withRegistration(collections.RegistrationOpen))
	hookstest.MustCreateUser(t, s.app, "ann@example.com", collections.RoleUser)
	says := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	for _, tc := range []struct {
		name   string
		answer http.HandlerFunc
		status int
		code   collections.Code
	}{
		{"an outage", says(503, `{"success": true}`), 503, collections.CodeUnavailable},
		{"a page instead of JSON", says(200, "<html>"), 503, collections.CodeUnavailable},
		{"nothing", says(200, ""), 503, collections.CodeUnavailable},
		{"an endless answer", says(200, strings.Repeat(" ", 1<<20)+`{"success": true}`), 503, collections.CodeUnavailable},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, 503, collections.CodeUnavailable},
		{"a broken connection", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 503, collections.CodeUnavailable},
		{"our secret is wrong", says(200, `{"success": false, "error-codes": ["invalid-input-secret"]}`), 503, collections.CodeUnavailable},
		{"an error of its own", says(200, `{"success": false, "error-codes": ["internal-error"]}`), 503, collections.CodeUnavailable},
		{"a refusal", says(400, `{"success": false, "error-codes": ["timeout-or-duplicate"]}`), 403, collections.CodeCaptchaFailed},
		{"success as a word", says(200, `{"success": "true"}`), 503, collections.CodeUnavailable},
		{"no verdict", says(200, `{}`), 403, collections.CodeCaptchaFailed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v.answer(tc.answer)
			for path, route := range captchaRoutes() {
				route.body["turnstile_token"] = "token"
				s.browser().call("POST", path, route.body).want(t, tc.status, tc.code)
			}
			s.clock.advance(time.Hour)
		})
	}
	v.answer(nil)
	v.Close()
	s.clock.advance(time.Hour)
	for path, route := range captchaRoutes() {
		route.body["turnstile_token"] = "token"
		got := s.browser().call("POST", path, route.body)
		got.want(t, 503, collections.CodeUnavailable)
		if strings.Contains(string(got.body), turnstileSecret) || strings.Contains(string(got.body), v.URL) {
			t.Errorf("the answer tells %s", got.body)
		}
	}
	if n := s.count("users", nil); n != 1 || s.count("sessions", nil) != 0 || s.count("mails", nil) != 0 {
		t.Error("something was done")
	}
	if strings.Contains(s.log.String(), turnstileSecret) {
		t.Error("the log has the secret")
	}
}

func TestCaptchaTimesOut(t *testing.T) {
	v, over := newSiteverify(t), make(chan struct{})
	t.Cleanup(func() { close(over) })
	v.answer(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-over:
		}
	})
	before := turnstileClient.Timeout
	turnstileClient.Timeout = 100 * time.Millisecond
	t.Cleanup(func() { turnstileClient.Timeout = before })
	s := newServer(t, withTurnstile(v))
	s.browser().call("POST", "/auth/reset", map[string]string{"email": "ann@example.com", "turnstile_token": "x"}).want(t, 503, collections.CodeUnavailable)
}

func TestWithoutCaptchaNoneIsAsked(t *testing.T) {
	s := newServer(t)
	hookstest.MustCreateUser(t, s.app, "ann@example.com", collections.RoleUser)
	s.browser().call("POST", "/auth/reset", map[string]string{"email": "ann@example.com", "turnstile_token": "whatever"}).want(t, 204, "")
	var c config
	s.browser().call("GET", "/config", nil).into(t, 200, &c)
	if c.TurnstileSiteKey != "" {
		t.Errorf("the site key is %q", c.TurnstileSiteKey)
	}
	if n := s.count("mails", dbx.HashExp{"kind": "reset"}); n != 1 {
		t.Errorf("%d mails", n)
	}
}

func TestConfigTellsWhoMayRegister(t *testing.T) {
	v := newSiteverify(t)
	s := newServer(t, withTurnstile(v), withRegistration(collections.RegistrationClosed))
	var c config
	got := s.browser().call("GET", "/config", nil)
	got.into(t, 200, &c)
	if c.Registration != "closed" || c.TurnstileSiteKey != "1x00000000000000000000AA" || c.AUP.Version != "1" || c.AUP.Text == "" || c.Limits.PasswordLength != 12 {
		t.Errorf("%+v", c)
	}
	if strings.Contains(string(got.body), turnstileSecret) {
		t.Error("the secret is told")
	}
}

func TestHalfATurnstile(t *testing.T) {
	for _, half := range []Turnstile{{SiteKey: "x"}, {SecretKey: "x"}, {SiteKey: "x", SecretKey: "x", VerifyURL: "ftp://example.com"}, {SiteKey: "x", SecretKey: "x", VerifyURL: "example.com"}} {
		if err := half.complete(); err == nil {
			t.Errorf("%+v passes", half)
		}
	}
}

func TestOnlySolvedCaptchasCountForAnAddress(t *testing.T) {
	for path, route := range captchaRoutes() {
		t.Run(path, func(t *testing.T) {
			v := newSiteverify(t)
			s := newServer(t, withTurnstile(v), withRegistration(collections.RegistrationOpen))
			hookstest.MustCreateUser(t, s.app, "ann@example.com", collections.RoleUser)
			body := map[string]string{"turnstile_token": "made-up"}
			maps.Copy(body, route.body)
			for range 40 {
				s.browser().call("POST", path, body).want(t, 403, collections.CodeCaptchaFailed)
			}
			body["turnstile_token"] = v.solve()
			if got := s.browser().call("POST", path, body); got.status != route.status {
				t.Errorf("the owner of the address is answered %d %s", got.status, got.body)
			}
		})
	}
}
