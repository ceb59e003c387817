package hooks

import (
	"context"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/longshore-project/longshore/collections"
)

const (
	day = 24 * time.Hour
	// warnAhead: who is warned of one job is warned of those of the next day too, so that there is about one mail a day.
	warnAhead      = day
	retentionBatch = 200
	grantLife      = day // a link to a file is counted once in it
)

// Report says what a run of the retention did.
type Report struct {
	Warned  int // jobs whose owners were warned
	Expired int // jobs whose files were removed
}

// Retention is how long the files of a user's ended jobs are kept, by the plan of that user.
type Retention struct {
	Days    collections.Limit // from the end of a job
	Warning time.Duration     // between the warning and the removal, at least
}

// RetentionOf answers the retention that holds for a user at a time.
func RetentionOf(app core.App, userID string, at time.Time) (Retention, error) {
	settings, err := Settings(app)
	if err != nil {
		return Retention{}, err
	}
	plan, err := PlanAt(app, userID, at)
	return Retention{plan.RetentionDays, warningOf(settings)}, err
}

func warningOf(s collections.Settings) time.Duration {
	return time.Duration(s.RetentionWarningDays) * day
}

// Expiry answers when the files of a job that ended then are removed, if nothing changes: when the plan's days are over,
// and not before the warning, at warned or at the earliest now, has had its days. False: never.
func (r Retention) Expiry(ended, warned, now time.Time) (time.Time, bool) {
	if r.Days == collections.NoLimit {
		return time.Time{}, false
	}
	if warned.IsZero() {
		warned = now
	}
	due, heard := ended.Add(time.Duration(r.Days)*day), warned.Add(r.Warning)
	if heard.After(due) {
		return heard, true
	}
	return due, true
}

// endedBy answers when a job ended at the latest whose days are over.
func (r Retention) endedBy(now time.Time) time.Time { return now.Add(-time.Duration(r.Days) * day) }

// RunRetention warns users of files that are about to leave, and removes those whose plan's time is over, of completed
// jobs as of others; none before the days of its warning have passed, however the plan changed. It may be called as
// often as wanted and again after a crash: each job is warned of, and expires, in a transaction of its own or its batch's.
func RunRetention(ctx context.Context, app core.App, now time.Time) (Report, error) {
	var report Report
	settings, err := Settings(app)
	if err != nil {
		return report, err
	}
	if err := forgetGrants(app, now); err != nil {
		return report, err
	}
	var owners []string
	err = app.ConcurrentDB().NewQuery(`SELECT DISTINCT user_id FROM jobs WHERE ` + keptJobs + ` ORDER BY user_id`).Column(&owners)
	if err != nil {
		return report, err
	}
	for _, owner := range owners {
		if ctx.Err() != nil {
			return report, ctx.Err()
		}
		plan, err := PlanAt(app, owner, now)
		if err != nil {
			return report, err
		}
		k := keeper{app: app, owner: owner, now: now, Retention: Retention{plan.RetentionDays, warningOf(settings)}}
		if err := k.run(ctx, &report); err != nil {
			return report, err
		}
	}
	return report, nil
}

// keptJobs are the ended jobs that have files; by an index.
const keptJobs = `reserved_bytes > 0 AND completed_at != '' AND expired_at = ''`

// keeper does one user's share of the retention.
type keeper struct {
	Retention
	app   core.App
	owner string
	now   time.Time
}

func (k *keeper) run(ctx context.Context, report *Report) error {
	if err := k.forgetWarnings(); err != nil || k.Days == collections.NoLimit {
		return err
	}
	warned, err := k.warn()
	report.Warned += warned
	if err != nil {
		return err
	}
	for {
		due, err := k.due()
		if err != nil {
			return err
		}
		expired, err := k.expireAll(ctx, due)
		report.Expired += expired
		if err != nil || expired == 0 {
			return err
		}
	}
}

func (k *keeper) expireAll(ctx context.Context, due []keptJob) (expired int, err error) {
	for _, job := range due {
		if ctx.Err() != nil {
			return expired, ctx.Err()
		}
		gone, err := k.expire(ctx, job.ID)
		if err != nil {
			return expired, err
		}
		if gone {
			expired++
		}
	}
	return expired, nil
}

func (k *keeper) params() dbx.Params {
	return dbx.Params{
		"user": k.owner, "now": stamp(k.now), "ended": stamp(k.endedBy(k.now)), "heard": stamp(k.now.Add(-k.Warning)),
		"warn": stamp(k.endedBy(k.now.Add(k.Warning))), "soon": stamp(k.endedBy(k.now.Add(k.Warning + warnAhead))), "limit": retentionBatch,
	}
}

// forgetWarnings takes back the warnings of jobs that a longer plan keeps longer: before they leave there is another.
func (k *keeper) forgetWarnings() error {
	kept := ` AND completed_at > {:soon}`
	if k.Days == collections.NoLimit {
		kept = ""
	}
	warned, err := k.jobs(`warned_at != ''` + kept)
	if err != nil || len(warned) == 0 {
		return err
	}
	return execAll(k.app, k.params(), `UPDATE jobs SET warned_at = '' WHERE user_id = {:user} AND `+keptJobs+` AND warned_at != ''`+kept)
}

type keptJob struct {
	ID     string         `db:"id"`
	Name   string         `db:"name"`
	Ended  types.DateTime `db:"completed_at"`
	Warned types.DateTime `db:"warned_at"`
}

func (k *keeper) jobs(where string) ([]keptJob, error) {
	var jobs []keptJob
	err := k.app.ConcurrentDB().NewQuery(`SELECT id, name, completed_at, warned_at FROM jobs WHERE user_id = {:user} AND ` + keptJobs +
		` AND ` + where + ` ORDER BY completed_at LIMIT {:limit}`).Bind(k.params()).All(&jobs)
	return jobs, err
}

// due lists the jobs whose time and warning are over.
func (k *keeper) due() ([]keptJob, error) {
	return k.jobs(`completed_at <= {:ended} AND warned_at != '' AND warned_at <= {:heard}`)
}

// expire removes the files of one job, the first of them in this transaction.
func (k *keeper) expire(ctx context.Context, jobID string) (expired bool, err error) {
	ctx = WithActor(context.WithoutCancel(ctx), Actor{Kind: ActorSystem, Action: "job.expire"})
	_, err = ChangeJobAs(ctx, k.app, jobID, func(tx core.App, job *core.Record) error {
		ended, warned := job.GetDateTime("completed_at").Time(), job.GetDateTime("warned_at").Time()
		at, limited := k.Expiry(ended, warned, k.now)
		if !job.GetDateTime("expired_at").IsZero() || warned.IsZero() || !limited || at.After(k.now) {
			return nil
		}
		expired = true
		job.Set("expired_at", k.now)
		if err := AddEvent(tx, jobID, collections.EventExpired, map[string]any{"bytes": job.GetInt64("reserved_bytes")}); err != nil {
			return err
		}
		if err := beginRemoval(tx, jobID, removeKept); err != nil {
			return err
		}
		bytes, err := count(tx, jobID)
		job.Set("reserved_bytes", bytes)
		return err
	})
	if collections.CodeOf(err) == collections.CodeNotFound { // deleted meanwhile
		return false, nil
	}
	return expired && err == nil, err
}

// forgetGrants drops what no longer spares a link its count.
func forgetGrants(app core.App, now time.Time) error {
	return execAll(app, dbx.Params{"old": stamp(now.Add(-grantLife))}, `DELETE FROM link_grants WHERE granted_at <= {:old}`)
}
