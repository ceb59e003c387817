package api

import (
	"context"
	"errors"
	"time"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

var replaySystem = map[string]func(*replay){
	"healthz":   func(r *replay) { r.yes(r.guest, "GET", "/healthz", nil) },
	"openapi":   func(r *replay) { r.yes(r.guest, "GET", "/openapi.json", nil) },
	"getConfig": func(r *replay) { r.yes(r.guest, "GET", "/config", nil) },
	"readyz": func(r *replay) {
		r.yes(r.guest, "GET", "/readyz", nil)
		broken := r.other(func(c *Config) { c.Ready = func(context.Context) error { return errors.New("no agents' listener") } })
		r.no(broken.browser(), "GET", "/readyz", nil, collections.CodeUnavailable)
	},
	"setUp": func(r *replay) {
		fresh := r.other()
		body := setupBody(fresh, "first@example.com")
		r.yes(fresh.browser(), "POST", "/setup", body)
		r.no(fresh.browser(), "POST", "/setup", body, collections.CodeForbidden)
	},
}

var replayAccounts = map[string]func(*replay){
	"signIn": func(r *replay) {
		body := func(email, password string) map[string]string {
			return map[string]string{"email": email, "password": password}
		}
		r.yes(r.guest, "POST", "/auth/login", body("ann@example.com", hookstest.Password))
		r.no(r.guest, "POST", "/auth/login", body("ann@example.com", "x"), collections.CodeUnauthorized)
		r.disable("ann@example.com")
		r.no(r.guest, "POST", "/auth/login", body("ann@example.com", hookstest.Password), collections.CodeForbidden)
		r.captcha("/auth/login", body("ann@example.com", "x"))
	},
	"signOut":    func(r *replay) { r.yes(r.ann, "POST", "/auth/logout", nil) },
	"getSession": func(r *replay) { r.yes(r.ann, "GET", "/auth/session", nil) },
	"register": func(r *replay) {
		r.yes(r.guest, "POST", "/auth/register", registerBody("new@example.com", "invite", r.invite(nil)))
		r.no(r.guest, "POST", "/auth/register", registerBody("new@example.com"), collections.CodeForbidden)
		r.captcha("/auth/register", registerBody("new@example.com"))
	},
	"sendVerification": func(r *replay) { r.yes(r.ann, "POST", "/auth/verify-email", nil) },
	"verifyEmail": func(r *replay) {
		token := r.token(r.ann.user.ID, collections.TokenVerify, "ann@example.com", time.Hour)
		r.yes(r.guest, "POST", "/auth/verify-email/confirm", map[string]string{"token": token})
		r.no(r.guest, "POST", "/auth/verify-email/confirm", map[string]string{"token": token}, collections.CodeInvalidInput)
		token = r.disabledToken(collections.TokenVerify)
		r.no(r.guest, "POST", "/auth/verify-email/confirm", map[string]string{"token": token}, collections.CodeForbidden)
	},
	"requestReset": func(r *replay) {
		r.yes(r.guest, "POST", "/auth/reset", map[string]string{"email": "ann@example.com"})
		r.captcha("/auth/reset", map[string]string{"email": "ann@example.com"})
	},
	"resetPassword": func(r *replay) {
		body := map[string]string{"token": r.token(r.ann.user.ID, collections.TokenReset, "ann@example.com", time.Hour), "password": newPassword}
		r.yes(r.guest, "POST", "/auth/reset/confirm", body)
		r.no(r.guest, "POST", "/auth/reset/confirm", body, collections.CodeInvalidInput)
		body["token"] = r.disabledToken(collections.TokenReset)
		r.no(r.guest, "POST", "/auth/reset/confirm", body, collections.CodeForbidden)
	},
	"changePassword": func(r *replay) {
		body := map[string]string{"current_password": hookstest.Password, "new_password": newPassword}
		r.yes(r.ann, "POST", "/auth/password", body)
		r.no(r.ann, "POST", "/auth/password", body, collections.CodeInvalidInput)
	},
	"changeEmail": func(r *replay) {
		r.yes(r.ann, "POST", "/auth/email", map[string]string{"password": hookstest.Password, "email": "anna@example.com"})
	},
	"updateAccount": func(r *replay) {
		r.yes(r.ann, "PATCH", "/auth/account", map[string]any{"mails_off": true})
		r.no(r.ann, "PATCH", "/auth/account", map[string]any{"mails_off": "all"}, collections.CodeInvalidInput)
	},
	"deleteAccount": func(r *replay) {
		r.no(r.root, "DELETE", "/auth/account", map[string]string{"password": hookstest.Password}, collections.CodeForbidden)
		r.yes(r.ann, "DELETE", "/auth/account", map[string]string{"password": hookstest.Password})
	},
	"acceptAUP": func(r *replay) {
		r.yes(r.ann, "POST", "/auth/accept-aup", map[string]string{"version": collections.DefaultSettings().AUPVersion})
		r.no(r.ann, "POST", "/auth/accept-aup", map[string]string{"version": "0"}, collections.CodeInvalidInput)
	},
}

var replaySessions = map[string]func(*replay){
	"listSessions":     func(r *replay) { r.yes(r.ann, "GET", "/auth/sessions", nil) },
	"endOtherSessions": func(r *replay) { r.yes(r.ann, "DELETE", "/auth/sessions", nil) },
	"endSession": func(r *replay) {
		r.no(r.ann, "DELETE", "/auth/sessions/zzzzzzzzzzzzzzz", nil, collections.CodeNotFound)
		for _, device := range r.ann.devices() {
			r.yes(r.ann, "DELETE", "/auth/sessions/"+device.ID, nil)
		}
	},
	"listKeys": func(r *replay) { r.yes(r.ann, "GET", "/auth/keys", nil) },
	"createKey": func(r *replay) {
		r.ann.newKey(collections.ScopeRead)
		r.no(r.ann, "POST", "/auth/keys", map[string]any{"name": "x", "scopes": []string{"admin"}}, collections.CodeForbidden)
	},
	"deleteKey": func(r *replay) {
		r.yes(r.ann, "DELETE", "/auth/keys/"+r.ann.newKey(collections.ScopeRead).ID, nil)
		r.no(r.ann, "DELETE", "/auth/keys/zzzzzzzzzzzzzzz", nil, collections.CodeNotFound)
	},
}

// other answers a second installation whose answers count as this one's.
func (r *replay) other(change ...func(*Config)) *server {
	s := newServer(r.t, change...)
	s.seen = r.seen
	return s
}

// captcha provokes what a captcha can answer to a body that has no good token.
func (r *replay) captcha(path string, body map[string]string) {
	v := newSiteverify(r.t)
	s := r.other(withTurnstile(v), withRegistration(collections.RegistrationOpen))
	r.no(s.browser(), "POST", path, body, collections.CodeCaptchaFailed)
	v.Close()
	body["turnstile_token"] = "solved"
	r.no(s.browser(), "POST", path, body, collections.CodeUnavailable)
}

// disabledToken disables ann and answers a token that was on its way.
func (r *replay) disabledToken(kind collections.AccountTokenKind) string {
	r.disable("ann@example.com")
	return r.token(r.ann.user.ID, kind, "ann@example.com", time.Hour)
}
