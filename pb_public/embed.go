// Package pb_public carries the built web app inside the binary. `make build` fills dist/.
package pb_public

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// FS answers the built app, index.html at its root; without a build it holds no index.html.
func FS() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // "dist" is a valid path
	}
	return sub
}
