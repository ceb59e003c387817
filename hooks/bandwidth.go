package hooks

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
)

// Month answers the UTC month of a time: its begin, and that of the next.
func Month(at time.Time) (begin, end time.Time) {
	at = at.UTC()
	begin = time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)
	return begin, begin.AddDate(0, 1, 0)
}

// BandwidthUsed answers the bytes out by a user's links in the UTC month of at.
func BandwidthUsed(app core.App, userID string, at time.Time) (bytes int64, err error) {
	begin, end := Month(at)
	err = app.DB().NewQuery(`SELECT COALESCE(SUM(bytes_served), 0) FROM usage_metrics_daily WHERE user_id = {:user} AND date >= {:begin} AND date < {:end}`).
		Bind(dbx.Params{"user": userID, "begin": dateOf(begin), "end": dateOf(end)}).Row(&bytes)
	return bytes, err
}

// LinkedFile is a file to which a link is wanted.
type LinkedFile struct {
	ID        string
	SizeBytes int64
}

// JudgeLinks answers quota_bandwidth when nothing is left of the user's bandwidth. It is for a store that counts the
// bytes it delivers.
func JudgeLinks(app core.App, userID string, at time.Time) error {
	plan, err := PlanAt(app, userID, at)
	if err != nil || plan.BandwidthGB == collections.NoLimit {
		return err
	}
	used, err := BandwidthUsed(app, userID, at)
	if err != nil || plan.BandwidthBytes().Allows(used+1) {
		return err
	}
	return quotaBandwidth(plan, used, at)
}

// ChargeLinks counts the files as delivered whole, each once per user in 24 hours, or answers quota_bandwidth and
// counts none. It is for a store whose links nobody sees used.
func ChargeLinks(app core.App, userID string, at time.Time, files []LinkedFile) error {
	c := charge{user: userID, at: at, files: files}
	if err := c.judge(app); err != nil || len(c.files) == 0 {
		return err
	}
	return InTransaction(app, func(tx core.App) error {
		if err := c.judge(tx); err != nil || len(c.files) == 0 {
			return err
		}
		return c.write(tx)
	})
}

// charge is what links are to be counted for.
type charge struct {
	user  string
	at    time.Time
	files []LinkedFile
	bytes int64
}

// judge leaves out what was counted within 24 hours, and judges the others by what the user has used this month.
func (c *charge) judge(app core.App) error {
	if err := c.leaveOutGranted(app); err != nil {
		return err
	}
	plan, err := PlanAt(app, c.user, c.at)
	if err != nil || plan.BandwidthGB == collections.NoLimit {
		return err
	}
	used, err := BandwidthUsed(app, c.user, c.at)
	if err != nil || plan.BandwidthBytes().Allows(used+c.bytes) {
		return err
	}
	return quotaBandwidth(plan, used+c.bytes, c.at)
}

func (c *charge) leaveOutGranted(app core.App) error {
	ids := make([]string, len(c.files))
	for i, f := range c.files {
		ids[i] = f.ID
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	var granted []string
	err = app.DB().NewQuery(`SELECT file_id FROM link_grants WHERE user_id = {:user} AND granted_at > {:since} AND file_id IN (SELECT value FROM json_each({:files}))`).
		Bind(dbx.Params{"user": c.user, "since": stamp(c.at.Add(-grantLife)), "files": string(list)}).Column(&granted)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, id := range granted {
		known[id] = true
	}
	var left []LinkedFile
	c.bytes = 0
	for _, f := range c.files {
		if !known[f.ID] {
			left, c.bytes = append(left, f), c.bytes+f.SizeBytes
		}
	}
	c.files = left
	return nil
}

func (c *charge) write(tx core.App) error {
	for _, f := range c.files {
		err := execAll(tx, dbx.Params{"id": core.GenerateDefaultRandomId(), "user": c.user, "file": f.ID, "at": stamp(c.at)},
			`INSERT INTO link_grants (id, user_id, file_id, granted_at, created_at, updated_at) VALUES ({:id}, {:user}, {:file}, {:at}, {:at}, {:at})
				ON CONFLICT (user_id, file_id) DO UPDATE SET granted_at = {:at}, updated_at = {:at}`)
		if err != nil {
			return err
		}
	}
	return AddMetrics(tx, c.user, c.at, Metrics{Served: c.bytes})
}

func quotaBandwidth(plan collections.Plan, needed int64, at time.Time) error {
	_, next := Month(at)
	return &collections.Error{
		Code: collections.CodeQuotaBandwidth,
		Message: fmt.Sprintf("Your plan %s allows %s of downloads a month, and this would be more. There is more on %s (UTC).",
			plan.Name, BytesInWords(int64(plan.BandwidthBytes())), next.Format("2 January")),
		Data: map[string]any{"limit": int64(plan.BandwidthBytes()), "needed": needed, "resets_at": next.Format(time.RFC3339)},
	}
}
