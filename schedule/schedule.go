// Package schedule runs what the control plane does again and again by itself, and keeps for each its last run and
// outcome: in memory for the admin's page, and in the collection schedules for the dashboard and over a restart.
package schedule

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/robfig/cron/v3"

	"github.com/longshore-project/longshore/collections"
)

// Outcome is how a run ended.
type Outcome string

// The outcomes; empty before the first run.
const (
	OK     Outcome = "ok"
	Failed Outcome = "failed"
)

// State is what is known of one schedule.
type State struct {
	Name         string
	Spec         string
	Running      bool
	LastStarted  time.Time // zero before the first run
	LastDuration time.Duration
	LastOutcome  Outcome
	LastError    string // of the last run, empty when it went well
	Next         time.Time
}

// Scheduler runs named functions. Its methods may be called from several goroutines at once.
type Scheduler struct {
	app    core.App
	logger *slog.Logger
	now    func() time.Time
	cron   *cron.Cron

	mu      sync.Mutex
	entries map[string]*entry
	ctx     context.Context
	stop    context.CancelFunc
	manual  sync.WaitGroup
}

type entry struct {
	state   State
	run     func(context.Context) error
	id      cron.EntryID
	written time.Time // the row
}

// New answers a Scheduler that runs nothing before Start.
func New(app core.App, logger *slog.Logger) *Scheduler {
	ctx, stop := context.WithCancel(context.Background())
	return &Scheduler{
		app: app, logger: logger, now: time.Now, cron: cron.New(cron.WithParser(parser), cron.WithLocation(time.UTC)),
		entries: map[string]*entry{}, ctx: ctx, stop: stop,
	}
}

var parser = cron.NewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// Check says what is wrong with a specification: five or six fields of cron (the first of six is seconds), in UTC
// unless it begins with CRON_TZ=, or @every, @daily and the like (https://pkg.go.dev/github.com/robfig/cron/v3).
func Check(spec string) error {
	if _, err := parser.Parse(spec); err != nil {
		return &collections.Error{Code: collections.CodeInvalidInput, Message: "This is no schedule: " + err.Error() + ".", Cause: err}
	}
	return nil
}

// Add has run called by the specification. A run that is due while the one before still goes on is left out. The
// context ends when the scheduler stops. Names are unique: a second Add of a name replaces the first.
func (s *Scheduler) Add(name, spec string, run func(context.Context) error) error {
	when, err := parser.Parse(spec)
	if err != nil {
		return fmt.Errorf("schedule %s: %w", name, err)
	}
	s.add(name, spec, when, run)
	return nil
}

// Every is Add with an interval, which may be shorter than cron's second.
func (s *Scheduler) Every(name string, interval time.Duration, run func(context.Context) error) {
	s.add(name, "@every "+interval.String(), constant(interval), run)
}

// constant is a schedule of cron.
type constant time.Duration

// Next answers the next time after t.
func (c constant) Next(t time.Time) time.Time { return t.Add(time.Duration(c)) }

func (s *Scheduler) add(name, spec string, when cron.Schedule, run func(context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := &entry{state: State{Name: name, Spec: spec}, run: run}
	if before := s.entries[name]; before != nil {
		s.cron.Remove(before.id)
		e.state = before.state
		e.state.Spec = spec
	}
	e.id = s.cron.Schedule(when, cron.FuncJob(func() { s.try(e) }))
	s.entries[name] = e
}

// Start reads what earlier processes noted and begins to run.
func (s *Scheduler) Start() error {
	if err := s.load(); err != nil {
		return err
	}
	s.cron.Start()
	return nil
}

// Stop ends the context of runs, waits for them and notes how each schedule stands.
func (s *Scheduler) Stop() {
	s.stop()
	<-s.cron.Stop().Done()
	s.manual.Wait()
	for _, state := range s.List() {
		s.write(state)
	}
}

// RunNow begins a run at once and answers before its end. not_found for an unknown name, illegal_transition when it
// runs already, unavailable when the scheduler has stopped.
func (s *Scheduler) RunNow(name string) error {
	s.mu.Lock()
	e := s.entries[name]
	s.mu.Unlock()
	if e == nil {
		return collections.Errorf(collections.CodeNotFound, "There is no such schedule.")
	}
	if s.ctx.Err() != nil {
		return collections.Errorf(collections.CodeUnavailable, "Longshore is shutting down.")
	}
	if !s.begin(e) {
		return collections.Errorf(collections.CodeIllegalTransition, "The schedule runs already.")
	}
	s.manual.Go(func() { s.finish(e, s.call(e)) })
	return nil
}

// List answers all schedules by name.
func (s *Scheduler) List() []State {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]State, 0, len(s.entries))
	for _, e := range s.entries {
		list = append(list, s.stateOf(e))
	}
	slices.SortFunc(list, func(a, b State) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// try runs a schedule unless it runs already.
func (s *Scheduler) try(e *entry) {
	if s.ctx.Err() == nil && s.begin(e) {
		s.finish(e, s.call(e))
	}
}

func (s *Scheduler) begin(e *entry) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.state.Running {
		return false
	}
	e.state.Running, e.state.LastStarted = true, s.now()
	return true
}

// call makes an error of a panic: one schedule never ends the control plane.
func (s *Scheduler) call(e *entry) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("panic: %v\n%s", reason, debug.Stack())
		}
	}()
	return e.run(s.ctx)
}

func (s *Scheduler) finish(e *entry, err error) {
	if err != nil && s.ctx.Err() == nil {
		s.logger.Error("a schedule failed", "schedule", e.state.Name, "error", err)
	}
	s.mu.Lock()
	changed := e.note(err, s.now())
	state, due := s.stateOf(e), changed || s.now().Sub(e.written) >= rowInterval
	s.mu.Unlock()
	due = due && s.write(state)
	s.mu.Lock()
	defer s.mu.Unlock()
	e.state.Running = false // only now: the next run's row comes after this one's
	if due {
		e.written = s.now()
	}
}

// stateOf answers a copy that is up to date. The caller holds mu.
func (s *Scheduler) stateOf(e *entry) State {
	state := e.state
	state.Next = s.cron.Entry(e.id).Next
	return state
}

// note takes the outcome of a run over, and says whether it differs from the one before.
func (e *entry) note(err error, at time.Time) (changed bool) {
	outcome, message := OK, ""
	if err != nil {
		outcome, message = Failed, err.Error()
	}
	changed = outcome != e.state.LastOutcome || message != e.state.LastError
	e.state.LastDuration = at.Sub(e.state.LastStarted)
	e.state.LastOutcome, e.state.LastError = outcome, message
	return changed
}
