package plugins

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
)

// Spec says how to start an engine.
type Spec struct {
	Name string   // for the log
	Path string   // executable; "" is this program itself
	Args []string // without the program's name
	Env  []string // the engine's whole environment, as KEY=value; go-plugin adds its own

	// Checksum is the SHA-256 the executable must have. When nil, it is what
	// the executable had when this program first launched or supervised it.
	Checksum []byte

	// RunDir holds the engines' sockets and is their working directory. It belongs to one host
	// process: at the first launch there, processes and sockets that an earlier host left are removed.
	RunDir string
	Logger *slog.Logger // nil discards
}

const (
	logLimit      = time.Second // for the last lines of an engine whose descendants keep its standard error open
	startLimit    = 20 * time.Second
	maxSocketPath = 107                 // sun_path of unix(7) without its NUL
	socketName    = "/plugin0123456789" // as go-plugin names it
)

// Process is a running engine.
type Process struct {
	process *process
	engine  Engine
	cleaned chan struct{} // closed when nothing is left of it
}

// Launch starts an engine and waits until it answers; ctx bounds the start, not the life. The engine dies with this
// program. Errors that a new try cannot mend have the code invalid.
func Launch(ctx context.Context, spec Spec) (*Process, error) {
	spec, err := spec.ready(ctx)
	if err != nil {
		return nil, err
	}
	running, err := newProcess(spec.command(), spec.Checksum, spec.Logger)
	if err != nil {
		return nil, err
	}
	p := &Process{process: running, cleaned: make(chan struct{})}
	c := plugin.NewClient(p.config(ctx, spec))
	stop := context.AfterFunc(ctx, running.killGroup)
	p.engine, err = dispense(c)
	stop()
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		c.Kill()
		return nil, launchError(spec, err)
	}
	go p.clean(c)
	return p, nil
}

func dispense(c *plugin.Client) (Engine, error) {
	protocol, err := c.Client()
	if err != nil {
		return nil, err
	}
	raw, err := protocol.Dispense(pluginName)
	if err != nil {
		return nil, err
	}
	return raw.(Engine), nil
}

func launchError(spec Spec, err error) error {
	code := ErrInternal
	if errors.Is(err, plugin.ErrChecksumsDoNotMatch) {
		code = ErrInvalid
	}
	return fmt.Errorf("starting engine %s: %w", spec.Name, &Error{Code: code, Message: err.Error()})
}

func (s Spec) logger() *slog.Logger {
	return cmp.Or(s.Logger, slog.New(slog.DiscardHandler)).With("engine", s.Name)
}

// ready fills in defaults and makes the run folder.
func (s Spec) ready(ctx context.Context) (Spec, error) {
	s.Logger = s.logger()
	s.Path = cmp.Or(s.Path, selfPath)
	if !filepath.IsAbs(s.Path) || !filepath.IsAbs(s.RunDir) {
		return s, invalid("paths of an engine must be absolute")
	}
	if len(s.RunDir)+len(socketName) > maxSocketPath {
		return s, invalid("the run folder's path is too long for a unix socket: %s", s.RunDir)
	}
	if err := os.MkdirAll(s.RunDir, 0o700); err != nil {
		return s, err
	}
	if s.Checksum == nil {
		var err error
		if s.Checksum, err = checksum(s.Path); err != nil {
			return s, err
		}
	}
	return s, sweepOnce(ctx, s.RunDir, s.Logger)
}

func (s Spec) command() *exec.Cmd {
	name := s.Path
	if name == selfPath {
		name = os.Args[0]
	}
	return &exec.Cmd{
		Path:        s.Path,
		Args:        append([]string{name}, s.Args...),
		Dir:         s.RunDir,
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
	}
}

func (p *Process) config(ctx context.Context, spec Spec) *plugin.ClientConfig {
	return &plugin.ClientConfig{
		HandshakeConfig:  handshake,
		Plugins:          plugin.PluginSet{pluginName: &grpcPlugin{gone: p.process.gone, logger: spec.Logger}},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         true,
		SkipHostEnv:      true,
		StartTimeout:     startLimit,
		Logger:           hostHclog(ctx, spec.Logger),
		SyncStdout:       printed{spec.Logger},
		SyncStderr:       printed{spec.Logger},
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: spec.RunDir},
		RunnerFunc: func(_ hclog.Logger, prepared *exec.Cmd, _ string) (runner.Runner, error) {
			p.process.cmd.Env = slices.Concat(spec.Env, prepared.Env, []string{socketDir + "=" + spec.RunDir})
			return p.process, nil
		},
	}
}

// clean lets go-plugin end its goroutines and remove its folder.
func (p *Process) clean(c *plugin.Client) {
	<-p.process.gone
	c.Kill()
	select {
	case <-p.process.logged:
	case <-time.After(logLimit):
	}
	close(p.cleaned)
}

// Engine answers the engine that runs in the process.
func (p *Process) Engine() Engine { return p.engine }

// Done is closed within milliseconds of the process's death, whatever its cause.
func (p *Process) Done() <-chan struct{} { return p.process.gone }

// Pid answers the process's id; its process group has the same one.
func (p *Process) Pid() int { return p.process.id() }

// Kill lets the engine flush for at most five seconds, then kills its whole process group and
// waits until nothing is left of it. It may be called again, and after the process died.
func (p *Process) Kill() { p.kill(context.Background()) }

func (p *Process) kill(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, shutdownLimit)
	defer cancel()
	_ = p.engine.Shutdown(ctx)
	p.process.killGroup()
	<-p.cleaned
}
