package hookstest

import (
	"testing"

	"github.com/longshore-project/longshore/collections"
)

func TestNewAppHasOurTables(t *testing.T) {
	app := NewApp(t)
	MustCreateUser(t, app, "a@example.com", collections.RoleUser)
	for _, name := range []string{"sessions", "agents", "torrents", "jobs", "job_events", "objects", "uploads", "upload_parts", "files", "removals"} {
		if _, err := app.FindCollectionByNameOrId(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
