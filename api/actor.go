package api

import (
	"context"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/longshore-project/longshore/hooks"
)

// nameActor puts who acts into the request's context, for every route, the dashboard's too: saves made with it are
// audited as that person's.
func (a *API) nameActor() *hook.Handler[*core.RequestEvent] {
	return &hook.Handler[*core.RequestEvent]{
		Id:       "longshoreActor",
		Priority: apis.DefaultLoadAuthTokenMiddlewarePriority + 1,
		Func: func(e *core.RequestEvent) error {
			e.Request = e.Request.WithContext(hooks.WithActor(e.Request.Context(), actorOf(e)))
			e.App = acting{e.App, e}
			e.Set(apis.RequestEventKeyLogMeta, map[string]any{"request_id": e.Request.Header.Get(requestIDHeader)})
			return e.Next()
		},
	}
}

func actorOf(e *core.RequestEvent) hooks.Actor {
	actor := hooks.Actor{Kind: hooks.ActorNobody, RequestID: e.Request.Header.Get(requestIDHeader), Address: addressOf(e.Request)}
	if e.Auth != nil {
		actor.ID, actor.Kind = e.Auth.Id, hooks.ActorUser
	}
	if keyOf(e) != nil {
		actor.Kind = hooks.ActorKey
	}
	if e.HasSuperuserAuth() {
		actor.Kind = hooks.ActorSuperuser
	}
	return actor
}

// nameAction notes what the request is for.
func nameAction(e *core.RequestEvent, action string) {
	actor := hooks.ActorOf(e.Request.Context())
	actor.Action = action
	e.Request = e.Request.WithContext(hooks.WithActor(e.Request.Context(), actor))
}

// nameAccount makes an account the actor that a request of nobody has just proven to be its own.
func nameAccount(e *core.RequestEvent, user *core.Record) {
	actor := hooks.ActorOf(e.Request.Context())
	actor.ID, actor.Kind = user.Id, hooks.ActorUser
	if user.IsSuperuser() {
		actor.Kind = hooks.ActorSuperuser
	}
	e.Request = e.Request.WithContext(hooks.WithActor(e.Request.Context(), actor))
}

// acts answers the context of what the request changes. A client that goes away does not undo it half-way.
func acts(e *core.RequestEvent) context.Context { return context.WithoutCancel(e.Request.Context()) }
