package plugins_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/longshore-project/longshore/plugins"
	"github.com/longshore-project/longshore/plugins/fake"
)

func TestEngineGetsNothingOfTheHostsEnvironment(t *testing.T) {
	t.Setenv("LONGSHORE_SECRET", "hunter2")
	p := launch(t, plugins.Spec{Env: []string{"LONGSHORE_UTP=1"}})
	environ, err := os.ReadFile("/proc/" + strconv.Itoa(p.Pid()) + "/environ")
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for entry := range strings.SplitSeq(strings.TrimRight(string(environ), "\x00"), "\x00") {
		key, _, _ := strings.Cut(entry, "=")
		keys = append(keys, key)
	}
	slices.Sort(keys)
	want := []string{"LONGSHORE_ENGINE", "LONGSHORE_UTP", "PLUGINS_TEST_ROLE", "PLUGIN_CLIENT_CERT", "PLUGIN_MAX_PORT",
		"PLUGIN_MIN_PORT", "PLUGIN_PROTOCOL_VERSIONS", "PLUGIN_UNIX_SOCKET_DIR"}
	if !slices.Equal(keys, want) {
		t.Errorf("environment has %v, want %v", keys, want)
	}
}

func TestEngineReadsNothingOfTheHostsInput(t *testing.T) {
	p := launch(t, plugins.Spec{})
	stdin, err := os.Readlink("/proc/" + strconv.Itoa(p.Pid()) + "/fd/0")
	if err != nil || stdin != "/dev/null" {
		t.Errorf("standard input is %q, %v", stdin, err)
	}
}

func TestEngineDiesWithItsHost(t *testing.T) {
	dir := runDir(t)
	cmd, engine := startHost(t, os.Args[0], dir)
	if !alive(engine) {
		t.Fatal("the engine does not live")
	}
	cmd.Process.Kill()
	eventually(t, "the engine is gone", func() bool { return !alive(engine) })
}

func TestEngineStartsAfterTheProgramsFileWasRemoved(t *testing.T) {
	program := filepath.Join(t.TempDir(), "program")
	copyProgram(t, program)
	_, engine := startHost(t, program, runDir(t), program)
	if _, err := os.Stat(program); err == nil {
		t.Fatal("the program is still there")
	}
	if !alive(engine) {
		t.Error("the engine does not live")
	}
}

func startHost(t *testing.T, program string, args ...string) (*exec.Cmd, int) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = []string{roleKey + "=host"}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	line, _ := bufio.NewReader(out).ReadString('\n')
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatalf("the host said %q", line)
	}
	return cmd, pid
}

func copyProgram(t *testing.T, to string) {
	t.Helper()
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, program, 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestADeathIsSeenAtOnce(t *testing.T) {
	p := launch(t, plugins.Spec{})
	hangEngine(t, p)
	answered := make(chan error, 1)
	go func() {
		_, err := p.Engine().Describe(context.Background())
		answered <- err
	}()
	began := time.Now()
	syscall.Kill(p.Pid(), syscall.SIGKILL)
	<-p.Done()
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
	if err := <-answered; plugins.EngineError(err).Code != plugins.ErrClosed {
		t.Errorf("the call in flight answered %v", err)
	}
	if err := p.Engine().Pause(t.Context(), "a"); plugins.EngineError(err).Code != plugins.ErrClosed {
		t.Errorf("a later call answered %v", err)
	}
}

// hangEngine makes the fake engine answer nothing from now on.
func hangEngine(t *testing.T, p *plugins.Process) {
	t.Helper()
	magnet, err := fake.Params{Mode: fake.Hang, Size: 1000, Early: true}.Magnet()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Engine().Add(t.Context(), plugins.AddRequest{ID: "hang", Dir: t.TempDir(), Magnet: magnet}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "calls are not answered", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := p.Engine().Describe(ctx)
		return errors.Is(err, context.DeadlineExceeded)
	})
}

func TestAHungEngineIsKilledWithinItsTime(t *testing.T) {
	t.Parallel()
	p := launch(t, plugins.Spec{})
	hangEngine(t, p)
	began := time.Now()
	p.Kill()
	if took := time.Since(began); took > 7*time.Second {
		t.Errorf("it took %v", took)
	}
	if alive(p.Pid()) {
		t.Error("it lives")
	}
}

func TestEngineOutlivesTheThreadThatLaunchedIt(t *testing.T) {
	var p *plugins.Process
	tid := make(chan int)
	go func() {
		runtime.LockOSThread() // ending locked, a goroutine takes its thread along
		p = launch(t, plugins.Spec{})
		tid <- syscall.Gettid()
	}()
	task := "/proc/self/task/" + strconv.Itoa(<-tid)
	eventually(t, "the thread ended", func() bool {
		_, err := os.Stat(task)
		return err != nil
	})
	if _, err := p.Engine().Describe(t.Context()); err != nil {
		t.Errorf("the engine went with it: %v", err)
	}
}

func TestAnExecutableThatChangedIsRefused(t *testing.T) {
	program := filepath.Join(t.TempDir(), "engine")
	copyProgram(t, program)
	spec := plugins.Spec{Name: "changed", Path: program, Env: engineEnv, RunDir: runDir(t)}
	p, err := plugins.Launch(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	p.Kill()
	changed, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	os.Remove(program)
	if err := os.WriteFile(program, append(changed, 0), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err = plugins.Launch(t.Context(), spec); plugins.EngineError(err).Code != plugins.ErrInvalid {
		t.Errorf("Launch: %v", err)
	}
	if pids := group(p.Pid()); len(pids) > 0 {
		t.Errorf("processes %v", pids)
	}
}

// shell is an engine that runs a line of shell first.
func shell(line string) plugins.Spec {
	return plugins.Spec{Path: "/bin/sh", Args: []string{"-c", line + "\nexec \"$PROGRAM\""}, Env: []string{"PROGRAM=" + must(filepath.Abs(os.Args[0]))}}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestAnEnginesChildrenGoWithIt(t *testing.T) {
	for name, end := range map[string]func(p *plugins.Process){
		"after Kill":    func(p *plugins.Process) { p.Kill() },
		"after a crash": func(p *plugins.Process) { syscall.Kill(p.Pid(), syscall.SIGKILL); <-p.Done() },
	} {
		t.Run(name, func(t *testing.T) {
			p := launch(t, shell("/bin/sleep 1000 &"))
			eventually(t, "engine and child run", func() bool { return len(group(p.Pid())) == 2 })
			end(p)
			eventually(t, "both are gone", func() bool { return len(group(p.Pid())) == 0 })
		})
	}
}

func TestWhatAnEarlierHostLeftIsSweptAtTheFirstLaunch(t *testing.T) {
	dir, other := runDir(t), runDir(t)
	left, foreign := orphan(t, dir), orphan(t, other)
	socket := filepath.Join(dir, "plugin123")
	fd := must(syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0))
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: socket}); err != nil {
		t.Fatal(err)
	}
	syscall.Close(fd)
	launch(t, plugins.Spec{RunDir: dir})
	eventually(t, "the orphan is gone", func() bool { return !alive(left) })
	if !alive(foreign) {
		t.Error("an engine of another host was killed")
	}
	if _, err := os.Lstat(socket); err == nil {
		t.Error("the socket is still there")
	}
}

// orphan runs a process that looks like an engine of another host.
func orphan(t *testing.T, dir string) int {
	t.Helper()
	cmd := exec.Command("/bin/sleep", "1000")
	cmd.Env = []string{"LONGSHORE_ENGINE=5f2c7d0a-longshore-engine", "PLUGIN_UNIX_SOCKET_DIR=" + dir}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd.Process.Pid
}

func TestNothingIsLeftOfAKilledEngine(t *testing.T) {
	dir := runDir(t)
	p := launch(t, plugins.Spec{RunDir: dir})
	p.Kill()
	p.Kill()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("the run folder holds %v, %v", entries, err)
	}
	if alive(p.Pid()) {
		t.Error("the process lives")
	}
}

func TestLaunchEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	dir := runDir(t)
	_, err := plugins.Launch(ctx, plugins.Spec{Name: "mute", Path: "/bin/sleep", Args: []string{"1000"}, RunDir: dir})
	if err == nil {
		t.Fatal("Launch of a program that says nothing succeeded")
	}
	if ctx.Err() == nil {
		t.Errorf("Launch gave up before: %v", err)
	}
}

func TestASpecThatCannotWorkIsInvalid(t *testing.T) {
	cases := []struct {
		name string
		spec plugins.Spec
	}{
		{"a relative path", plugins.Spec{Path: "engine", RunDir: "/tmp/x"}},
		{"a relative run folder", plugins.Spec{RunDir: "x"}},
		{"a run folder too long for a socket", plugins.Spec{RunDir: "/tmp/" + strings.Repeat("x", 100)}},
		{"another checksum", plugins.Spec{RunDir: runDir(t), Env: engineEnv, Checksum: make([]byte, 32)}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := plugins.Launch(t.Context(), c.spec)
			if plugins.EngineError(err).Code != plugins.ErrInvalid {
				t.Errorf("Launch: %v", err)
			}
		})
	}
}

func TestWhatAnEngineWritesIsLogged(t *testing.T) {
	var log bytes.Buffer
	spec := shell(`
		echo '{"@level":1,"@message":{},"@timestamp":7}' >&2
		echo '{"@level":"warn","@message":"from JSON","peer":"a"}' >&2
		echo '[INFO] from text' >&2
		head -c 200000 /dev/zero | tr '\0' x >&2; echo >&2
		echo 'panic: at the disco' >&2; echo 'goroutine 1' >&2`)
	spec.Env = append(spec.Env, "PATH=/usr/bin:/bin")
	spec.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelInfo}))
	p := launch(t, spec)
	p.Kill()
	for _, want := range []string{
		`level=WARN msg="from JSON" engine=fake peer=a`, `level=INFO msg="from text"`,
		`level=ERROR msg="panic: at the disco"`, `level=ERROR msg="goroutine 1"`,
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s; it is\n%s", want, log.String())
		}
	}
}

func TestAPersonIsToldThatAnEngineIsNoProgramForPeople(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = engineEnv
	stderr := must(cmd.StderrPipe())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said, _ := io.ReadAll(stderr)
	if err := cmd.Wait(); err == nil || len(said) == 0 {
		t.Errorf("exit: %v, standard error %q", err, said)
	}
}
