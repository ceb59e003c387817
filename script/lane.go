package script

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"

	"github.com/dop251/goja"
)

const (
	maxWaiting    = 1000 // calls that wait for a runtime
	watchEvery    = 10 * time.Millisecond
	maxGrowth     = 256 << 20              // bytes by which the heap of the process may grow during a call that is looked at
	grace         = 100 * time.Millisecond // what an interrupted runtime gets to come back
	maxCallDepth  = 1000
	heapInUse     = "/memory/classes/heap/objects:bytes"
	busyMessage   = "all runtimes are busy"
	memoryMessage = "took too much memory"
)

// Why a call did not come to its end.
var (
	errExceeded = errors.New("took too long")
	errMemory   = errors.New(memoryMessage)
	errPanic    = errors.New("panicked")
	errBusy     = errors.New(busyMessage)
)

// exceeded says whether a call broke its limits, unlike one that threw.
func exceeded(err error) bool {
	return errors.Is(err, errExceeded) || errors.Is(err, errMemory) || errors.Is(err, errPanic)
}

// lane bounds how many runtimes there are at a time.
type lane struct {
	slots   chan struct{}
	waiting atomic.Int64
}

func newLane(slots int) *lane { return &lane{slots: make(chan struct{}, slots)} }

// run runs fn with a new runtime and answers what it answers. It comes back soon after limit, whatever the runtime does;
// a runtime that hangs keeps its slot until it ends, and what fn answers then is lost. errExceeded, errMemory, errPanic, errBusy.
func (l *lane) run(limit time.Duration, fn func(vm *goja.Runtime) (func(), error)) (func(), error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	if err := l.enter(timer); err != nil {
		return nil, err
	}
	timer.Reset(limit)
	vm := newVM()
	done := make(chan outcome, 1)
	go func() {
		defer func() { <-l.slots }()
		done <- guarded(vm, fn)
	}()
	return watch(vm, timer, limit, done)
}

// enter waits for a slot.
func (l *lane) enter(timer *time.Timer) error {
	select {
	case l.slots <- struct{}{}:
		return nil
	default:
	}
	defer l.waiting.Add(-1)
	if l.waiting.Add(1) > maxWaiting {
		return errBusy
	}
	select {
	case l.slots <- struct{}{}:
		return nil
	case <-timer.C:
		return errBusy
	}
}

func newVM() *goja.Runtime {
	vm := goja.New()
	vm.SetMaxCallStackSize(maxCallDepth)
	return vm
}

type outcome struct {
	result func()
	err    error
}

// guarded runs fn; a panic of Go code below a handler becomes an error.
func guarded(vm *goja.Runtime, fn func(vm *goja.Runtime) (func(), error)) (out outcome) {
	defer func() {
		if p := recover(); p != nil {
			out = outcome{nil, fromPanic(p)}
		}
	}()
	result, err := fn(vm)
	return outcome{result, err}
}

func fromPanic(p any) error {
	if interrupted, ok := p.(*goja.InterruptedError); ok {
		return reason(interrupted)
	}
	return fmt.Errorf("%w: %s\n%s", errPanic, textOfPanic(p), debug.Stack())
}

// textOfPanic shows what is of Go only: a value of the script could run code when it is shown.
func textOfPanic(p any) string {
	switch p := p.(type) {
	case runtime.Error:
		return p.Error()
	case string:
		return p
	}
	return fmt.Sprintf("%T", p)
}

// reason answers why a runtime was interrupted, with the place in the script.
func reason(interrupted *goja.InterruptedError) error {
	err, ok := interrupted.Value().(error)
	if !ok {
		return interrupted
	}
	return fmt.Errorf("%w%s", err, place(interrupted.Stack()))
}

// place answers where in a script a stack begins.
func place(stack []goja.StackFrame) string {
	for _, frame := range stack {
		if at := frame.Position(); at.Line > 0 {
			return fmt.Sprintf(" (%s:%d)", frame.SrcName(), at.Line)
		}
	}
	return ""
}

// watch waits for the outcome and interrupts the runtime when its time or memory is over.
func watch(vm *goja.Runtime, timer *time.Timer, limit time.Duration, done <-chan outcome) (func(), error) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	var atFirst uint64
	for {
		select {
		case out := <-done:
			return out.result, out.err
		case <-timer.C:
			return stop(vm, fmt.Errorf("%w: its limit is %s", errExceeded, limit), done)
		case <-ticker.C:
			now := heap()
			if atFirst == 0 {
				atFirst = now
			} else if now > atFirst+maxGrowth {
				return stop(vm, errMemory, done)
			}
		}
	}
}

// stop interrupts the runtime and leaves it when it does not come back.
func stop(vm *goja.Runtime, why error, done <-chan outcome) (func(), error) {
	vm.Interrupt(why)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case out := <-done:
		return out.result, out.err
	case <-timer.C:
		return nil, why
	}
}

// heap answers the bytes of the heap that are in use or not yet freed.
func heap() uint64 {
	sample := []metrics.Sample{{Name: heapInUse}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
