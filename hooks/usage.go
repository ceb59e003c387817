package hooks

import (
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

// Metrics are figures of one user and one UTC day.
type Metrics struct {
	Downloaded int64 // bytes from swarms
	Uploaded   int64 // bytes to peers
	Served     int64 // bytes out by links
	Jobs       int64 // submitted
}

// AddMetrics adds to the user's row of the UTC day of at.
func AddMetrics(app core.App, userID string, at time.Time, m Metrics) error {
	_, err := app.NonconcurrentDB().NewQuery(`INSERT INTO usage_metrics_daily (id, user_id, date, bytes_downloaded, bytes_uploaded, bytes_served, jobs_count, created_at, updated_at)
		VALUES ({:id}, {:user}, {:date}, {:down}, {:up}, {:served}, {:jobs}, {:now}, {:now})
		ON CONFLICT (user_id, date) DO UPDATE SET bytes_downloaded = bytes_downloaded + {:down}, bytes_uploaded = bytes_uploaded + {:up},
			bytes_served = bytes_served + {:served}, jobs_count = jobs_count + {:jobs}, updated_at = {:now}`).
		Bind(dbx.Params{
			"id": core.GenerateDefaultRandomId(), "user": userID, "date": at.UTC().Format(time.DateOnly), "now": types.NowDateTime().String(),
			"down": m.Downloaded, "up": m.Uploaded, "served": m.Served, "jobs": m.Jobs,
		}).Execute()
	return err
}
