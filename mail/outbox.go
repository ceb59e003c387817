package mail

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/textproto"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

const (
	life       = 24 * time.Hour // from queueing to giving up
	keepFailed = 7 * 24 * time.Hour
	firstDelay = time.Minute
	maxDelay   = time.Hour
	maxReason  = 500
)

// row is one mail of the outbox. An empty next_at says that it was given up.
type row struct {
	ID        string               `db:"id"`
	UserID    string               `db:"user_id"`
	Kind      collections.MailKind `db:"kind"`
	Email     string               `db:"email"`
	Data      types.JSONRaw        `db:"data"`
	Tries     int                  `db:"tries"`
	CreatedAt types.DateTime       `db:"created_at"`
}

// due answers the mails to be sent now, those on their way among them.
func (m *Mailer) due() (rows []row, err error) {
	err = m.app.DB().NewQuery(`SELECT id, user_id, kind, email, data, tries, created_at FROM mails
		WHERE next_at != '' AND next_at <= {:now} ORDER BY next_at, rowid LIMIT {:limit}`).
		Bind(dbx.Params{"now": dateTime(m.cfg.Now()), "limit": 2 * slots}).All(&rows)
	return rows, err
}

// errUseless is a mail that nobody is to get.
var errUseless = errors.New("this mail is of no use any more")

// deliver tries a mail and notes what became of it.
func (m *Mailer) deliver(r row) {
	defer m.land(r.ID)
	err := m.try(r)
	if err == nil || errors.Is(err, errUseless) {
		m.remove(r.ID)
		return
	}
	if err := m.postpone(r, err); err != nil {
		m.cfg.Logger.Error("a mail could not be postponed", "mail", r.ID, "error", err)
	}
}

// remove does not give up while the process runs: a mail that stays in the outbox is sent a second time.
func (m *Mailer) remove(id string) {
	for {
		_, err := m.app.NonconcurrentDB().Delete("mails", dbx.HashExp{"id": id}).Execute()
		if err == nil {
			return
		}
		m.cfg.Logger.Error("a mail that was sent could not be removed from the outbox", "mail", id, "error", err)
		select {
		case <-m.ctx.Done():
			return
		case <-time.After(time.Second):
		}
	}
}

// postpone notes why a mail did not go, and when it is tried again if ever.
func (m *Mailer) postpone(r row, why error) error {
	now := m.cfg.Now()
	next := now.Add(delay(r.Tries))
	columns := dbx.Params{"tries": r.Tries + 1, "error": cut(why.Error(), maxReason), "next_at": dateTime(next), "updated_at": dateTime(now)}
	if isPermanent(why) || next.After(r.CreatedAt.Time().Add(life)) {
		columns["next_at"] = ""
		m.cfg.Logger.Error("a mail was given up", "mail", r.ID, "kind", r.Kind, "error", why)
	} else {
		m.cfg.Logger.Warn("a mail could not be sent; it is tried again", "mail", r.ID, "kind", r.Kind, "next", next, "error", why)
	}
	_, err := m.app.NonconcurrentDB().Update("mails", columns, dbx.HashExp{"id": r.ID}).Execute()
	return err
}

// delay doubles from a minute to an hour, less up to a fifth, so that mails that failed together do not come together.
func delay(tries int) time.Duration {
	d := maxDelay
	if tries < 6 {
		d = firstDelay << tries
	}
	return d - time.Duration(rand.Int64N(int64(d)/5))
}

// isPermanent says whether the server will never take this mail. Refused credentials are not of this kind: the
// operator can mend them.
func isPermanent(err error) bool {
	refusal, ok := errors.AsType[*textproto.Error](err)
	return ok && slices.Contains([]int{501, 550, 551, 552, 553, 554, 556}, refusal.Code)
}

// Sweep removes what was given up a week ago and tokens that have expired, and gives up what found no mail server within a day.
func (m *Mailer) Sweep(context.Context) error {
	now := m.cfg.Now()
	_, err := m.app.NonconcurrentDB().NewQuery(`DELETE FROM mails WHERE next_at = '' AND updated_at < {:old}`).
		Bind(dbx.Params{"old": dateTime(now.Add(-keepFailed))}).Execute()
	if err != nil {
		return err
	}
	settings, err := hooks.MailSettings(m.app)
	if err != nil {
		return err
	}
	if !settings.SMTP.Enabled {
		_, err = m.app.NonconcurrentDB().NewQuery(`UPDATE mails SET next_at = '', error = 'No mail server was set up.', updated_at = {:now}
			WHERE next_at != '' AND created_at < {:old}`).Bind(dbx.Params{"now": dateTime(now), "old": dateTime(now.Add(-life))}).Execute()
		if err != nil {
			return err
		}
	}
	return hooks.SweepAccountTokens(m.app, now)
}

// dateTime writes a time as the database keeps it.
func dateTime(t time.Time) string { return t.UTC().Format(types.DefaultDateLayout) }

// cut keeps at most n bytes of s, whole characters only.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
