package plugins

import (
	"os/exec"
	"runtime"
	"sync"
)

// The kernel sends the parent-death signal when the thread that forked ends, not the
// process (prctl(2), PR_SET_PDEATHSIG). So every engine is forked by one thread that is kept for life.
var startThread = sync.OnceValue(func() chan<- startRequest {
	requests := make(chan startRequest)
	go func() {
		runtime.LockOSThread()
		for r := range requests {
			r.result <- r.cmd.Start()
		}
	}()
	return requests
})

type startRequest struct {
	cmd    *exec.Cmd
	result chan<- error
}

// startForLife is cmd.Start on the thread kept for life.
func startForLife(cmd *exec.Cmd) error {
	result := make(chan error, 1)
	startThread() <- startRequest{cmd, result}
	return <-result
}
