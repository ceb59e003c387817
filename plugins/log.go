package plugins

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"
)

const maxLogLine = 64 << 10

// copyLog turns what an engine writes to standard error into records, until the end of r. Lines are
// cut at 64 KiB. go-plugin's own reader would let a line like {"@level":1} panic its host.
func copyLog(r io.Reader, to *slog.Logger) {
	lines := bufio.NewReaderSize(r, maxLogLine)
	var crashed bool
	for {
		line, cut, err := lines.ReadLine()
		if err != nil {
			return
		}
		text := string(line)
		for cut && err == nil {
			_, cut, err = lines.ReadLine()
		}
		crashed = crashed || strings.HasPrefix(text, "panic: ") || strings.HasPrefix(text, "fatal error: ")
		record(to, text, crashed)
	}
}

func record(to *slog.Logger, line string, crashed bool) {
	var fields map[string]any
	if json.Unmarshal([]byte(line), &fields) == nil {
		recordFields(to, fields)
		return
	}
	level, message := textLevel(line)
	if crashed {
		level = slog.LevelError
	}
	logAt(to, level)(message)
}

func recordFields(to *slog.Logger, fields map[string]any) {
	level, message := levelOf(take(fields, "@level", "level")), take(fields, "@message", "msg")
	take(fields, "@timestamp", "time")
	var attrs []any
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		attrs = append(attrs, key, fields[key])
	}
	logAt(to, level)(message, attrs...)
}

func logAt(to *slog.Logger, level slog.Level) func(message string, attrs ...any) {
	switch level {
	case slog.LevelError:
		return to.Error
	case slog.LevelWarn:
		return to.Warn
	case slog.LevelInfo:
		return to.Info
	}
	return to.Debug
}

// take removes the first of keys that holds a string.
func take(fields map[string]any, keys ...string) string {
	for _, key := range keys {
		if s, ok := fields[key].(string); ok {
			delete(fields, key)
			return s
		}
	}
	return ""
}

// textLevel reads the mark of "[WARN] text".
func textLevel(line string) (slog.Level, string) {
	if rest, ok := strings.CutPrefix(line, "["); ok {
		if mark, text, ok := strings.Cut(rest, "] "); ok && len(mark) <= len("ERROR") {
			return levelOf(mark), text
		}
	}
	return slog.LevelDebug, line
}

func levelOf(word string) slog.Level {
	switch strings.ToLower(word) {
	case "info":
		return slog.LevelInfo
	case "warn":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	}
	return slog.LevelDebug
}

// printed records what an engine prints by fmt, or a library of it, and go-plugin forwards.
type printed struct{ to *slog.Logger }

func (p printed) Write(b []byte) (int, error) {
	for line := range strings.Lines(string(b)) {
		record(p.to, strings.TrimRight(line, "\r\n"), false)
	}
	return len(b), nil
}

// engineLog makes the handler whose lines copyLog reads.
func engineLog(w io.Writer) slog.Handler {
	return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})
}

// engineHclog is go-plugin's own log within an engine.
func engineHclog(w io.Writer) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, Output: w, JSONFormat: true})
}

// hostHclog is go-plugin's own log within an agent, for debugging only: what matters comes back as an error.
func hostHclog(ctx context.Context, to *slog.Logger) hclog.Logger {
	level := hclog.Off
	if to.Enabled(ctx, slog.LevelDebug) {
		level = hclog.Debug
	}
	l := hclog.NewInterceptLogger(&hclog.LoggerOptions{Level: level, Output: io.Discard})
	l.RegisterSink(debugSink{to})
	return l
}

type debugSink struct{ to *slog.Logger }

func (s debugSink) Accept(_ string, level hclog.Level, msg string, args ...any) {
	s.to.Debug("go-plugin: "+msg, args...)
}
