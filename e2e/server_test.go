// Package e2e tests the whole product as people use it: the built binary, foreign
// torrent clients, a real tracker, a real S3 server.
package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is the program under test; scripts/test-go.sh builds it.
func binary(t testing.TB) string {
	t.Helper()
	path := os.Getenv("LONGSHORE_BINARY")
	if path == "" {
		path = "../bin/longshore"
	}
	path, err := filepath.Abs(path)
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Fatalf("the program under test is missing (make build): %v", err)
	}
	return path
}

// process is a program under test, with its output.
type process struct {
	name string
	cmd  *exec.Cmd
	out  *output
	done chan struct{}
}

// start runs a program that ends with the test, together with its children.
func start(t testing.TB, name string, env []string, path string, args ...string) *process {
	t.Helper()
	p := &process{name: name, cmd: exec.Command(path, args...), out: new(output), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	go func() { p.cmd.Wait(); close(p.done) }()
	t.Cleanup(func() {
		p.end()
		if t.Failed() {
			t.Logf("%s printed:\n%s", name, p.out.tail(16<<10))
		}
	})
	return p
}

// end asks the program to end, and kills it when it does not.
func (p *process) end() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		p.kill()
	}
}

// kill is kill -9.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.done
}

// server is a running `longshore serve`.
type server struct {
	*process
	dir   string
	env   []string
	args  []string
	url   string
	setup string // one-time link, "" once set up
}

// testEnv lets torrents come from loopback and keeps the user's own settings out.
var testEnv = []string{"LONGSHORE_ALLOW_PRIVATE_NETWORK=1", "LONGSHORE_LISTEN_HOST=127.0.0.1"}

// startServer runs serve on a new folder and free ports.
func startServer(t testing.TB, env []string, args ...string) *server {
	t.Helper()
	s := &server{dir: filepath.Join(t.TempDir(), "data"), env: append(testEnv, env...), args: args}
	s.args = append([]string{"serve", "--dir", s.dir, "--http", freeAddr(t), "--agents", freeAddr(t)}, args...)
	s.start(t)
	return s
}

var (
	runsAt    = regexp.MustCompile(`Longshore runs at (\S+)`)
	setupLink = regexp.MustCompile(`(http\S+/setup#token=\S+)`)
)

// start runs serve (again) on the server's folder and waits until it answers.
func (s *server) start(t testing.TB) {
	t.Helper()
	s.process = start(t, "serve", s.env, binary(t), s.args...)
	s.url = s.out.wait(t, runsAt)
	eventually(t, "serve is ready", 30*time.Second, func() error { return get(s.url + "/readyz") })
	if m := setupLink.FindStringSubmatch(s.out.String()); m != nil {
		s.setup = m[1]
	}
}

// flag answers the value that serve was started with.
func (s *server) flag(name string) string {
	for i, arg := range s.args {
		if arg == name {
			return s.args[i+1]
		}
	}
	return ""
}

// command runs another command of the program on the server's folder and answers its standard output.
func (s *server) command(t testing.TB, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.Command(binary(t), append(args, "--dir", s.dir)...)
	cmd.Env = append(os.Environ(), s.env...)
	cmd.Stdin = strings.NewReader(stdin)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("longshore %s: %v\n%s%s", strings.Join(args, " "), err, out, errs.String())
	}
	return string(out)
}

// mustPassDoctor checks the invariants, the hashes of all complete files too.
func (s *server) mustPassDoctor(t testing.TB) {
	t.Helper()
	s.command(t, "", "doctor", "--deep")
}

// startAgent runs `longshore agent` beside a server that runs none of its own.
func (s *server) startAgent(t testing.TB, dir, token string) *process {
	t.Helper()
	args := []string{"agent", "--server", "http://" + s.flag("--agents"), "--dir", dir}
	if token != "" {
		args = append(args, "--token", token)
	}
	return start(t, "agent", s.env, binary(t), args...)
}

// engines answers the pids of the engine processes below a process.
func engines(t testing.TB, parent int) []int {
	t.Helper()
	out, _ := exec.Command("pgrep", "-P", fmt.Sprint(parent), "-f", "engine").Output()
	var pids []int
	for _, line := range strings.Fields(string(out)) {
		var pid int
		fmt.Sscan(line, &pid)
		pids = append(pids, pid)
	}
	return pids
}

func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// eventually tries until it gets no error or the time is over.
func eventually(t testing.TB, what string, limit time.Duration, try func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within %v: %v", what, limit, err)
		case <-tick.C:
		}
	}
}

// output collects what a program prints.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (o *output) tail(n int) string {
	s := o.String()
	return s[max(0, len(s)-n):]
}

// wait answers the first group of the pattern once it was printed.
func (o *output) wait(t testing.TB, pattern *regexp.Regexp) (found string) {
	t.Helper()
	eventually(t, "printing "+pattern.String(), 60*time.Second, func() error {
		m := pattern.FindStringSubmatch(o.String())
		if m == nil {
			return fmt.Errorf("printed so far: %s", o.tail(2000))
		}
		found = m[1]
		return nil
	})
	return found
}
