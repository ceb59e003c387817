package api

import (
	"net/http"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/api/wire"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/schedule"
)

// adminScheduleRoutes show and start what the control plane does by itself.
func (a *API) adminScheduleRoutes() []route {
	return []route{
		{"GET", "/admin/schedules", admin, small, "", a.listSchedules},
		{"POST", "/admin/schedules/{name}/run", admin, small, "schedule.run", a.runSchedule},
	}
}

func (a *API) listSchedules(e *core.RequestEvent) error {
	states := a.Schedule.List()
	list := page[wire.Schedule]{Page: 1, PerPage: len(states), TotalItems: len(states), TotalPages: 1, Items: make([]wire.Schedule, len(states))}
	for i, state := range states {
		list.Items[i] = scheduleOf(state)
	}
	return ok(e, list)
}

func scheduleOf(s schedule.State) wire.Schedule {
	return wire.Schedule{
		Name: s.Name, Spec: s.Spec, Running: s.Running, LastStartedAt: optionalTime(s.LastStarted), LastDurationMs: s.LastDuration.Milliseconds(),
		LastOutcome: wire.ScheduleLastOutcome(s.LastOutcome), LastError: s.LastError, NextAt: optionalTime(s.Next),
	}
}

// optionalTime answers nil for no time.
func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Millisecond)
	return &t
}

// runSchedule begins a run; its outcome is in the list when it has ended.
func (a *API) runSchedule(e *core.RequestEvent) error {
	name := e.Request.PathValue("name")
	err := hooks.InTransaction(e.App, func(tx core.App) error {
		if err := hooks.Audit(acts(e), tx, "schedule.run", "schedules", name, nil); err != nil {
			return err
		}
		return a.Schedule.RunNow(name) // last: a refusal takes the audit row back
	})
	if err != nil {
		return err
	}
	return e.NoContent(http.StatusAccepted)
}
