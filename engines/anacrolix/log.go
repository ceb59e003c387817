package anacrolix

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	logQuiet    = 10 * time.Second // one message is logged at most once in this time
	logMessages = 256              // messages remembered
)

// quietHandler lets warnings and errors of the library through, each message at most
// once in a while: a swarm of broken peers must not fill a disk with logs.
type quietHandler struct {
	slog.Handler
	recent *recentMessages
}

type recentMessages struct {
	mu   sync.Mutex
	last map[string]time.Time
}

func quietLogger(l *slog.Logger) *slog.Logger {
	return slog.New(quietHandler{l.Handler(), &recentMessages{last: map[string]time.Time{}}})
}

func (h quietHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

func (h quietHandler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelWarn || !h.recent.due(r.Message, r.Time) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

func (h quietHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return quietHandler{h.Handler.WithAttrs(attrs), h.recent}
}

func (h quietHandler) WithGroup(name string) slog.Handler {
	return quietHandler{h.Handler.WithGroup(name), h.recent}
}

func (m *recentMessages) due(message string, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now.Sub(m.last[message]) < logQuiet {
		return false
	}
	if len(m.last) >= logMessages {
		clear(m.last)
	}
	m.last[message] = now
	return true
}

// defaultHandler logs to what slog's default is at the time, which an engine process sets
// only when it is served.
type defaultHandler struct{ attrs []slog.Attr }

func (h defaultHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return slog.Default().Enabled(ctx, level)
}

func (h defaultHandler) Handle(ctx context.Context, r slog.Record) error {
	r.AddAttrs(h.attrs...)
	return slog.Default().Handler().Handle(ctx, r)
}

func (h defaultHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return defaultHandler{append(h.attrs[:len(h.attrs):len(h.attrs)], attrs...)}
}

func (h defaultHandler) WithGroup(string) slog.Handler { return h }
