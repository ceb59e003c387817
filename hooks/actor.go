package hooks

import (
	"context"
	"sync"
)

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

	subject *subject
}

// subject is the kind of record that a request changes first. Its action names changes of these; what goes along with
// them, such as the plan of a new user, is named after its own collection.
type subject struct {
	mu   sync.Mutex
	kind string
}

func (s *subject) is(kind string) bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kind == "" {
		s.kind = kind
	}
	return s.kind == kind
}

type actorKey struct{}

// WithActor answers a context whose saves are made by actor.
func WithActor(ctx context.Context, actor Actor) context.Context {
	actor.subject = new(subject)
	return context.WithValue(ctx, actorKey{}, actor)
}

// HasActor says whether somebody was named in ctx.
func HasActor(ctx context.Context) bool {
	_, named := ctx.Value(actorKey{}).(Actor)
	return named
}

// ActorOf answers who acts in ctx, the system when nobody was named.
func ActorOf(ctx context.Context) Actor {
	if actor, ok := ctx.Value(actorKey{}).(Actor); ok {
		return actor
	}
	return Actor{Kind: ActorSystem}
}
