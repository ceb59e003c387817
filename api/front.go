package api

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/longshore-project/longshore/collections"
)

const (
	requestIDHeader = "X-Request-Id"
	storagePrefix   = "/storage/"
	transferLimit   = 24 * time.Hour // for one request that moves content; Range goes on after it
)

// front stands before PocketBase's mux, so that no route, redirect or error page is without a request id or
// answers a foreign host. Content of the local store goes past the mux, which would keep a copy of each body.
func (a *API) front(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := requestID(r)
		r.Header.Set(requestIDHeader, id)
		w.Header().Set(requestIDHeader, id)
		a.nameClient(r)
		a.demandTLS(w.Header())
		switch {
		case !a.hosts.allow(r.Host):
			a.secureHeaders(w.Header(), r.URL.Path)
			WriteError(w, unknownHost(r.Host))
		case a.Local != nil && strings.HasPrefix(r.URL.Path, storagePrefix):
			a.transfer(w, r)
		default:
			a.secureHeaders(w.Header(), r.URL.Path)
			next.ServeHTTP(w, r)
		}
	})
}

func (a *API) transfer(w http.ResponseWriter, r *http.Request) {
	until := time.Now().Add(transferLimit)
	rc := http.NewResponseController(w)
	if err := rc.SetWriteDeadline(until); err != nil {
		a.Logger.Warn("a transfer keeps the server's time limit", "error", err)
	}
	if err := rc.SetReadDeadline(until); err != nil {
		a.Logger.Warn("a transfer keeps the server's time limit", "error", err)
	}
	a.Local.ServeHTTP(w, r)
}

var goodRequestID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)

// requestID takes over the caller's id when it is safe to log, else makes one.
func requestID(r *http.Request) string {
	if id := r.Header.Get(requestIDHeader); goodRequestID.MatchString(id) {
		return id
	}
	return rand.Text()
}

// hosts are the names this server answers to, against DNS rebinding: a page of another site whose name was
// pointed at our address sends that name.
type hosts []string

func newHosts(public string, allowed []string) hosts {
	names := hosts{"localhost", canonicalHost(public)}
	for _, name := range allowed {
		names = append(names, canonicalHost(name))
	}
	return names
}

func (h hosts) allow(host string) bool {
	name := canonicalHost(host)
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return name != "" && slices.Contains(h, name)
}

// canonicalHost drops port, brackets, a final dot and case.
func canonicalHost(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

func unknownHost(host string) error {
	return &collections.Error{
		Code: collections.CodeUnknownHost,
		Message: fmt.Sprintf("This server does not answer to the name %q. "+
			"Its operator can add it to LONGSHORE_ALLOWED_HOSTS or set LONGSHORE_PUBLIC_URL.", canonicalHost(host)),
		Data: map[string]any{"setting": "LONGSHORE_ALLOWED_HOSTS"},
	}
}
