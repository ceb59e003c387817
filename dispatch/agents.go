package dispatch

import (
	"crypto/ed25519"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
)

// agent is what the dispatcher knows of an agent. Dispatcher.mu guards it.
type agent struct {
	id       string
	address  string
	key      ed25519.PublicKey
	local    bool
	draining bool

	startID    string
	pastStarts []string // never taken for new again
	seq        int64    // of the last report taken of startID
	answered   int64    // of the newest report whose reply the agent has read
	seen       time.Time
	written    time.Time // the row's last_seen_at
	health     collections.AgentHealth
	held       map[string]bool      // jobs whose data it keeps
	starting   map[string]queuedJob // by job, placements on their way
	stopping   map[string]string    // infohash by job, of stops on their way

	reporting sync.Mutex // one report at a time
}

// agent answers a known agent that is not revoked; for others, an error with CodeUnauthorized.
func (d *Dispatcher) agent(id string) (*agent, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if a, ok := d.agents[id]; ok {
		return a, nil
	}
	return nil, errUnauthorized
}

// loadAgents brings the memory up to date with the rows.
func (d *Dispatcher) loadAgents() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	rows, err := d.App.FindAllRecords("agents")
	if err != nil {
		return err
	}
	current := map[string]*agent{}
	for _, row := range rows {
		if row.GetBool("revoked") {
			continue
		}
		a, known := d.agents[row.Id]
		if !known {
			a = newAgent(row)
		}
		a.draining = row.GetBool("draining")
		current[row.Id] = a
	}
	for id, a := range d.agents {
		if current[id] == nil {
			d.removed[id] = a
		}
	}
	d.agents = current
	return nil
}

// endOrphans ends the attempts of agents that were removed, at once: nobody will hear of them again.
func (d *Dispatcher) endOrphans() {
	d.mu.Lock()
	var ended []lease
	for _, l := range d.leases {
		if d.agents[l.agentID] == nil {
			ended = append(ended, *l)
		}
	}
	d.mu.Unlock()
	for _, l := range ended {
		d.endAttempt(d.App, l.jobID, l.attempt, ending{code: collections.CodeAgentLost, message: "The agent was removed."})
	}
}

// LiveAgent is what is known of an agent between the writes of its row.
type LiveAgent struct {
	Online bool // heard within a lease
	Seen   time.Time
	Health collections.AgentHealth
}

// LiveAgents answers, by id, the agents that were heard since the start.
func (d *Dispatcher) LiveAgents() map[string]LiveAgent {
	d.mu.Lock()
	defer d.mu.Unlock()
	live := map[string]LiveAgent{}
	for id, a := range d.agents {
		if !a.seen.IsZero() {
			live[id] = LiveAgent{Online: !d.gone(a), Seen: a.seen, Health: a.health}
		}
	}
	return live
}

func newAgent(row *core.Record) *agent {
	key, _ := hex.DecodeString(row.GetString("public_key")) // a bad key verifies nothing
	return &agent{
		id: row.Id, key: key, startID: row.GetString("start_id"), seq: int64(row.GetInt("report_seq")),
		address: strings.TrimSuffix(row.GetString("address"), "/"), local: row.GetBool("local"),
		held: map[string]bool{}, starting: map[string]queuedJob{}, stopping: map[string]string{},
	}
}

// offers says whether the agent has the engine; "" is any.
func (a *agent) offers(engine string) bool {
	if engine == "" {
		return true
	}
	return slices.ContainsFunc(a.health.Engines, func(e collections.EngineHealth) bool { return e.Name == engine })
}

// begin notes a report's start id and health. fresh is false for a replay, whose entries change nothing;
// restarted is true for the first report of a new start.
func (d *Dispatcher) begin(a *agent, req *collections.ReportRequest) (fresh, restarted bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if req.StartID == a.startID {
		fresh = req.Seq > a.seq
	} else if !slices.Contains(a.pastStarts, req.StartID) {
		if a.startID != "" {
			a.pastStarts = append(a.pastStarts[max(0, len(a.pastStarts)-15):], a.startID)
		}
		a.startID, a.seq, a.answered = req.StartID, 0, 0
		a.written = time.Time{} // the row learns of it with this report
		fresh, restarted = true, true
	}
	if fresh {
		if restarted || d.gone(a) || roomier(&a.health, &req.Health) {
			poke(d.wake)
		}
		a.seen, a.health, a.answered = d.Now(), req.Health, req.Answered
		if held := heldJobs(req); len(held) > 0 { // agents tell it in some reports only
			a.held = held
		}
		a.move(req.Advertise)
	}
	return fresh, restarted
}

// gone says whether the agent has been silent for longer than a lease. The caller holds mu.
func (d *Dispatcher) gone(a *agent) bool { return a.seen.Add(d.Lease).Before(d.Now()) }

// roomier says whether an agent may take jobs now that it did not before.
func roomier(was, is *collections.AgentHealth) bool {
	return is.Slots > was.Slots || was.Draining && !is.Draining || len(is.Engines) > len(was.Engines)
}

// move follows an agent whose API has another address now.
func (a *agent) move(address string) {
	if address != "" && checkAddress(address) == nil {
		a.address = strings.TrimSuffix(address, "/")
	}
}

func heldJobs(req *collections.ReportRequest) map[string]bool {
	held := map[string]bool{}
	for i := range req.Jobs {
		if req.Jobs[i].State == collections.AgentHeld {
			held[req.Jobs[i].JobID] = true
		}
	}
	return held
}
