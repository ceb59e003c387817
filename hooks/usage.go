package hooks

import (
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

// Metrics are figures of one user and one UTC day.
type Metrics struct {
	Downloaded int64 `db:"bytes_downloaded"` // bytes from swarms
	Uploaded   int64 `db:"bytes_uploaded"`   // bytes to peers
	Served     int64 `db:"bytes_served"`     // bytes out by links
	Jobs       int64 `db:"jobs_count"`       // submitted
}

// AddMetrics adds to the user's row of the UTC day of at; of a user who is gone, nothing.
func AddMetrics(app core.App, userID string, at time.Time, m Metrics) error {
	_, err := app.NonconcurrentDB().NewQuery(`INSERT INTO usage_metrics_daily (id, user_id, date, bytes_downloaded, bytes_uploaded, bytes_served, jobs_count, created_at, updated_at)
		SELECT {:id}, id, {:date}, {:down}, {:up}, {:served}, {:jobs}, {:now}, {:now} FROM users WHERE id = {:user}
		ON CONFLICT (user_id, date) DO UPDATE SET bytes_downloaded = bytes_downloaded + {:down}, bytes_uploaded = bytes_uploaded + {:up},
			bytes_served = bytes_served + {:served}, jobs_count = jobs_count + {:jobs}, updated_at = {:now}`).
		Bind(dbx.Params{
			"id": core.GenerateDefaultRandomId(), "user": userID, "date": dateOf(at), "now": types.NowDateTime().String(),
			"down": m.Downloaded, "up": m.Uploaded, "served": m.Served, "jobs": m.Jobs,
		}).Execute()
	return err
}

// dateOf writes the UTC day of a time.
func dateOf(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// DayMetrics are a user's figures of one UTC day.
type DayMetrics struct {
	Date string `db:"date"` // as in 2006-01-02
	Metrics
}

// MetricsOf answers a user's figures of the last days, that of at among them, oldest first and none left out.
func MetricsOf(app core.App, userID string, at time.Time, days int) ([]DayMetrics, error) {
	first := at.UTC().AddDate(0, 0, 1-days)
	var rows []DayMetrics
	err := app.DB().NewQuery(`SELECT date, bytes_downloaded, bytes_uploaded, bytes_served, jobs_count FROM usage_metrics_daily
		WHERE user_id = {:user} AND date >= {:first} AND date <= {:last} ORDER BY date`).
		Bind(dbx.Params{"user": userID, "first": dateOf(first), "last": dateOf(at)}).All(&rows)
	dense := make([]DayMetrics, days)
	for i := range dense {
		dense[i].Date = dateOf(first.AddDate(0, 0, i))
		if len(rows) > 0 && rows[0].Date == dense[i].Date {
			dense[i], rows = rows[0], rows[1:]
		}
	}
	return dense, err
}
