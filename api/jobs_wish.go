package api

import (
	"context"
	"slices"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
)

// wish carries out a wish of the job's owner. In a state where it is fulfilled already nothing happens, so that a
// request may be sent again.
func (a *API) wish(e *core.RequestEvent, do func(context.Context, core.App, string) (*core.Record, error), fulfilled ...collections.Status) error {
	job, err := findJob(e)
	if err != nil {
		return err
	}
	if slices.Contains(fulfilled, collections.Status(job.GetString("status"))) {
		return ok(e, a.Board.Job(job))
	}
	changed, err := do(acts(e), e.App, job.Id)
	if collections.CodeOf(err) == collections.CodeIllegalTransition { // perhaps the same wish was quicker
		if now, findErr := findJob(e); findErr == nil && slices.Contains(fulfilled, collections.Status(now.GetString("status"))) {
			return ok(e, a.Board.Job(now))
		}
	}
	return a.answerJob(e, changed, err)
}
