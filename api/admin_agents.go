package api

import (
	"database/sql"
	"errors"
	"net/http"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/api/wire"
	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/dispatch"
)

// adminAgentRoutes are about the agents.
func (a *API) adminAgentRoutes() []route {
	return []route{
		{"GET", "/admin/agents", admin, small, "", a.listAgents},
		{"DELETE", "/admin/agents/{id}", admin, small, "agent.remove", a.removeAgent},
		{"POST", "/admin/agents/{id}/drain", admin, small, "agent.drain", a.drainAgent},
		{"POST", "/admin/agents/{id}/undrain", admin, small, "agent.undrain", a.undrainAgent},
	}
}

func (a *API) listAgents(e *core.RequestEvent) error {
	agents, err := a.findAgents(e.App, nil)
	if err != nil {
		return err
	}
	return ok(e, page[wire.Agent]{Page: 1, PerPage: len(agents), TotalItems: len(agents), TotalPages: 1, Items: agents})
}

// findAgents answers the agents that were not removed, by name: their rows, and what the dispatcher has heard since.
func (a *API) findAgents(app core.App, where dbx.Expression) ([]wire.Agent, error) {
	var rows []*core.Record
	err := app.RecordQuery("agents").AndWhere(dbx.HashExp{"revoked": false}).AndWhere(where).OrderBy("name", "created_at", "id").All(&rows)
	if err != nil {
		return nil, err
	}
	running, err := runningByAgent(app)
	if err != nil {
		return nil, err
	}
	live := map[string]dispatch.LiveAgent{}
	if a.Dispatch != nil {
		live = a.Dispatch.LiveAgents()
	}
	agents := make([]wire.Agent, len(rows))
	for i, row := range rows {
		agents[i] = agentOf(row, a.heard(row, live))
		agents[i].RunningJobs = running[row.Id]
	}
	return agents, nil
}

// heard answers the newest that is known of an agent. Its row is written every few seconds only.
func (a *API) heard(row *core.Record, live map[string]dispatch.LiveAgent) dispatch.LiveAgent {
	if l, known := live[row.Id]; known {
		return l
	}
	l := dispatch.LiveAgent{Seen: row.GetDateTime("last_seen_at").Time()}
	_ = row.UnmarshalJSONField("health", &l.Health) // empty before its first report
	return l
}

func runningByAgent(app core.App) (map[string]int, error) {
	var rows []struct {
		Agent string `db:"agent_id"`
		Jobs  int    `db:"jobs"`
	}
	err := app.DB().NewQuery(`SELECT agent_id, COUNT(*) AS jobs FROM jobs WHERE agent_id != '' AND status IN ('fetching_metadata', 'downloading', 'uploading') GROUP BY agent_id`).All(&rows)
	running := map[string]int{}
	for _, row := range rows {
		running[row.Agent] = row.Jobs
	}
	return running, err
}

func agentOf(row *core.Record, l dispatch.LiveAgent) wire.Agent {
	agent := wire.Agent{
		Id: row.Id, Name: row.GetString("name"), Local: row.GetBool("local"), Online: l.Online, Draining: row.GetBool("draining") || l.Health.Draining,
		LastSeenAt: optionalTime(l.Seen), Version: l.Health.Version, Slots: l.Health.Slots, CreatedAt: row.GetDateTime("created_at").Time(),
		ScratchFreeBytes: int(l.Health.ScratchFreeBytes), ScratchReservedBytes: int(l.Health.ScratchReservedBytes),
		Engines: make([]wire.AgentEngine, len(l.Health.Engines)),
	}
	for i, engine := range l.Health.Engines {
		agent.Engines[i] = wire.AgentEngine{Name: engine.Name, Version: engine.Version, Capabilities: append([]string{}, engine.Capabilities...)}
	}
	return agent
}

func findAgent(e *core.RequestEvent) (*core.Record, error) {
	row, err := e.App.FindRecordById("agents", e.Request.PathValue("id"))
	if errors.Is(err, sql.ErrNoRows) || err == nil && row.GetBool("revoked") {
		return nil, collections.Errorf(collections.CodeNotFound, "There is no such agent.")
	}
	return row, err
}

func (a *API) drainAgent(e *core.RequestEvent) error { return a.setDraining(e, true) }

func (a *API) undrainAgent(e *core.RequestEvent) error { return a.setDraining(e, false) }

func (a *API) setDraining(e *core.RequestEvent, draining bool) error {
	row, err := findAgent(e)
	if err != nil {
		return err
	}
	if row.GetBool("draining") != draining {
		row.Set("draining", draining)
		if err := saveAgent(e, row); err != nil {
			return err
		}
	}
	agents, err := a.findAgents(e.App, dbx.HashExp{"id": row.Id})
	if err != nil || len(agents) == 0 {
		return err
	}
	return ok(e, agents[0])
}

// saveAgent writes what changed only: reports write the rest. The dispatcher hears of it before the answer.
func saveAgent(e *core.RequestEvent, row *core.Record) error {
	row.IgnoreUnchangedFields(true)
	return e.App.SaveWithContext(acts(e), row)
}

// removeAgent keeps the row, which jobs name.
func (a *API) removeAgent(e *core.RequestEvent) error {
	row, err := findAgent(e)
	if err != nil {
		return err
	}
	row.Set("revoked", true)
	if err := saveAgent(e, row); err != nil {
		return err
	}
	return e.NoContent(http.StatusNoContent)
}
