package mail

import (
	"database/sql"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/mailer"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// try writes a mail and gives it to the server. errUseless when nobody is to get it.
func (m *Mailer) try(r row) error {
	user, err := m.account(r)
	if err != nil {
		return err
	}
	letter, err := m.write(r, user)
	if err != nil {
		return err
	}
	text, html, err := letter.render()
	if err != nil {
		return err
	}
	settings, err := hooks.MailSettings(m.app)
	if err != nil {
		return err
	}
	meta := settings.Meta
	return m.send(&mailer.Message{
		From:    mail.Address{Name: oneLine(meta.SenderName, maxSubjectName), Address: meta.SenderAddress},
		To:      []mail.Address{{Address: recipient(r, user)}},
		Subject: letter.Subject, Text: text, HTML: html,
		Headers: map[string]string{
			"Message-ID":               messageID(r.ID, meta.SenderAddress),
			"Auto-Submitted":           "auto-generated", // RFC 3834: no out-of-office notes, please
			"X-Auto-Response-Suppress": "All",
		},
	})
}

// messageID is the same for each try of a mail, so that a server which took it without our knowing can tell.
func messageID(id, sender string) string {
	_, domain, _ := strings.Cut(sender, "@")
	return fmt.Sprintf("<%s@%s>", id, domain)
}

// recipient: two kinds go to an address that is not the account's.
func recipient(r row, user *core.Record) string {
	if r.Kind == collections.MailEmail || r.Kind == collections.MailChanged {
		return r.Email
	}
	return user.Email()
}

// account answers whose mail it is, errUseless when there is no such account or it is not to get it.
func (m *Mailer) account(r row) (*core.Record, error) {
	user, err := m.find(r)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, errUseless
	case err != nil:
		return nil, err
	case user.GetBool("disabled"), r.Kind == collections.MailVerify && user.Verified(), r.Kind.Quiet() && (user.GetBool("mails_off") || !user.Verified()):
		return nil, errUseless
	case r.Kind != collections.MailEmail:
		return user, nil
	}
	if _, err = hooks.FindByEmail(m.app, "users", r.Email); errors.Is(err, sql.ErrNoRows) { // the new address is still nobody's
		return user, nil
	} else if err == nil {
		err = errUseless
	}
	return nil, err
}

func (m *Mailer) find(r row) (*core.Record, error) {
	if r.UserID == "" {
		return hooks.FindByEmail(m.app, "users", r.Email)
	}
	return m.app.FindRecordById("users", r.UserID)
}

// send waits for the server's answer. PocketBase's client has no limit of its own; a call that never ends is left behind.
func (m *Mailer) send(message *mailer.Message) error {
	sent := make(chan error, 1)
	go func() { sent <- m.app.NewMailClient().Send(message) }()
	select {
	case err := <-sent:
		return err
	case <-time.After(m.limit):
		return fmt.Errorf("the mail server did not answer within %s", m.limit)
	}
}
