package dispatch

import (
	"cmp"
	"container/heap"
	"errors"
	"slices"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/progress"
)

const lookInterval = time.Second

var noVerdict = progress.Verdict{}

// queuedJob is a job that waits for an agent.
type queuedJob struct {
	ID        string `db:"id"`
	Owner     string `db:"user_id"`
	Infohash  string `db:"infohash"`
	Engine    string `db:"engine"`
	Priority  int64  `db:"priority"` // the job's own
	CreatedAt string `db:"created_at"`
	Since     string `db:"status_since"`
	Avoid     string `db:"avoid_agents"`
	Failovers int    `db:"failovers"`
}

const queuedColumns = `j.id, j.user_id, j.infohash, j.engine, j.priority, j.created_at, j.status_since, j.avoid_agents, j.failovers`

func queuedOf(job *core.Record) queuedJob {
	return queuedJob{
		ID: job.Id, Owner: job.GetString("user_id"), Infohash: job.GetString("infohash"), Engine: job.GetString("engine"),
		Avoid: job.GetString("avoid_agents"), Failovers: job.GetInt("failovers"),
	}
}

// since answers when the job began to wait.
func (q *queuedJob) since() time.Time {
	t, _ := time.Parse(stampLayout, cmp.Or(q.Since, q.CreatedAt)) // our own stamp
	return t
}

// pumpLoop works the queue when a commit may have changed it, when a retry is due, and at every sweep for what other
// processes commit. Between two looks it rests for as long as the first took, so that a storm of commits does not keep it busy.
func (d *Dispatcher) pumpLoop() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-d.ctx.Done():
			return
		case <-d.wake:
		case <-timer.C:
		}
		began := time.Now()
		if err := d.pump(); err != nil {
			d.Logger.Error("the queue could not be worked", "error", err)
		}
		d.rest(min(time.Since(began), lookInterval))
		timer.Reset(d.untilNextDue())
	}
}

// look is one look at the queue. Its room is taken by it alone; leases that end meanwhile only give more.
type look struct {
	d       *Dispatcher
	room    []*space
	leased  map[string]bool // jobs whose leases take some of it
	engines string          // that have room, as JSON
	notes   map[string]note
}

// note is a verdict of the pump's on the board.
type note struct {
	owner   string
	verdict progress.Verdict
}

// pump hands due jobs to agents with free slots, in fair turns, and notes why the first of the others wait. While no
// agent has room, a storm of commits makes it look once a second only.
func (d *Dispatcher) pump() error {
	d.mu.Lock()
	l, running := &look{d: d, room: d.room(), notes: map[string]note{}}, d.running()
	l.engines, l.leased = enginesOf(l.room), map[string]bool{}
	for id := range d.leases {
		l.leased[id] = true
	}
	d.mu.Unlock()
	if !hasRoom(l.room) && time.Since(d.looked) < lookInterval {
		return nil
	}
	d.looked = time.Now()
	lines, err := d.lines(running)
	if err != nil {
		return err
	}
	heads := make([][]queuedJob, len(lines))
	for i, line := range lines {
		heads[i] = line.jobs
	}
	err = l.place(lines)
	for i, line := range lines {
		l.note(line, heads[i])
	}
	err = errors.Join(err, d.tellWaiting(l.notes))
	d.renote(l.notes)
	return err
}

// place gives every line its turns until no agent has room.
func (l *look) place(lines []*line) error {
	t := make(turns, 0, len(lines))
	for _, line := range lines {
		if !line.full() {
			t = append(t, line)
		}
	}
	heap.Init(&t)
	for len(t) > 0 && hasRoom(l.room) {
		line := t[0]
		job := line.jobs[0]
		line.jobs = line.jobs[1:]
		if l.give(job) {
			line.running++
		}
		if len(line.jobs) == 0 && line.more && !line.full() {
			if err := l.d.restOf(line, job, l.engines); err != nil {
				return err
			}
		}
		t.settle()
	}
	return nil
}

// give reserves room for a job and begins to place it; false when no agent can take it or it is on its way already.
func (l *look) give(job queuedJob) bool {
	d := l.d
	d.mu.Lock()
	defer d.mu.Unlock()
	if l.leased[job.ID] { // its own lease, which has ended meanwhile, would keep it from the agent that holds its data
		poke(d.wake)
		return false
	}
	s, _ := choose(l.room, job)
	if s == nil || d.placing(job.ID) {
		return false
	}
	s.use(job.Infohash)
	s.agent.starting[job.ID] = job
	d.work.Go(func() { d.place(s.agent, job) })
	return true
}

// note tells the owner's browsers why these jobs wait.
func (l *look) note(line *line, jobs []queuedJob) {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	for _, job := range jobs {
		if l.d.placing(job.ID) {
			continue
		}
		if why := line.why(l.room, job); why != noVerdict {
			l.notes[job.ID] = note{line.owner, why}
			l.d.Board.SetVerdict(line.owner, job.ID, why)
		}
	}
}

// why answers why a job waits, with no verdict when it does not.
func (l *line) why(room []*space, job queuedJob) progress.Verdict {
	if l.full() {
		return l.slotsVerdict()
	}
	_, why := choose(room, job)
	return why
}

// renote takes the notes of the look before back that no longer hold.
func (d *Dispatcher) renote(notes map[string]note) {
	for id, old := range d.notes {
		if _, waits := notes[id]; waits {
			continue
		}
		if now, _ := d.Board.Verdict(id); now == old.verdict {
			d.Board.SetVerdict(old.owner, id, noVerdict)
		}
	}
	d.notes = notes
}

// explain answers why a job waits of which the pump has made no note, because many wait before it.
func (d *Dispatcher) explain(job *core.Record) progress.Verdict {
	if job.GetString("waits_for") != "" {
		return waitsForContent
	}
	if !isInLine(job) || job.GetDateTime("next_attempt_at").Time().After(d.Now()) {
		return noVerdict
	}
	q := queuedOf(job)
	plans, err := plansOf(d.App, d.Now(), []string{q.Owner})
	if err != nil {
		d.Logger.Error("a plan could not be read", "error", err)
		return noVerdict
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.placing(q.ID) {
		return noVerdict
	}
	l := line{owner: q.Owner, plan: plans[q.Owner], running: d.running()[q.Owner]}
	return l.why(d.room(), q)
}

func isInLine(job *core.Record) bool {
	return job.GetString("status") == string(collections.StatusQueued) && job.GetString("desired") == string(collections.DesiredRun) &&
		job.GetString("waits_for") == "" && !hooks.AwaitsStorage(job)
}

func hasRoom(room []*space) bool {
	return slices.ContainsFunc(room, func(s *space) bool { return s.free > 0 })
}

// untilNextDue answers how long the pump may sleep.
func (d *Dispatcher) untilNextDue() time.Duration {
	row, err := one[struct {
		Next string `db:"next"`
	}](d.App, `SELECT COALESCE(MIN(next_attempt_at), '') AS next FROM jobs WHERE status = 'queued' AND next_attempt_at > {:now}`,
		dbx.Params{"now": stamp(d.Now())})
	wait := min(d.Sweep, lookInterval)
	if err != nil || row.Next == "" {
		return wait
	}
	due, err := time.Parse(stampLayout, row.Next)
	if err != nil {
		return wait
	}
	return max(time.Millisecond, min(wait, due.Sub(d.Now())))
}

// placing says whether the job has an agent or is about to get one. The caller holds mu.
func (d *Dispatcher) placing(jobID string) bool {
	for _, a := range d.agents {
		if _, busy := a.starting[jobID]; busy {
			return true
		}
	}
	return d.leases[jobID] != nil
}
