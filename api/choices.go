package api

import (
	"sync/atomic"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// choicesKept is how long a change of the settings by another process may go unseen; one of this process is seen at once.
const choicesKept = 2 * time.Second

// choices keeps the operator's settings for guards that every request passes.
type choices struct {
	app  core.App
	kept atomic.Pointer[keptChoices]
}

type keptChoices struct {
	collections.Settings
	until time.Time
}

func newChoices(app core.App) *choices {
	c := &choices{app: app}
	app.OnRecordAfterUpdateSuccess("settings").BindFunc(func(e *core.RecordEvent) error {
		c.kept.Store(nil)
		return e.Next()
	})
	return c
}

// get answers the last settings that could be read.
func (c *choices) get() (collections.Settings, error) {
	kept := c.kept.Load()
	if kept != nil && time.Now().Before(kept.until) {
		return kept.Settings, nil
	}
	settings, err := hooks.Settings(c.app)
	if err != nil && kept != nil {
		return kept.Settings, nil
	}
	if err == nil {
		c.kept.Store(&keptChoices{settings, time.Now().Add(choicesKept)})
	}
	return settings, err
}
