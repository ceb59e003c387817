package schedule

import (
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

const (
	rowInterval = time.Minute // between writes of a row whose outcome stays the same
	maxError    = 2000        // bytes of an error that a row keeps
)

// row is one row of schedules.
type row struct {
	Name     string         `db:"name"`
	Started  types.DateTime `db:"last_started_at"`
	Duration int64          `db:"last_duration_ms"`
	Outcome  Outcome        `db:"last_outcome"`
	Error    string         `db:"last_error"`
}

// load takes over what rows say of earlier runs, and drops the rows of schedules that are no more.
func (s *Scheduler) load() error {
	var rows []row
	err := s.app.DB().Select("name", "last_started_at", "last_duration_ms", "last_outcome", "last_error").From("schedules").All(&rows)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range rows {
		e := s.entries[r.Name]
		if e == nil {
			if _, err := s.app.NonconcurrentDB().Delete("schedules", dbx.HashExp{"name": r.Name}).Execute(); err != nil {
				return err
			}
			continue
		}
		e.state.LastStarted, e.state.LastDuration = r.Started.Time(), time.Duration(r.Duration)*time.Millisecond
		e.state.LastOutcome, e.state.LastError = r.Outcome, r.Error
	}
	return nil
}

// write makes the row agree with the memory; false when it could not.
func (s *Scheduler) write(state State) bool {
	_, err := s.app.NonconcurrentDB().NewQuery(`INSERT INTO schedules
		(id, name, spec, last_started_at, last_duration_ms, last_outcome, last_error, next_at, created_at, updated_at)
		VALUES ({:id}, {:name}, {:spec}, {:started}, {:duration}, {:outcome}, {:error}, {:next}, {:now}, {:now})
		ON CONFLICT (name) DO UPDATE SET spec = {:spec}, last_started_at = {:started}, last_duration_ms = {:duration},
			last_outcome = {:outcome}, last_error = {:error}, next_at = {:next}, updated_at = {:now}`).
		Bind(dbx.Params{
			"id": core.GenerateDefaultRandomId(), "name": state.Name, "spec": state.Spec, "started": stamp(state.LastStarted),
			"duration": state.LastDuration.Milliseconds(), "outcome": string(state.LastOutcome), "error": cut(state.LastError),
			"next": stamp(state.Next), "now": stamp(s.now()),
		}).Execute()
	if err != nil {
		s.logger.Warn("the run of a schedule could not be noted", "schedule", state.Name, "error", err)
	}
	return err == nil
}

// stamp writes a time as the database keeps it, "" for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(types.DefaultDateLayout)
}

func cut(s string) string {
	if len(s) > maxError {
		s = s[:maxError]
	}
	return strings.ToValidUTF8(s, "")
}
