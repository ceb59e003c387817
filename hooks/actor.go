package hooks

import "context"

// ActorKind says what acts.
type ActorKind string

// The kinds.
const (
	ActorUser      ActorKind = "user"      // a browser's session
	ActorKey       ActorKind = "key"       // an API key of a user
	ActorSuperuser ActorKind = "superuser" // the dashboard
	ActorNobody    ActorKind = "nobody"    // a request without an account
	ActorSystem    ActorKind = "system"    // Longshore itself, a command, a script
)

// Actor is who makes a change. It travels in the context of a save, so that every hook can know it.
type Actor struct {
	ID        string // of the user or superuser; empty for nobody and system
	Kind      ActorKind
	Action    string // what the request is for, such as job.pause; empty: named after collection and change
	RequestID string
	Address   string
}

type actorKey struct{}

// WithActor answers a context whose saves are made by actor.
func WithActor(ctx context.Context, actor Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, actor)
}

// ActorOf answers who acts in ctx, the system when nobody was named.
func ActorOf(ctx context.Context) Actor {
	if actor, ok := ctx.Value(actorKey{}).(Actor); ok {
		return actor
	}
	return Actor{Kind: ActorSystem}
}
