package plugins_test

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/longshore-project/longshore/plugins"
)

// supervise runs a supervisor that hands its processes over, until the test ends.
func supervise(t *testing.T, s *plugins.Supervisor) (processes <-chan *plugins.Process, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	up, result := make(chan *plugins.Process), make(chan error, 1)
	go func() {
		result <- s.Run(ctx, func(alive context.Context, p *plugins.Process) {
			select {
			case up <- p:
			case <-alive.Done():
			}
			<-alive.Done()
		})
	}()
	return up, func() error { cancel(); return <-result }
}

func TestSupervisorStartsADeadEngineAgain(t *testing.T) {
	s := plugins.NewSupervisor(plugins.Spec{Name: "fake", Env: engineEnv, RunDir: runDir(t)})
	s.Hasten(time.Millisecond, time.Hour)
	up, stop := supervise(t, s)
	first := <-up
	syscall.Kill(first.Pid(), syscall.SIGKILL)
	second := <-up
	if first.Pid() == second.Pid() {
		t.Error("it is the same process")
	}
	if err := stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
	if alive(second.Pid()) {
		t.Error("the engine outlived its supervisor")
	}
}

func TestSupervisorWaitsLongerAfterASecondDeath(t *testing.T) {
	s := plugins.NewSupervisor(plugins.Spec{Name: "fake", Env: engineEnv, RunDir: runDir(t)})
	s.Hasten(time.Millisecond, time.Hour)
	up, stop := supervise(t, s)
	defer stop()
	for range 2 {
		syscall.Kill((<-up).Pid(), syscall.SIGKILL)
	}
	select {
	case <-up:
		t.Error("the third start did not wait for a second")
	case <-time.After(300 * time.Millisecond):
	}
}

func TestSupervisorForgetsDeathsOfAnEngineThatLivedLong(t *testing.T) {
	s := plugins.NewSupervisor(plugins.Spec{Name: "fake", Env: engineEnv, RunDir: runDir(t)})
	s.Hasten(time.Millisecond, 0)
	up, stop := supervise(t, s)
	defer stop()
	for range 4 {
		syscall.Kill((<-up).Pid(), syscall.SIGKILL)
	}
}

func TestSupervisorGivesUpOnWhatCannotStart(t *testing.T) {
	s := plugins.NewSupervisor(plugins.Spec{Name: "fake", Env: engineEnv, RunDir: runDir(t), Checksum: make([]byte, 32)})
	err := s.Run(t.Context(), func(context.Context, *plugins.Process) { t.Error("it started") })
	if plugins.EngineError(err).Code != plugins.ErrInvalid {
		t.Errorf("Run: %v", err)
	}
}

func TestSupervisorKeepsTryingWhatDoesNotStartNow(t *testing.T) {
	log := make(chan struct{}, 1)
	s := plugins.NewSupervisor(plugins.Spec{
		Name: "broken", Path: "/bin/false", RunDir: runDir(t), Logger: loggerTo(log),
	})
	s.Hasten(time.Millisecond, time.Hour)
	_, stop := supervise(t, s)
	for range 2 {
		<-log
	}
	if err := stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
}
