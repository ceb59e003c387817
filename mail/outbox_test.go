package mail

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

func TestRefusedMailIsTriedAgainUntilItIsTaken(t *testing.T) {
	r := newRig(t)
	user := r.user("later@example.com")
	r.start()
	r.queue(user.Id, collections.MailReset, "", nil)
	for tries := 1; tries <= 3; tries++ {
		r.wait("a refusal", func() bool { return r.outbox()[0].Tries == tries })
		row := r.outbox()[0]
		if !strings.Contains(row.Error, "Come again later") || row.NextAt <= dateTime(r.now()) {
			t.Errorf("after %d tries: %+v", tries, row)
		}
		r.advance(time.Hour)
	}
	r.smtp.Open()
	r.wait("the fourth try", func() bool { r.advance(time.Hour); return len(r.outbox()) == 0 })
	if m := r.smtp.Next(); m.To != "later@example.com" || r.smtp.Count() != 1 {
		t.Errorf("%d mails, to %s", r.smtp.Count(), m.To)
	}
}

func TestMailIsGivenUp(t *testing.T) {
	for _, tc := range []struct {
		name, email, reason string
		after               time.Duration
	}{
		{"at once when there is no such mailbox", "nobody@example.com", "There is no such mailbox", 0},
		{"after a day of refusals", "later@example.com", "Come again later", 24 * time.Hour},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			user := r.user(tc.email)
			r.start()
			r.queue(user.Id, collections.MailReset, "", nil)
			r.wait("the first try", func() bool { return r.outbox()[0].Tries == 1 })
			r.advance(tc.after)
			r.wait("the end", func() bool { return r.outbox()[0].NextAt == "" })
			if row := r.outbox()[0]; !strings.Contains(row.Error, tc.reason) {
				t.Errorf("%+v", row)
			}
			r.advance(time.Hour)
			if !strings.Contains(r.log.String(), "a mail was given up") || r.smtp.Count() != 0 {
				t.Errorf("%d mails; the log says %s", r.smtp.Count(), r.log)
			}
		})
	}
}

func TestARefusedMailHoldsUpNoOther(t *testing.T) {
	r := newRig(t)
	nobody, later, ann := r.user("nobody@example.com"), r.user("later@example.com"), r.user("ann@example.com")
	r.start()
	for _, user := range []string{nobody.Id, later.Id, ann.Id} {
		r.queue(user, collections.MailReset, "", nil)
	}
	if m := r.smtp.Next(); m.To != "ann@example.com" {
		t.Errorf("to %s", m.To)
	}
}

// TestSilentServer has a server that takes connections and never says a word, as one that waits for TLS does.
func TestSilentServer(t *testing.T) {
	r := newRig(t)
	ann := r.user("ann@example.com")
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	settings := r.app.Settings()
	settings.SMTP.Port = silent.Addr().(*net.TCPAddr).Port
	if err := r.app.Save(settings); err != nil {
		t.Fatal(err)
	}
	r.m.limit = 50 * time.Millisecond
	r.start()
	r.queue(ann.Id, collections.MailReset, "", nil)
	r.wait("the end of patience", func() bool { return r.outbox()[0].Tries == 1 })
	if row := r.outbox()[0]; !strings.Contains(row.Error, "did not answer") || row.NextAt == "" {
		t.Errorf("%+v", row)
	}
}

func TestMailsThatNobodyIsToGet(t *testing.T) {
	r := newRig(t)
	ann, quiet, off, fresh := r.user("ann@example.com"), r.user("quiet@example.com"), r.user("off@example.com"), r.user("fresh@example.com")
	quiet.Set("mails_off", true)
	off.Set("disabled", true)
	fresh.SetVerified(false)
	for _, user := range []*core.Record{quiet, off, fresh} {
		if err := r.app.Save(user); err != nil {
			t.Fatal(err)
		}
	}
	finished := collections.JobFinishedMail{Name: "x", Status: collections.StatusCompleted}
	r.queue("", collections.MailReset, "stranger@example.com", nil)
	r.queue("aaaaaaaaaaaaaaa", collections.MailReset, "", nil)
	r.queue(off.Id, collections.MailReset, "", nil)
	r.queue(ann.Id, collections.MailVerify, "", nil) // verified already
	r.queue(ann.Id, collections.MailEmail, "Quiet@example.com", nil)
	r.queue(quiet.Id, collections.MailJobFinished, "", finished)
	r.queue(quiet.Id, collections.MailLeaving, "", collections.LeavingMail{})
	r.queue(fresh.Id, collections.MailJobFinished, "", finished) // perhaps somebody else's address
	r.start()
	r.empty()
	if n := r.smtp.Count(); n != 0 {
		t.Errorf("%d mails were sent, the first to %s", n, r.smtp.Next().To)
	}
	r.queue("", collections.MailReset, "QUIET@example.com", nil)
	if m := r.smtp.Next(); m.To != "quiet@example.com" || m.Subject != "Choose a new password for Longshore" {
		t.Errorf("%q to %s", m.Subject, m.To)
	}
}

func TestDelaysGrowFromAMinuteToAnHour(t *testing.T) {
	last := time.Duration(0)
	for tries := range 12 {
		d := delay(tries)
		if d < 48*time.Second || d > time.Hour || tries < 6 && d <= last {
			t.Errorf("after %d tries %s, before it %s", tries, d, last)
		}
		last = d
	}
}

func TestSweepRemovesExpiredTokens(t *testing.T) {
	r := newRig(t)
	ann := r.user("ann@example.com")
	for _, life := range []time.Duration{time.Hour, 3 * time.Hour} {
		if _, err := r.m.token(ann, collections.TokenReset, ann.Email(), life); err != nil {
			t.Fatal(err)
		}
	}
	r.advance(2 * time.Hour)
	if err := r.m.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, _ := r.app.CountRecords("account_tokens"); n != 1 {
		t.Errorf("%d tokens are left", n)
	}
	if err := hooks.SweepAccountTokens(r.app, r.now().Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if n, _ := r.app.CountRecords("account_tokens"); n != 0 {
		t.Errorf("%d tokens are left", n)
	}
}
