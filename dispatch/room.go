package dispatch

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/progress"
)

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

// room lists the agents that live and take jobs. The caller holds mu.
func (d *Dispatcher) room() []*space {
	spaces := map[string]*space{}
	for id, a := range d.agents {
		if !d.takesJobs(a) {
			continue
		}
		s := &space{agent: a, free: a.health.Slots, infohashs: map[string]bool{}}
		for job, queued := range a.starting {
			if l := d.leases[job]; l == nil || l.agentID != id {
				s.use(queued.Infohash)
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

// takesJobs says whether the agent lives and is not drained. The caller holds mu.
func (d *Dispatcher) takesJobs(a *agent) bool { return !a.draining && !a.health.Draining && !d.gone(a) }

// running counts the jobs of each user that an agent has or is about to get. The caller holds mu.
func (d *Dispatcher) running() map[string]int {
	n := map[string]int{}
	for _, l := range d.leases {
		n[l.owner]++
	}
	for _, a := range d.agents {
		for id, job := range a.starting {
			if d.leases[id] == nil {
				n[job.Owner]++
			}
		}
	}
	return n
}

// enginesOf lists the engines that an agent with a free slot offers, and "" for any, as JSON.
func enginesOf(room []*space) string {
	names := []string{""}
	for _, s := range room {
		if s.free <= 0 {
			continue
		}
		for _, e := range s.agent.health.Engines {
			names = append(names, e.Name)
		}
	}
	list, _ := json.Marshal(names) // strings
	return string(list)
}

// choose picks the agent for a job, or says why there is none: one on which its last attempts did not fail, then the one that
// holds its data. A job that was moved because it got no further waits for an agent that has not tried it, if there is one.
func choose(room []*space, job queuedJob) (*space, progress.Verdict) {
	if len(room) == 0 {
		return nil, progress.Verdict{Code: collections.CodeNoAgent, Message: "Waiting for an agent: none is connected."}
	}
	room = keep(room, func(s *space) bool { return s.agent.offers(job.Engine) })
	if len(room) == 0 {
		return nil, progress.Verdict{Code: collections.CodeEngineMissing, Message: "Waiting for an agent with the engine " + job.Engine + "."}
	}
	noSlot := "Waiting for an agent with a free slot."
	if untried := keep(room, func(s *space) bool { return job.avoids(s.agent.id) == 0 }); job.Failovers > 0 && len(untried) > 0 {
		room, noSlot = untried, "Waiting for a free slot of another agent: the ones before got no further."
	}
	room = keep(room, func(s *space) bool { return s.free > 0 })
	if len(room) == 0 {
		return nil, progress.Verdict{Code: collections.CodeNoAgent, Message: noSlot}
	}
	room = keep(room, func(s *space) bool { return !s.infohashs[job.Infohash] })
	if len(room) == 0 {
		return nil, progress.Verdict{Code: collections.CodeNoAgent, Message: "Waiting for another job of the same torrent to end."}
	}
	return slices.MinFunc(room, func(a, b *space) int {
		return cmp.Or(cmp.Compare(job.avoids(a.agent.id), job.avoids(b.agent.id)), first(a.agent.held[job.ID], b.agent.held[job.ID]),
			first(a.agent.local, b.agent.local), cmp.Compare(b.free, a.free), cmp.Compare(a.agent.id, b.agent.id))
	}), noVerdict
}

func keep(room []*space, fits func(*space) bool) []*space {
	return slices.DeleteFunc(slices.Clone(room), func(s *space) bool { return !fits(s) })
}

// avoids answers 0 for an agent on which the job did not fail, and more the later it failed there.
func (q *queuedJob) avoids(agentID string) int {
	failed := strings.Fields(q.Avoid)
	if i := slices.Index(failed, agentID); i >= 0 {
		return len(failed) - i
	}
	return 0
}

// avoiding puts an agent at the head of those on which a job failed since it last got on.
func avoiding(failed, agentID string) string {
	const most = 60 // of 15 letters and a space
	list := slices.DeleteFunc(strings.Fields(failed), func(id string) bool { return id == agentID })
	list = append([]string{agentID}, list...)
	return strings.Join(list[:min(len(list), most)], " ")
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
