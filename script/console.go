package script

import (
	"context"
	"log/slog"
	"strings"

	"github.com/dop251/goja"
)

// maxLines is how many lines one call may log.
const maxLines = 50

var levels = map[string]slog.Level{
	"log": slog.LevelInfo, "info": slog.LevelInfo, "debug": slog.LevelDebug, "warn": slog.LevelWarn, "error": slog.LevelError,
}

// console writes to the log of the control plane.
func (c *call) console() goja.Value {
	console := c.vm.NewObject()
	for name, level := range levels {
		_ = console.Set(name, func(args goja.FunctionCall) goja.Value {
			c.log(level, args.Arguments)
			return goja.Undefined()
		})
	}
	return console
}

func (c *call) log(level slog.Level, args []goja.Value) {
	if c.lines++; c.lines > maxLines {
		return
	}
	words := make([]string, len(args))
	for i, arg := range args {
		words[i] = text(arg)
	}
	c.s.Logger.Log(context.Background(), level, shortened(strings.Join(words, " "), maxLogged), "script", c.file.name, "moment", string(c.moment))
}
