package mail

import (
	"bytes"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/hooks/hookstest"
	"github.com/longshore-project/longshore/mail/mailtest"
)

const (
	public   = "https://longshore.example"
	patience = 20 * time.Second
)

// rig is an application whose mails go to a real SMTP server. Its mailer looks into the outbox when it is told to.
type rig struct {
	t    *testing.T
	app  core.App
	smtp *mailtest.Server
	m    *Mailer
	log  *logBuffer

	mu     sync.Mutex
	offset time.Duration // of its clock before the real one, by which mails are queued
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, app: hookstest.NewApp(t), smtp: mailtest.Start(t), log: &logBuffer{}}
	hooks.Bind(r.app)
	r.smtp.Use(r.app)
	r.m = r.mailer()
	return r
}

func (r *rig) mailer() *Mailer {
	m := New(r.app, Config{PublicURL: public, Now: r.now, Logger: slog.New(slog.NewTextHandler(r.log, nil))})
	m.poll = time.Hour
	return m
}

func (r *rig) start() {
	r.m.Start(r.t.Context())
	r.t.Cleanup(r.m.Stop)
}

func (r *rig) now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Now().Add(r.offset)
}

// advance moves the clock and has the mailer look again.
func (r *rig) advance(d time.Duration) {
	r.mu.Lock()
	r.offset += d
	r.mu.Unlock()
	select {
	case hooks.MailsQueued(r.app) <- struct{}{}:
	default:
	}
}

func (r *rig) user(email string) *core.Record {
	return hookstest.MustCreateUser(r.t, r.app, email, collections.RoleUser)
}

func (r *rig) queue(userID string, kind collections.MailKind, address string, data any) {
	r.t.Helper()
	err := hooks.InTransaction(r.app, func(tx core.App) error { return hooks.QueueMail(tx, userID, kind, address, data) })
	if err != nil {
		r.t.Fatal(err)
	}
}

// stored is what the outbox says of a mail.
type stored struct {
	Tries  int    `db:"tries"`
	NextAt string `db:"next_at"`
	Error  string `db:"error"`
}

func (r *rig) outbox() (rows []stored) {
	r.t.Helper()
	if err := r.app.DB().NewQuery("SELECT tries, next_at, error FROM mails ORDER BY rowid").All(&rows); err != nil {
		r.t.Fatal(err)
	}
	return rows
}

func (r *rig) wait(what string, done func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("%s did not happen; the outbox is %+v; the log says %s", what, r.outbox(), r.log)
		}
	}
}

// empty waits until everything is sent or found useless.
func (r *rig) empty() {
	r.t.Helper()
	r.wait("an empty outbox", func() bool { return len(r.outbox()) == 0 })
}

func TestMailIsSentOnceAfterTheCommit(t *testing.T) {
	r := newRig(t)
	ann := r.user("ann@example.com")
	r.start()
	err := r.app.RunInTransaction(func(tx core.App) error {
		if err := hooks.QueueMail(tx, ann.Id, collections.MailExists, "", nil); err != nil {
			return err
		}
		return fmt.Errorf("rolled back")
	})
	if err == nil {
		t.Fatal("it was committed")
	}
	r.queue(ann.Id, collections.MailReset, "", nil)
	m := r.smtp.Next()
	r.empty()
	if m.To != "ann@example.com" || m.From != mailtest.Sender || r.smtp.Count() != 1 {
		t.Errorf("%d mails, the first to %s from %s", r.smtp.Count(), m.To, m.From)
	}
}

func TestNoMailIsSentTwiceOverRestarts(t *testing.T) {
	r := newRig(t)
	ann := r.user("ann@example.com")
	const mails = 60
	for i := range mails {
		r.queue(ann.Id, collections.MailJobFinished, "", collections.JobFinishedMail{Name: fmt.Sprint("torrent ", i), Status: collections.StatusCompleted})
	}
	for r.smtp.Count() < mails {
		before := r.smtp.Count()
		r.m = r.mailer()
		r.m.Start(t.Context())
		r.wait("another mail", func() bool { return r.smtp.Count() > before })
		r.m.Stop()
	}
	r.m = r.mailer()
	r.start()
	r.empty()
	ids := map[string]bool{}
	for _, m := range r.smtp.All() {
		ids[m.Header.Get("Message-ID")] = true
	}
	if r.smtp.Count() != mails || len(ids) != mails {
		t.Errorf("%d mails came, %d different ones", r.smtp.Count(), len(ids))
	}
}

func TestWithoutMailServerMailsWait(t *testing.T) {
	r := newRig(t)
	ann := r.user("ann@example.com")
	settings := r.app.Settings()
	settings.SMTP.Enabled = false
	if err := r.app.Save(settings); err != nil {
		t.Fatal(err)
	}
	r.start()
	for range 3 {
		r.queue(ann.Id, collections.MailReset, "", nil)
	}
	r.wait("a word in the log", func() bool { return r.log.String() != "" })
	if err := r.m.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if rows := r.outbox(); len(rows) != 3 || rows[0].NextAt == "" || rows[0].Tries != 0 {
		t.Errorf("the outbox is %+v", rows)
	}
	r.advance(25 * time.Hour)
	if err := r.m.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, row := range r.outbox() {
		if row.NextAt != "" || row.Error != "No mail server was set up." {
			t.Errorf("after a day: %+v", row)
		}
	}
	r.queue(ann.Id, collections.MailVerify, "", nil)
	r.queue(ann.Id, collections.MailExists, "", nil)
	r.smtp.Use(r.app)
	r.advance(0)
	if m := r.smtp.Next(); m.Subject != "You have a Longshore account already" {
		t.Errorf("there came %q", m.Subject)
	}
	if n := bytes.Count([]byte(r.log.String()), []byte("no mail server")); n != 1 {
		t.Errorf("it was logged %d times", n)
	}
	r.advance(8 * 24 * time.Hour)
	if err := r.m.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.empty()
}
