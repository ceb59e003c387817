package api

import (
	"net/http"
	"strings"
)

// contentPolicy is the app's: everything from this origin, nothing inline.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
	"connect-src 'self'; manifest-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// dashboard is PocketBase's; it sets a policy of its own when there is none.
const dashboard = "/_/"

func secureHeaders(h http.Header, path string) {
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if !strings.HasPrefix(path, dashboard) {
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	}
	if isOurs(path) {
		h.Set("Cache-Control", "no-store")
	}
}
