package hooks_test

import (
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

func wantServed(t *testing.T, app core.App, user *core.Record, at time.Time, want int64) {
	t.Helper()
	if used, err := hooks.BandwidthUsed(app, user.Id, at); used != want || err != nil {
		t.Errorf("%d bytes are used in the month of %s instead of %d, %v", used, at, want, err)
	}
}

func TestAMeterCountsByTheDayOfDelivery(t *testing.T) {
	app, user := newApp(t)
	now := time.Date(2031, 1, 31, 23, 59, 59, 0, time.UTC)
	meter := hooks.NewMeter(app, func() time.Time { return now })
	meter.Served(user.Id, 5)
	meter.Served(user.Id, 2)
	meter.Served("", 100)
	meter.Served("nobody000000000", 100)
	now = now.Add(time.Second)
	meter.Served(user.Id, 11)
	wantServed(t, app, user, now, 0)
	for range 2 {
		if err := meter.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	wantServed(t, app, user, now.Add(-time.Second), 7)
	wantServed(t, app, user, now, 11)
	mustCount(t, app, "usage_metrics_daily", nil, 2)
}

func TestAMeterKeepsWhatCannotBeWritten(t *testing.T) {
	app, user := newApp(t)
	meter := hooks.NewMeter(app, time.Now)
	meter.Served(user.Id, 5)
	mustExec(t, app, `ALTER TABLE usage_metrics_daily RENAME TO away`, nil)
	if err := meter.Flush(); err == nil {
		t.Error("it was written into no table")
	}
	meter.Served(user.Id, 2)
	mustExec(t, app, `ALTER TABLE away RENAME TO usage_metrics_daily`, nil)
	if err := meter.Flush(); err != nil {
		t.Fatal(err)
	}
	wantServed(t, app, user, time.Now(), 7)
}

func TestLinksAtTheEdgeOfTheMonth(t *testing.T) {
	app, user := newApp(t)
	mustLimit(t, app, user, func(p *collections.Plan) { p.BandwidthGB = 1 })
	const gb = collections.BytesPerGB
	last := time.Date(2031, 12, 31, 23, 59, 59, 999_000_000, time.UTC)
	charge := func(at time.Time, files ...hooks.LinkedFile) error { return hooks.ChargeLinks(app, user.Id, at, files) }
	for _, step := range []struct {
		name  string
		at    time.Time
		files []hooks.LinkedFile
		code  collections.Code // none when empty
		used  int64
	}{
		{"all but a byte", last, []hooks.LinkedFile{{"a", gb - 1}}, "", gb - 1},
		{"two bytes too many", last, []hooks.LinkedFile{{"b", 2}}, collections.CodeQuotaBandwidth, gb - 1},
		{"the last byte and one too many", last, []hooks.LinkedFile{{"c", 1}, {"d", 1}}, collections.CodeQuotaBandwidth, gb - 1},
		{"the last byte", last, []hooks.LinkedFile{{"c", 1}}, "", gb},
		{"what was counted", last, []hooks.LinkedFile{{"a", gb - 1}, {"c", 1}}, "", gb},
		{"what has no bytes", last, []hooks.LinkedFile{{"e", 0}}, "", gb},
		{"a byte of the next month", last.Add(time.Millisecond), []hooks.LinkedFile{{"f", 1}}, "", 1},
	} {
		err := charge(step.at, step.files...)
		if (err == nil) != (step.code == "") || err != nil && collections.CodeOf(err) != step.code {
			t.Errorf("%s: %v", step.name, err)
		}
		wantServed(t, app, user, step.at, step.used)
	}
	mustLimit(t, app, user, func(p *collections.Plan) { p.BandwidthGB = 0 })
	if err := charge(last.Add(time.Millisecond), hooks.LinkedFile{ID: "f", SizeBytes: 1}); collections.CodeOf(err) != collections.CodeQuotaBandwidth {
		t.Errorf("over a lower limit there is a link: %v", err)
	}
	mustCount(t, app, "link_grants", dbx.HashExp{"user_id": user.Id}, 4)
}
