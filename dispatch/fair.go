package dispatch

import (
	"cmp"
	"container/heap"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/progress"
)

const (
	lineHead  = 10    // jobs of each user that are read first, and whose owner's browsers are told why they wait
	lineHeads = 2_000 // of all users together, one of each at least
	linePage  = 100   // jobs of a user's line read at once behind those
	ageStep   = 10 * time.Minute
)

// line is what waits of one user's jobs, in order: higher priority first, older first. Between lines go turns: the one whose
// first job has the highest priority, job's and plan's added, then the user with the fewest running jobs, then the older job. So
// that nobody waits for ever behind users of better plans, the priority of a user of whose jobs none runs rises by
// one for each ageStep that the first of them has waited; it is the user that ages and not the job, because a thousand old
// jobs of one user must not go before the first of another.
type line struct {
	owner   string
	plan    collections.Plan
	running int
	jobs    []queuedJob
	more    bool // behind jobs
	now     time.Time
}

// inLine are the jobs that wait for an agent; idx_jobs_turn holds them.
const inLine = `status = 'queued' AND desired = 'run' AND waits_for = ''`

// headsOfLines reads the first jobs of every user by seeking from user to user, however many wait behind them.
const headsOfLines = `WITH RECURSIVE waiting (owner) AS (
		SELECT MIN(user_id) FROM jobs INDEXED BY idx_jobs_turn WHERE ` + inLine + `
		UNION ALL
		SELECT (SELECT MIN(user_id) FROM jobs INDEXED BY idx_jobs_turn WHERE ` + inLine + ` AND user_id > waiting.owner) FROM waiting WHERE waiting.owner IS NOT NULL
	)
	SELECT ` + queuedColumns + ` FROM waiting CROSS JOIN jobs j ON j.rowid IN (
		SELECT rowid FROM jobs INDEXED BY idx_jobs_turn WHERE ` + inLine + ` AND user_id = waiting.owner AND next_attempt_at <= {:now} AND ` + hooks.WithStorage + `
		ORDER BY priority DESC, created_at, id LIMIT {:limit}
	) ORDER BY j.user_id, j.priority DESC, j.created_at, j.id`

// restOfLine reads on behind a job, jobs for one of these engines only.
const restOfLine = `SELECT ` + queuedColumns + ` FROM jobs j INDEXED BY idx_jobs_turn WHERE ` + inLine + ` AND user_id = {:owner} AND next_attempt_at <= {:now}
	AND priority <= {:priority} AND (priority < {:priority} OR (created_at, id) > ({:created}, {:id}))
	AND ` + hooks.WithStorage + ` AND engine IN (SELECT value FROM json_each({:engines})) ORDER BY priority DESC, created_at, id LIMIT {:limit}`

// lines answers the lines of all users with due jobs.
func (d *Dispatcher) lines(running map[string]int) ([]*line, error) {
	now, limit := d.Now(), min(lineHead, max(1, lineHeads/max(1, d.lined)))
	heads, err := all[queuedJob](d.App, headsOfLines, dbx.Params{"now": stamp(now), "limit": limit})
	if err != nil || len(heads) == 0 {
		return nil, err
	}
	plans, err := plansOf(d.App, now, owners(heads))
	if err != nil {
		return nil, err
	}
	var list []*line
	for _, job := range heads {
		if len(list) == 0 || list[len(list)-1].owner != job.Owner {
			list = append(list, &line{owner: job.Owner, plan: plans[job.Owner], running: running[job.Owner], now: now})
		}
		last := list[len(list)-1]
		last.jobs = append(last.jobs, job)
		last.more = len(last.jobs) == limit
	}
	d.lined = len(list)
	return list, nil
}

func owners(jobs []queuedJob) (ids []string) {
	for i := range jobs {
		if i == 0 || jobs[i].Owner != jobs[i-1].Owner {
			ids = append(ids, jobs[i].Owner)
		}
	}
	return ids
}

// full says whether the plan allows no further running job.
func (l *line) full() bool { return !l.plan.Slots.Allows(int64(l.running) + 1) }

// priority is that of the line's first job.
func (l *line) priority() int64 {
	p := l.jobs[0].Priority + l.plan.Priority
	if l.running == 0 {
		p += int64(max(0, l.now.Sub(l.jobs[0].since())) / ageStep)
	}
	return p
}

func (l *line) compare(o *line) int {
	a, b := &l.jobs[0], &o.jobs[0]
	return cmp.Or(cmp.Compare(o.priority(), l.priority()), cmp.Compare(l.running, o.running), cmp.Compare(a.CreatedAt, b.CreatedAt), cmp.Compare(a.ID, b.ID))
}

func (l *line) slotsVerdict() progress.Verdict {
	return progress.Verdict{
		Code: collections.CodeQuotaSlots, Message: fmt.Sprintf("Waiting: your plan %s runs %d jobs at once.", l.plan.Name, l.plan.Slots),
	}
}

// rest reads the next jobs of a line whose known ones are done.
func (d *Dispatcher) restOf(l *line, last queuedJob, engines string) error {
	jobs, err := all[queuedJob](d.App, restOfLine, dbx.Params{
		"owner": l.owner, "now": stamp(l.now), "priority": last.Priority, "created": last.CreatedAt, "id": last.ID, "engines": engines, "limit": linePage,
	})
	l.jobs, l.more = jobs, len(jobs) == linePage
	return err
}

// turns is a heap of lines that have a job and may run it.
type turns []*line

func (t turns) Len() int           { return len(t) }
func (t turns) Less(i, j int) bool { return t[i].compare(t[j]) < 0 }
func (t turns) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *turns) Push(x any)        { *t = append(*t, x.(*line)) }
func (t *turns) Pop() any {
	old := *t
	last := old[len(old)-1]
	*t = old[:len(old)-1]
	return last
}

// settle puts the first line, whose job was done, to its new place, or drops it.
func (t *turns) settle() {
	if l := (*t)[0]; len(l.jobs) == 0 || l.full() {
		heap.Pop(t)
		return
	}
	heap.Fix(t, 0)
}
