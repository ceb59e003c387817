package agent

import (
	"github.com/longshore-project/longshore/collections"
)

// health answers what the agent can take on.
func (a *Agent) health() collections.AgentHealth {
	free, err := a.scratch.free()
	if err != nil {
		a.log.Error("free scratch space is unknown", "error", err)
	}
	a.mu.Lock()
	used := a.slotsUsed()
	a.mu.Unlock()
	h := collections.AgentHealth{
		AgentID: a.identity.AgentID, StartID: a.startID, Version: a.cfg.Version,
		Slots: a.cfg.Slots, SlotsUsed: used,
		ScratchFreeBytes: free, ScratchReservedBytes: a.reports.reserved(),
		Draining: a.ctx.Err() != nil,
	}
	for _, host := range a.engines {
		h.Engines = append(h.Engines, host.health())
	}
	return h
}
