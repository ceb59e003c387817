// Package mail sends what was noted with hooks.QueueMail: it works the outbox (collection mails) with PocketBase's mail
// client, so that the server is the one of PocketBase's settings. A mail leaves the outbox when the server took it.
package mail

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/hooks"
)

const (
	slots     = 4                // mails on their way at once: a server that does not answer must not hold up all
	poll      = 30 * time.Second // for retries that become due, and a server that was just set up
	sendLimit = 15 * time.Minute // a server has 10 minutes for its last answer (RFC 5321, 4.5.3.2.6)
	stopLimit = 10 * time.Second // of Stop, for mails on their way
)

// Config is what a Mailer needs beside the application.
type Config struct {
	PublicURL string // scheme and host of the links in mails
	Now       func() time.Time
	Logger    *slog.Logger
}

// Mailer sends the mails of one control plane.
type Mailer struct {
	app    core.App
	cfg    Config
	queued chan struct{}
	poll   time.Duration
	limit  time.Duration

	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup // the loop
	flights sync.WaitGroup // mails on their way
	told    bool           // that there is no mail server; the loop's

	mu     sync.Mutex
	flying map[string]bool // ids of mails on their way
}

// New answers a Mailer that sends nothing before Start.
func New(app core.App, cfg Config) *Mailer {
	cfg.Logger = cmp.Or(cfg.Logger, slog.Default())
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Mailer{app: app, cfg: cfg, queued: hooks.MailsQueued(app), poll: poll, limit: sendLimit, flying: map[string]bool{}}
}

// Start begins to send, until ctx ends or Stop is called.
func (m *Mailer) Start(ctx context.Context) {
	m.ctx, m.stop = context.WithCancel(ctx)
	m.running.Go(m.run)
}

// Stop ends the sending. It gives mails that are on their way ten seconds; what is not taken then is sent again after
// the next Start.
func (m *Mailer) Stop() {
	if m.stop == nil {
		return
	}
	m.stop()
	m.running.Wait()
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.flights.Wait()
	}()
	select {
	case <-done:
	case <-time.After(stopLimit):
		m.cfg.Logger.Warn("mails are still on their way; they are sent again")
	}
}

func (m *Mailer) run() {
	tick := time.NewTicker(m.poll)
	defer tick.Stop()
	for m.ctx.Err() == nil {
		if err := m.round(); err != nil {
			m.cfg.Logger.Error("the outbox could not be read", "error", err)
		}
		select {
		case <-m.ctx.Done():
		case <-m.queued:
		case <-tick.C:
		}
	}
}

// round sends off what is due, as far as there are slots.
func (m *Mailer) round() error {
	settings, err := hooks.MailSettings(m.app)
	if err != nil {
		return err
	}
	if !settings.SMTP.Enabled {
		if !m.told {
			m.told = true
			m.cfg.Logger.Info("no mail server is set up: mails wait for one for a day (dashboard, Settings, Mail settings)")
		}
		return nil
	}
	m.told = false
	before := m.onTheirWay()
	due, err := m.due()
	for _, row := range due {
		if !before[row.ID] && m.take(row.ID) { // one that arrives after it was read as due is not sent again
			m.flights.Go(func() { m.deliver(row) })
		}
	}
	return err
}

// onTheirWay answers the mails that are being sent.
func (m *Mailer) onTheirWay() map[string]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.flying)
}

// take marks a mail as being on its way; false when there is no slot or it is already.
func (m *Mailer) take(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.flying[id] || len(m.flying) >= slots {
		return false
	}
	m.flying[id] = true
	return true
}

// land makes room for the next mail.
func (m *Mailer) land(id string) {
	m.mu.Lock()
	delete(m.flying, id)
	m.mu.Unlock()
	select {
	case m.queued <- struct{}{}:
	default:
	}
}
