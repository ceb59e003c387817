// Package dispatch takes jobs from the queue to agents: placement, leases,
// retries and dead letters, what agents report, and the making of objects out of the parts that they upload.
package dispatch

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/progress"
	"github.com/longshore-project/longshore/schedule"
	"github.com/longshore-project/longshore/storage"
)

// Config is what a Dispatcher is made of. The times default to those of collections.
type Config struct {
	App    core.App
	Store  storage.Store
	Board  *progress.Board
	Secret hooks.Secret
	Now    func() time.Time
	Logger *slog.Logger

	Schedule *schedule.Scheduler // of the sweeps, started and stopped by the caller; one of its own when nil

	Lease      time.Duration // how long an agent may stay silent
	Grace      time.Duration // added to every lease when the control plane starts
	Sweep      time.Duration // between looks for ended leases
	RetryBase  time.Duration // before the first retry; doubles with each
	RetryMax   time.Duration
	MaxRetries int
}

// Dispatcher runs the queue. Its methods may be called from several goroutines at once.
type Dispatcher struct {
	Config
	key    ed25519.PrivateKey
	issuer string
	client *http.Client

	ctx   context.Context // ends with Stop
	stop  context.CancelFunc
	work  sync.WaitGroup
	wake  chan struct{} // the queue may have changed
	reap  chan struct{} // an object may be deleting
	block chan struct{} // the blocklist may have grown
	fin   *finisher
	wait  *waiters
	set   *settler

	// The pump's own.
	looked time.Time       // at the queue
	notes  map[string]note // by job, of why it waited then
	lined  int             // users whose jobs waited then
	counts time.Time       // when to count again what arrived for waiting jobs

	mu       sync.Mutex
	leases   map[string]*lease // by job
	agents   map[string]*agent // by id
	legacies map[string]legacy // by torrent
	removed  map[string]*agent // by id; to be told that their jobs ended

	blocked blockState // as of the last look
}

// New answers a Dispatcher that does nothing before Start but enrol and authenticate agents.
func New(cfg Config) (*Dispatcher, error) {
	setDefaults(&cfg)
	d := &Dispatcher{
		Config: cfg, client: newClient(),
		wake: make(chan struct{}, 1), reap: make(chan struct{}, 1), block: make(chan struct{}, 1),
		leases: map[string]*lease{}, agents: map[string]*agent{}, legacies: map[string]legacy{}, removed: map[string]*agent{},
	}
	d.key = ed25519.NewKeyFromSeed(cfg.Secret.Derive("agent tokens"))
	d.issuer = issuerOf(cfg.Secret)
	d.fin = newFinisher(d)
	d.wait = newWaiters(d)
	d.set = newSettler(d)
	d.ctx, d.stop = context.WithCancel(context.Background())
	return d, nil
}

func setDefaults(cfg *Config) {
	orDuration(&cfg.Lease, collections.Lease)
	orDuration(&cfg.Grace, collections.LeaseGrace)
	orDuration(&cfg.Sweep, collections.LeaseSweep)
	orDuration(&cfg.RetryBase, time.Second)
	orDuration(&cfg.RetryMax, 5*time.Minute)
	if cfg.MaxRetries == 0 {
		cfg.MaxRetries = collections.MaxRetries
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = cfg.App.Logger()
	}
}

func orDuration(d *time.Duration, standard time.Duration) {
	if *d == 0 {
		*d = standard
	}
}

// Start gives every live lease its full time again, goes on with unfinished
// objects and begins to work the queue, until Stop or the end of ctx.
func (d *Dispatcher) Start(ctx context.Context) error {
	if err := d.loadAgents(); err != nil {
		return err
	}
	if err := d.reviveLeases(); err != nil {
		return err
	}
	if err := d.fin.resume(); err != nil {
		return err
	}
	d.listen()
	d.wait.listen()
	d.Board.Explain(d.explain)
	context.AfterFunc(ctx, d.stop)
	d.work.Go(d.fillAwaiting)
	d.work.Go(d.set.loop)
	d.work.Go(d.pumpLoop)
	d.work.Go(d.fin.loop)
	d.work.Go(d.reapLoop)
	d.work.Go(d.wait.loop)
	d.work.Go(d.heedBlocklist)
	poke(d.reap)
	return d.startSweeps()
}

// startSweeps has leases looked at every few seconds, and the store from time to time.
func (d *Dispatcher) startSweeps() error {
	own := d.Schedule == nil
	if own {
		d.Schedule = schedule.New(d.App, d.Logger)
	}
	d.Schedule.Every("lease_sweep", d.Sweep, func(context.Context) error { return d.sweepLeases() })
	d.Schedule.Every("store_sweep", sweepInterval, func(ctx context.Context) error {
		_, err := d.RunSweep(ctx)
		return err
	})
	if !own {
		return nil
	}
	d.work.Go(func() {
		<-d.ctx.Done()
		d.Schedule.Stop()
	})
	return d.Schedule.Start()
}

// Stop ends all work and waits for it. Leases stay as they are in the rows.
func (d *Dispatcher) Stop() {
	d.deafen()
	d.wait.deafen()
	d.stop()
	d.work.Wait()
	d.client.CloseIdleConnections()
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
