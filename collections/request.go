package collections

import "context"

// RequestIDHeader carries the id of a person's request from one process to the next, so that one search finds all that was logged of it.
const RequestIDHeader = "X-Request-Id"

type requestIDKey struct{}

// WithRequestID answers a context in which calls to other processes are made for that request. An empty id changes nothing.
func WithRequestID(ctx context.Context, id string) context.Context {
	if id == "" {
		return ctx
	}
	return context.WithValue(ctx, requestIDKey{}, id)
}

// RequestIDOf answers the id of the request that ctx is for, "" when there is none.
func RequestIDOf(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}
