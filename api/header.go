package api

import (
	"net/http"
	"strings"
)

// captchaOrigin is where the captcha's script and frame come from
// (https://developers.cloudflare.com/turnstile/reference/content-security-policy/).
const captchaOrigin = " https://challenges.cloudflare.com"

// contentPolicy answers the app's: everything from this origin, nothing inline, previews from where the store delivers,
// and the captcha if there is one.
func contentPolicy(storeOrigin string, hasCaptcha bool) string {
	store, captcha, frames := "", "", "'none'"
	if storeOrigin != "" {
		store = " " + storeOrigin
	}
	if hasCaptcha {
		captcha, frames = captchaOrigin, strings.TrimSpace(captchaOrigin)
	}
	return strings.Join([]string{
		"default-src 'none'", "script-src 'self'" + captcha, "frame-src " + frames, "style-src 'self'", "font-src 'self'", "manifest-src 'self'",
		"img-src 'self' data:" + store, "media-src 'self'" + store, "connect-src 'self'" + store,
		"object-src 'none'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'",
	}, "; ")
}

// dashboard is PocketBase's; it sets a policy of its own when there is none.
const dashboard = "/_/"

// hsts: browsers then ask for https by themselves for two years (RFC 6797). Names beside this one are not ours to speak for.
const hsts = "max-age=63072000"

// secureHeaders sets what goes with every answer but the store's content, which has a policy of its own.
func (a *API) secureHeaders(h http.Header, path string) {
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	if !strings.HasPrefix(path, dashboard) {
		h.Set("Content-Security-Policy", a.policy)
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	}
	if isOurs(path) {
		h.Set("Cache-Control", "no-store")
	}
}

func (a *API) demandTLS(h http.Header) {
	if a.public.Scheme == "https" {
		h.Set("Strict-Transport-Security", hsts)
	}
}
