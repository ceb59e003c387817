package dispatch

import (
	"cmp"
	"slices"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/progress"
)

const (
	queuePage    = 1000 // due jobs judged at once
	lookInterval = time.Second
)

var noVerdict = progress.Verdict{}

type queuedJob struct {
	ID       string `db:"id"`
	Owner    string `db:"user_id"`
	Infohash string `db:"infohash"`
	Engine   string `db:"engine"`
}

// pumpLoop works the queue when a commit may have changed it, when a retry is due, and at every sweep for what other processes commit.
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
		if err := d.pump(); err != nil {
			d.Logger.Error("the queue could not be worked", "error", err)
		}
		timer.Reset(d.untilNextDue())
	}
}

// pump hands due jobs, oldest first, to agents with free slots, and notes why the others wait. While no
// agent has room, a storm of commits makes it look once a second only.
func (d *Dispatcher) pump() error {
	d.mu.Lock()
	full := !hasRoom(d.room())
	d.mu.Unlock()
	if full && time.Since(d.looked) < lookInterval {
		return nil
	}
	d.looked = time.Now()
	before := d.waiting
	d.waiting = map[string]string{}
	defer d.stopWaiting(before)
	for page := 0; ; page++ {
		jobs, err := all[queuedJob](d.App, `SELECT id, user_id, infohash, engine FROM jobs WHERE status = 'queued' AND desired = 'run' AND waits_for = ''
			AND next_attempt_at <= {:now} AND `+hooks.WithStorage+` ORDER BY created_at, id LIMIT {:limit} OFFSET {:offset}`,
			dbx.Params{"now": stamp(d.Now()), "limit": queuePage, "offset": page * queuePage})
		if err != nil {
			return err
		}
		d.placeAll(jobs)
		if len(jobs) < queuePage {
			return nil
		}
	}
}

func (d *Dispatcher) placeAll(jobs []queuedJob) {
	d.mu.Lock()
	defer d.mu.Unlock()
	room := d.room()
	for _, job := range jobs {
		if d.placing(job.ID) {
			continue
		}
		s, why := choose(room, job)
		d.Board.SetVerdict(job.Owner, job.ID, why)
		if s == nil {
			d.waiting[job.ID] = job.Owner
			continue
		}
		s.take(job)
		d.work.Go(func() { d.place(s.agent, job) })
	}
}

// stopWaiting takes the verdicts back of jobs that waited before and are no longer due.
func (d *Dispatcher) stopWaiting(before map[string]string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, owner := range before {
		if _, waits := d.waiting[id]; !waits && d.leases[id] == nil {
			d.Board.SetVerdict(owner, id, noVerdict)
		}
	}
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

func (d *Dispatcher) placing(jobID string) bool {
	for _, a := range d.agents {
		if _, busy := a.starting[jobID]; busy {
			return true
		}
	}
	return d.leases[jobID] != nil
}

// space is an agent with the room it has.
type space struct {
	agent     *agent
	free      int
	infohashs map[string]bool
}

func (s *space) use(infohash string) {
	s.free--
	s.infohashs[infohash] = true
}

func (s *space) take(job queuedJob) {
	s.use(job.Infohash)
	s.agent.starting[job.ID] = job.Infohash
}

// room lists the agents that live and take jobs. The caller holds mu.
func (d *Dispatcher) room() []*space {
	spaces := map[string]*space{}
	for id, a := range d.agents {
		if a.draining || a.health.Draining || d.gone(a) {
			continue
		}
		s := &space{agent: a, free: a.health.Slots, infohashs: map[string]bool{}}
		for job, infohash := range a.starting {
			if l := d.leases[job]; l == nil || l.agentID != id {
				s.use(infohash)
			}
		}
		for _, infohash := range a.stopping {
			s.use(infohash)
		}
		spaces[id] = s
	}
	for _, l := range d.leases {
		if s := spaces[l.agentID]; s != nil {
			s.use(l.infohash)
		}
	}
	list := make([]*space, 0, len(spaces))
	for _, s := range spaces {
		list = append(list, s)
	}
	return list
}

// choose picks the agent for a job, the one that holds its data first, or says why there is none.
func choose(room []*space, job queuedJob) (*space, progress.Verdict) {
	if len(room) == 0 {
		return nil, progress.Verdict{Code: collections.CodeNoAgent, Message: "Waiting for an agent: none is connected."}
	}
	room = slices.DeleteFunc(slices.Clone(room), func(s *space) bool { return !s.agent.offers(job.Engine) })
	if len(room) == 0 {
		return nil, progress.Verdict{Code: collections.CodeEngineMissing, Message: "Waiting for an agent with the engine " + job.Engine + "."}
	}
	room = slices.DeleteFunc(room, func(s *space) bool { return s.free <= 0 })
	if len(room) == 0 {
		return nil, progress.Verdict{Code: collections.CodeNoAgent, Message: "Waiting for an agent with a free slot."}
	}
	room = slices.DeleteFunc(room, func(s *space) bool { return s.infohashs[job.Infohash] })
	if len(room) == 0 {
		return nil, progress.Verdict{Code: collections.CodeNoAgent, Message: "Waiting for another job of the same torrent to end."}
	}
	return slices.MinFunc(room, func(a, b *space) int {
		return cmp.Or(first(a.agent.held[job.ID], b.agent.held[job.ID]), first(a.agent.local, b.agent.local),
			cmp.Compare(b.free, a.free), cmp.Compare(a.agent.id, b.agent.id))
	}), noVerdict
}

// first orders true before false.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}
