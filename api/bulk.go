package api

import (
	"cmp"
	"context"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/api/wire"
	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// changeJobs carries out one wish for many jobs, each in its own transactions: others write between two of them.
func (a *API) changeJobs(e *core.RequestEvent) error {
	var in wire.JobsChange
	if err := readBody(e, &in); err != nil {
		return err
	}
	w, err := wishOf(&in)
	if err != nil {
		return err
	}
	list := wire.JobOutcomeList{Items: make([]wire.JobOutcome, 0, len(in.Ids))}
	for _, id := range in.Ids {
		outcome := a.changeOneOf(e, id, w, "job."+string(in.Action))
		if outcome.Ok {
			list.Succeeded++
		} else {
			list.Failed++
		}
		list.Items = append(list.Items, outcome)
	}
	return ok(e, list)
}

func wishOf(in *wire.JobsChange) (wish, error) {
	if in.Action == wire.JobsChangeActionLabel {
		if in.Label == nil {
			return wish{}, invalid("label", "The action label needs a label.")
		}
		return labelled(*in.Label), checkLabel(*in.Label)
	}
	if in.Label != nil {
		return wish{}, invalid("label", "Only the action label has a label.")
	}
	return map[wire.JobsChangeAction]wish{
		wire.JobsChangeActionPause: paused, wire.JobsChangeActionResume: resumed, wire.JobsChangeActionCancel: cancelled,
		wire.JobsChangeActionDelete: deleted, wire.JobsChangeActionRetry: retried,
	}[in.Action], nil
}

// changeOneOf has an actor of its own for each job: the audit names the action of each as if it had been asked for alone.
func (a *API) changeOneOf(e *core.RequestEvent, id string, w wish, action string) wire.JobOutcome {
	actor := hooks.ActorOf(e.Request.Context())
	actor.Action = action
	changed, err := a.changeOwn(hooks.WithActor(acts(e), actor), e, id, w)
	if err == nil {
		outcome := wire.JobOutcome{Id: id, Ok: true}
		if changed.Id != id {
			outcome.JobId = changed.Id
		}
		return outcome
	}
	coded := asCoded(asInvalidInput(err))
	if coded.Code == collections.CodeInternal {
		a.Logger.Error("a job of many could not be changed", "request_id", e.Request.Header.Get(requestIDHeader), "job", id, "action", action, "error", causes(err))
	}
	return wire.JobOutcome{Id: id, Code: string(coded.Code), Message: cmp.Or(coded.Message, string(coded.Code))}
}

func (a *API) changeOwn(ctx context.Context, e *core.RequestEvent, id string, w wish) (*core.Record, error) {
	job, err := findJobOf(e.App, e.Auth.Id, id)
	if err != nil {
		return nil, err
	}
	if w.submits {
		if err := a.takeSubmit(e); err != nil {
			return nil, err
		}
	}
	return w.carryOut(ctx, e.App, job)
}

// takeSubmit counts what makes a job like a request that does.
func (a *API) takeSubmit(e *core.RequestEvent) error {
	settings, err := a.choices.get()
	if err != nil {
		return err
	}
	t := a.traffic.submits.take(e.Auth.Id, cmp.Or(settings.SubmitsPerMinute, collections.DefaultSettings().SubmitsPerMinute), a.Now())
	if t.refused {
		return tooMany(e, t.reset, "There were too many submissions. Try again later.")
	}
	return nil
}
