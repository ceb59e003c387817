// Package agent runs jobs: it drives engines, uploads what they verified and
// reports to its control plane. One goroutine owns each attempt at a job
// (job.go). What all jobs share has a file each: engine.go, uploader.go, report.go, scratch.go.
package agent

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/longshore-project/longshore/plugins"
)

// Config says how an agent runs. Zero values mean the defaults.
type Config struct {
	Server    string                 // base URL of the control plane; http on a loopback host
	Token     string                 // one-time enrolment token; needed until Dir holds an identity that the control plane knows
	MintToken func() (string, error) // makes one when it is needed; takes the place of Token
	Listen    string                 // host:port of the agent's API; default 127.0.0.1 and a free port, the last one again when it can be had
	Advertise string                 // base URL under which the control plane reaches Listen; default http://<listen address>
	Dir       string                 // identity and scratch space; one agent at a time
	EngineDir string                 // executables named longshore-engine-* are offered as engines
	Slots     int                    // jobs at once; default 4
	Scratch   int64                  // bytes the scratch space may take; 0 for what the disk has
	Link      bool                   // the object store may lie on this machine: finished files are linked or cloned when the control plane agrees
	Engines   []plugins.Spec
	Version   string
	Logger    *slog.Logger
}

const (
	defaultListen   = "127.0.0.1:0"
	defaultSlots    = 4
	hashersAtOnce   = 2
	shutdownTimeout = 2 * time.Second
)

// limits are the times an agent is patient for; tests shorten them.
type limits struct {
	call        time.Duration // one call of an engine
	health      time.Duration // between two looks at an engine
	crashWindow time.Duration // in which crashes of a job count together
	crashes     int           // of an engine because of one job, within crashWindow, that the job is failed for
	down        time.Duration // without an engine until it is told
	downTooLong time.Duration // without an engine until the job is failed
	retry       time.Duration // first pause after a failed upload or request
	held        time.Duration // between two reports of scratch that no job uses
	lonely      time.Duration // without a peer until it is told
}

func defaultLimits() limits {
	return limits{
		call: 15 * time.Second, health: 5 * time.Second, crashWindow: 5 * time.Minute, crashes: 3,
		down: 10 * time.Second, downTooLong: 2 * time.Minute,
		retry: 250 * time.Millisecond, held: time.Minute, lonely: 30 * time.Second,
	}
}

// Agent is one agent. New makes it, Run is its whole life.
type Agent struct {
	cfg     Config
	limits  limits
	log     *slog.Logger
	startID string
	scratch *scratch
	engines []*host // the first is the default
	uploads *uploader
	reports *reporter
	hashing chan struct{}

	// Set by Run before anything else starts.
	identity *identity
	control  *control
	ctx      context.Context // of jobs

	mu    sync.Mutex
	jobs  map[string]*job
	ended map[string]int64 // highest attempt that was ended, by job
}

// New checks the configuration and finds the engines; it starts nothing.
func New(cfg Config) (*Agent, error) {
	cfg.Logger = cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler))
	cfg.Listen = cmp.Or(cfg.Listen, defaultListen)
	cfg.Slots = cmp.Or(cfg.Slots, defaultSlots)
	if err := requireLoopback(cfg.Server); err != nil {
		return nil, err
	}
	var err error
	if cfg.Dir, err = filepath.Abs(cmp.Or(cfg.Dir, "agent_data")); err != nil {
		return nil, err
	}
	a := &Agent{
		cfg: cfg, limits: defaultLimits(), log: cfg.Logger, startID: rand.Text(),
		scratch: &scratch{dir: filepath.Join(cfg.Dir, "scratch"), limit: cfg.Scratch},
		hashing: make(chan struct{}, hashersAtOnce),
		jobs:    map[string]*job{}, ended: map[string]int64{},
	}
	a.uploads = newUploader()
	a.reports = newReporter(a)
	if a.engines, err = a.findEngines(); err != nil {
		return nil, err
	}
	return a, nil
}

// Run enrols when there is no identity, serves the agent's API and runs jobs until
// ctx ends; then it ends the engines in order and answers nil. Scratch data stays for the next Run.
func (a *Agent) Run(ctx context.Context) error {
	if err := os.MkdirAll(a.scratch.dir, 0o700); err != nil {
		return err
	}
	unlock, err := lock(a.cfg.Dir)
	if err != nil {
		return err
	}
	defer unlock()
	if err := a.scratch.sweep(); err != nil {
		return err
	}
	if err := a.giveRunDirs(); err != nil {
		return err
	}
	ln, err := a.listen(ctx)
	if err != nil {
		return err
	}
	defer ln.Close()
	if err := a.identify(ctx, ln.Addr().String()); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	return a.serve(ctx, ln)
}

// serve lives until ctx ends. What ends later was needed by what ended before: jobs, engines, reports.
func (a *Agent) serve(ctx context.Context, ln net.Listener) error {
	var stopJobs context.CancelFunc
	a.ctx, stopJobs = context.WithCancel(context.WithoutCancel(ctx))
	defer stopJobs()
	stopUploads := a.background(ctx, a.uploads.run)
	stopReports := a.background(ctx, a.reports.run)
	var stopEngines []func()
	for _, h := range a.engines {
		stopEngines = append(stopEngines, a.background(ctx, h.run))
	}
	err := a.serveHTTP(ctx, ln)

	stopJobs()
	a.waitForJobs()
	stopUploads()
	var engines sync.WaitGroup
	for _, stop := range stopEngines {
		engines.Go(stop)
	}
	engines.Wait()
	stopReports()
	a.reports.last(context.WithoutCancel(ctx))
	return err
}

// background starts run, which outlives ctx's end until the answered function was called; that one waits.
func (a *Agent) background(ctx context.Context, run func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { run(ctx) })
	return func() {
		cancel()
		running.Wait()
	}
}

func (a *Agent) serveHTTP(ctx context.Context, ln net.Listener) error {
	server := &http.Server{
		Handler:           a.routes(),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(ln) }()
	a.log.Info("agent is ready", "agent", a.identity.AgentID, "listen", ln.Addr().String())
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if server.Shutdown(limit) != nil {
		_ = server.Close() // what is under way is broken off
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// listen opens the API's listener. With a free port asked for, the last start's port is
// tried first, so that the control plane's record of it stays true.
func (a *Agent) listen(ctx context.Context) (net.Listener, error) {
	var config net.ListenConfig
	host, port, err := net.SplitHostPort(a.cfg.Listen)
	if err != nil {
		return nil, err
	}
	if !loopback(host) {
		return nil, errors.New("the agent's API is plain HTTP: --listen must be on a loopback address, not " + a.cfg.Listen)
	}
	if port == "0" {
		if last := lastListen(a.cfg.Dir); last != "" {
			if ln, err := config.Listen(ctx, "tcp", last); err == nil {
				return ln, nil
			}
		}
	}
	return config.Listen(ctx, "tcp", a.cfg.Listen)
}

func (a *Agent) giveRunDirs() error {
	for _, h := range a.engines {
		if h.spec.RunDir == "" {
			dir, err := runDir(a.cfg.Dir)
			if err != nil {
				return err
			}
			h.spec.RunDir = dir
		}
	}
	return nil
}

func (a *Agent) waitForJobs() {
	for _, j := range a.active() {
		<-j.done
	}
}
