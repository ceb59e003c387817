package hooks

import (
	"time"

	"github.com/pocketbase/pocketbase/core"
)

const clockKey = "longshore.clock"

// UseClock makes now the time by which app's hooks stamp rows and which Now answers, in place of time.Now.
func UseClock(app core.App, now func() time.Time) { app.Store().Set(clockKey, now) }

// Now answers the time by app's clock.
func Now(app core.App) time.Time {
	if now, ok := app.Store().Get(clockKey).(func() time.Time); ok {
		return now()
	}
	return time.Now()
}
