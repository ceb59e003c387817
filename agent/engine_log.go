package agent

import (
	"context"
	"log/slog"
)

// engineLog tells of what an engine logs about a torrent for whose job, attempt and request it is: engines know torrents by
// names of the agent's own.
type engineLog struct {
	slog.Handler
	host *host
}

func (h engineLog) Handle(ctx context.Context, r slog.Record) error {
	var j *job
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "job" {
			j = h.host.torrent(a.Value.String())
		}
		return j == nil
	})
	if j == nil {
		return h.Handler.Handle(ctx, r)
	}
	known := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != "job" {
			known.AddAttrs(a)
		}
		return true
	})
	known.AddAttrs(j.names()...)
	return h.Handler.Handle(ctx, known)
}

func (h engineLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return engineLog{h.Handler.WithAttrs(attrs), h.host}
}

func (h engineLog) WithGroup(name string) slog.Handler {
	return engineLog{h.Handler.WithGroup(name), h.host}
}
