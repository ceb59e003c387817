package dispatch

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// sighting is what an attempt has seen of its swarm.
type sighting struct {
	peers, seeds int    // at most at once
	said         string // the agent's last word on why it stands still
}

func (s *sighting) add(r *collections.JobReport) {
	s.peers, s.seeds = max(s.peers, r.Peers), max(s.seeds, r.Seeds)
	s.said = cmp.Or(r.Message, s.said)
}

func (s *sighting) String() string {
	seen := "No peer was seen."
	if s.peers > 0 {
		seen = fmt.Sprintf("At most %d peers were seen at once, %d of them seeds.", s.peers, s.seeds)
	}
	if s.said != "" {
		seen += " The agent said: " + s.said
	}
	return seen
}

// enforceLimits ends attempts that are over the time that their owner's plan gives them without metadata or without new bytes.
func (d *Dispatcher) enforceLimits() error {
	leases := d.standing()
	users := make([]string, 0, len(leases))
	for _, l := range leases {
		users = append(users, l.owner)
	}
	if len(users) == 0 {
		return nil
	}
	plans, err := plansOf(d.App, d.Now(), users)
	if err != nil {
		return err
	}
	for _, l := range leases {
		limit, code := plans[l.owner].StallMinutes, collections.CodeStalled
		if l.status == collections.StatusFetchingMetadata {
			limit, code = plans[l.owner].MetadataMinutes, collections.CodeNoMetadata
		}
		if stood := d.Now().Sub(l.progressed); !limit.Allows(int64(stood/time.Minute) + 1) {
			d.endStanding(&l, code, time.Duration(limit)*time.Minute)
		}
	}
	return nil
}

// standing lists attempts that have not got on for a minute: no limit is shorter.
func (d *Dispatcher) standing() (list []lease) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.leases {
		if !l.progressed.IsZero() && d.Now().Sub(l.progressed) >= time.Minute {
			list = append(list, *l)
		}
	}
	return list
}

// endStanding gives the job to an agent that has not tried it since it last got on, or fails it when there is none.
func (d *Dispatcher) endStanding(l *lease, code collections.Code, limit time.Duration) {
	_, err := hooks.ChangeJob(d.App, l.jobID, func(tx core.App, job *core.Record) error {
		if !runs(job, l.attempt) || d.gotOnSince(l) {
			return errStale
		}
		why := ending{code: code, moved: d.anotherTries(job)}
		why.final = !why.moved
		why.message = standingMessage(code, limit, job.GetInt("failovers")) + " " + l.seen.String()
		return d.leave(tx, job, why)
	})
	if err != nil && !isOver(err) {
		d.log(l).Error("an attempt over its time could not be ended", "error", err)
	}
}

func (d *Dispatcher) gotOnSince(l *lease) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.leases[l.jobID]
	return now == nil || now.attempt != l.attempt || now.progressed.After(l.progressed)
}

// anotherTries says whether an agent lives that can take the job and has not tried it since it last got on.
func (d *Dispatcher) anotherTries(job *core.Record) bool {
	q := queuedOf(job)
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, a := range d.agents {
		if id != job.GetString("agent_id") && d.takesJobs(a) && a.offers(q.Engine) && q.avoids(id) == 0 {
			return true
		}
	}
	return false
}

func standingMessage(code collections.Code, limit time.Duration, failovers int) string {
	what := "Nothing new came for " + span(limit)
	if code == collections.CodeNoMetadata {
		what = "The torrent's metadata did not come within " + span(limit)
	}
	if failovers > 0 {
		what += fmt.Sprintf(" on each of %d agents", failovers+1)
	}
	return what + "."
}

// span writes a time of whole minutes in words.
func span(d time.Duration) string {
	n, unit := int64(d/time.Minute), "minute"
	switch {
	case n > 0 && n%(24*60) == 0:
		n, unit = n/(24*60), "day"
	case n > 0 && n%60 == 0:
		n, unit = n/60, "hour"
	}
	if n != 1 {
		unit += "s"
	}
	return fmt.Sprintf("%d %s", n, unit)
}

// plansOf answers the plans that users have at that time, as hooks.PlanOf does for one.
func plansOf(app core.App, at time.Time, users []string) (map[string]collections.Plan, error) {
	list, err := json.Marshal(users)
	if err != nil {
		return nil, err
	}
	rows, err := all[struct {
		User string `db:"user"`
		collections.Plan
	}](app, `SELECT u.value AS user, p.* FROM json_each({:users}) u JOIN plans p ON p.id = COALESCE((SELECT a.plan_id FROM user_plan_assignments a
			WHERE a.user_id = u.value AND a.started_at <= {:now} AND (a.expires_at = '' OR a.expires_at > {:now})
			ORDER BY a.started_at DESC, a.rowid DESC LIMIT 1), (SELECT id FROM plans WHERE name = {:free}))`,
		dbx.Params{"users": string(list), "now": stamp(at), "free": string(collections.PlanFree)})
	plans := make(map[string]collections.Plan, len(rows))
	for _, row := range rows {
		plans[row.User] = row.Plan
	}
	return plans, err
}
