package api

import (
	"io/fs"
	"net/http"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

const index = "index.html"

// serveWeb serves the built app. Paths that are no file of it are pages of the app: index.html finds them out.
func (a *API) serveWeb(e *core.RequestEvent) error {
	path := strings.Trim(e.Request.PathValue("path"), "/")
	if isReserved(path) {
		return e.NotFoundError("", nil)
	}
	if !isFile(a.Web, index) {
		return e.String(http.StatusServiceUnavailable, "The web app is not part of this program. `make build` builds it in.\n")
	}
	isAsset := strings.HasPrefix(path, "assets/")
	if !isFile(a.Web, path) {
		if isAsset {
			return e.NotFoundError("", nil)
		}
		path = index
	}
	e.Response.Header().Set("Cache-Control", cacheControl(isAsset))
	return e.FileFS(a.Web, path)
}

// isReserved says whether a path belongs to an API, the dashboard or the store, where a page would only mislead.
func isReserved(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return first == "api" || first == "_" || first == "storage"
}

// cacheControl: the build puts a hash of its content into each asset's name.
func cacheControl(isAsset bool) string {
	if isAsset {
		return "public, max-age=31536000, immutable"
	}
	return "no-cache"
}

func isFile(fsys fs.FS, path string) bool {
	info, err := fs.Stat(fsys, path)
	return err == nil && info.Mode().IsRegular()
}
