package hooks

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
)

// Settings reads the operator's choices.
func Settings(app core.App) (collections.Settings, error) {
	var s collections.Settings
	err := app.DB().NewQuery(`SELECT * FROM settings ORDER BY created_at, id LIMIT 1`).One(&s)
	return s, err
}
