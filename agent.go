package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/longshore-project/longshore/agent"
	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/plugins"
)

func newAgentCommand() *cobra.Command {
	var cfg agent.Config
	cmd := &cobra.Command{
		Use:   "agent --server URL [--token ENROLMENT]",
		Short: "Run downloads for a control plane",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cfg.Server == "" {
				return usageError{errors.New("--server is missing: the address of the control plane's listener for agents")}
			}
			return runAgent(cmd.Context(), cfg)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&cfg.Server, "server", "", "`URL` of the control plane's listener for agents")
	flags.StringVar(&cfg.Token, "token", "", "one-time enrolment `token` of 'longshore agents token'; not needed once enrolled")
	flags.StringVar(&cfg.Listen, "listen", "127.0.0.1:0", "`address` of the agent's own API")
	flags.StringVar(&cfg.Advertise, "advertise", "", "`URL` under which the control plane reaches that API")
	flags.StringVar(&cfg.Dir, "dir", "agent_data", "`folder` for identity and scratch")
	flags.StringVar(&cfg.EngineDir, "engine-dir", "", "`folder` with further engines, executables named longshore-engine-*")
	flags.IntVar(&cfg.Slots, "slots", defaultSlots, "jobs that may run at once")
	flags.Int64Var(&cfg.Scratch, "scratch", 0, "`bytes` of scratch space to use at most; 0 for all that is free")
	return cmd
}

const defaultSlots = 10

func runAgent(ctx context.Context, cfg agent.Config) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	cfg.Logger = newLogger()
	cfg.Version = version
	cfg.Engines = builtInEngines(cfg.Dir, cfg.Logger)
	a, err := agent.New(cfg)
	if err != nil {
		return usageError{err}
	}
	return a.Run(ctx)
}

// builtInEngines describes how to start the engines inside this binary.
func builtInEngines(dir string, logger *slog.Logger) []plugins.Spec {
	var specs []plugins.Spec
	for _, name := range engineNames {
		specs = append(specs, plugins.Spec{
			Name: name, Args: []string{"engine", name}, Env: engineEnv(),
			RunDir: runDir(dir), Logger: logger,
		})
	}
	return specs
}

// runDir is where engines' sockets lie: below dir, or in the system's folder for temporary files
// when dir's path leaves no room for a socket's (unix(7) allows 108 bytes).
func runDir(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		abs = dir
	}
	if len(abs) <= maxRunParent {
		return filepath.Join(abs, "run")
	}
	sum := sha256.Sum256([]byte(abs))
	return filepath.Join(os.TempDir(), fmt.Sprintf("longshore-%d-%x", os.Getuid(), sum[:6]))
}

// maxRunParent leaves room for "/run/plugin0123456789".
const maxRunParent = 80

// engineEnv is all that an engine sees of our environment: no secret is in it.
func engineEnv() []string {
	var env []string
	for _, name := range []string{
		"PATH", "TMPDIR", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "GOMEMLIMIT", "GOMAXPROCS",
		"LONGSHORE_ALLOW_PRIVATE_NETWORK", "LONGSHORE_UTP", "LONGSHORE_LISTEN_HOST",
	} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

func newLogger() *slog.Logger {
	level := slog.LevelInfo
	if strings.EqualFold(os.Getenv("LONGSHORE_LOG"), "debug") {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level, ReplaceAttr: redactAttr}))
}

// redactAttr keeps secrets out of the log: errors of HTTP clients tell whole URLs, signatures and all.
func redactAttr(_ []string, a slog.Attr) slog.Attr {
	switch v := a.Value.Any().(type) {
	case string:
		a.Value = slog.StringValue(collections.Redact(v))
	case error:
		a.Value = slog.StringValue(collections.Redact(v.Error()))
	}
	return a
}
