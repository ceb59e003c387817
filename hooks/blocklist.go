package hooks

import (
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
)

// refuseBlocked answers infohash_blocked when one of the torrent's infohashes is on the blocklist.
func refuseBlocked(tx core.App, w Wants) error {
	blocked, err := Blocked(tx, string(w.Infohash), w.InfohashV2)
	if err != nil || !blocked {
		return err
	}
	return collections.Errorf(collections.CodeInfohashBlocked, "The operator has blocked this torrent.")
}

// Blocked says whether one of these infohashes, v1 or v2 in lower-case hexadecimal, is on the blocklist. Empty ones are not.
func Blocked(app core.App, infohashes ...string) (bool, error) {
	values := make([]any, 0, len(infohashes))
	for _, infohash := range infohashes {
		if infohash != "" {
			values = append(values, infohash)
		}
	}
	n, err := app.CountRecords("blocklist", dbx.HashExp{"infohash": values})
	return n > 0, err
}
