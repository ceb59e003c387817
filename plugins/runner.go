package plugins

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/hashicorp/go-plugin"
	"golang.org/x/sys/unix"
)

// process runs an engine for go-plugin, which by itself would hand its own standard input
// down, kill the leader only, and notice a death only after the last writer of the pipes is gone.
type process struct {
	cmd      *exec.Cmd
	checksum []byte
	stdout   io.ReadCloser
	logger   *slog.Logger
	logged   chan struct{} // closed when standard error ended
	gone     chan struct{} // closed when the leader died; the group has been killed by then

	mu     sync.Mutex
	pid    int    // 0 before the start
	reaped bool   // pid may belong to somebody else
	socket string // the engine's, once it told
}

func newProcess(cmd *exec.Cmd, checksum []byte, logger *slog.Logger) (*process, error) {
	stdout, err := cmd.StdoutPipe()
	return &process{
		cmd: cmd, checksum: checksum, stdout: stdout, logger: logger,
		logged: make(chan struct{}), gone: make(chan struct{}),
	}, err
}

// Start checks the executable's SHA-256 and forks.
func (p *process) Start(context.Context) error {
	secure := &plugin.SecureConfig{Checksum: p.checksum, Hash: sha256.New()}
	ok, err := secure.Check(p.cmd.Path)
	if err != nil {
		return fmt.Errorf("checking the engine's executable: %w", err)
	}
	if !ok {
		return plugin.ErrChecksumsDoNotMatch
	}
	if err := p.fork(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pid = p.cmd.Process.Pid
	go p.watch(p.pid)
	return nil
}

// fork starts the process with a pipe of ours for standard error, which its Wait does not close over the last lines.
func (p *process) fork() error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	p.cmd.Stderr = w
	err = startForLife(p.cmd)
	w.Close()
	go func() {
		defer close(p.logged)
		defer r.Close()
		copyLog(r, p.logger)
	}()
	return err
}

// watch leaves the leader a zombie, so that its pid still names its group when the rest of it is killed.
func (p *process) watch(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			break
		}
	}
	p.killGroup()
	close(p.gone)
}

func (p *process) killGroup() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped && p.pid > 0 {
		_ = syscall.Kill(-p.pid, syscall.SIGKILL)
	}
}

func (p *process) id() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pid
}

func (p *process) Kill(context.Context) error {
	p.killGroup()
	return nil
}

func (p *process) Wait(context.Context) error {
	<-p.gone
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reaped = true
	if p.socket != "" {
		_ = os.Remove(p.socket)
	}
	return p.cmd.Wait()
}

func (p *process) Stdout() io.ReadCloser { return p.stdout }
func (p *process) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }
func (p *process) Name() string          { return p.cmd.Path }
func (p *process) ID() string            { return strconv.Itoa(p.id()) }

func (p *process) Diagnose(context.Context) string {
	return "an engine prints one handshake line first; see plugins/engine.proto"
}

func (p *process) PluginToHost(network, address string) (string, string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if network == "unix" {
		p.socket = address
	}
	return network, address, nil
}

func (p *process) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
