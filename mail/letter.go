package mail

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// How long links in mails work.
const (
	resetLife   = time.Hour
	verifyLife  = 3 * 24 * time.Hour
	welcomeLife = 3 * 24 * time.Hour
	emailLife   = 24 * time.Hour
)

// Pages of the web app that the links lead to. Tokens are in the fragment, which reaches no server's log.
const (
	resetPage  = "/auth/reset#token="
	verifyPage = "/auth/verify-email#token="
	signInPage = "/auth/login"
	forgotPage = "/auth/reset"
	jobPage    = "/dashboard/"
)

// letter is what a mail says.
type letter struct {
	Subject string
	Title   string
	Lines   []string // paragraphs
	Items   []item
	Button  link
	Notes   []string // in small print
	Site    string   // the public URL
}

type item struct{ Name, URL, Note string }

type link struct{ Text, URL string }

// write answers the letter of a mail. A token is made now, so that a mail that waited carries a fresh one.
func (m *Mailer) write(r row, user *core.Record) (*letter, error) {
	writers := map[collections.MailKind]func(row, *core.Record) (*letter, error){
		collections.MailReset: m.reset, collections.MailVerify: m.verify, collections.MailEmail: m.newEmail, collections.MailChanged: m.changed,
		collections.MailJobFinished: m.jobFinished, collections.MailLeaving: m.leaving, collections.MailExists: m.exists,
		collections.MailWelcome: m.welcome,
	}
	write, known := writers[r.Kind]
	if !known {
		return nil, fmt.Errorf("nobody knows what a mail of the kind %q says", r.Kind)
	}
	l, err := write(r, user)
	if err != nil {
		return nil, err
	}
	l.Site = m.cfg.PublicURL
	return l, nil
}

func (m *Mailer) token(user *core.Record, kind collections.AccountTokenKind, email string, life time.Duration) (string, error) {
	expires, err := types.ParseDateTime(m.cfg.Now().Add(life))
	if err != nil {
		return "", err
	}
	return hooks.NewAccountToken(m.app, hooks.AccountToken{UserID: user.Id, Kind: kind, Email: email, ExpiresAt: expires})
}

func (m *Mailer) reset(_ row, user *core.Record) (*letter, error) {
	token, err := m.token(user, collections.TokenReset, user.Email(), resetLife)
	return &letter{
		Subject: "Choose a new password for Longshore", Title: "Choose a new password",
		Lines:  []string{"Somebody, hopefully you, wants a new password for the Longshore account " + user.Email() + "."},
		Button: link{"Choose a new password", m.cfg.PublicURL + resetPage + token},
		Notes: []string{
			"The link works once and for one hour. A new password signs out every device.",
			"If it was not you, do nothing: your password stays as it is.",
		},
	}, err
}

func (m *Mailer) welcome(_ row, user *core.Record) (*letter, error) {
	token, err := m.token(user, collections.TokenReset, user.Email(), welcomeLife)
	return &letter{
		Subject: "You have a Longshore account", Title: "Welcome to Longshore",
		Lines:  []string{"The operator of this Longshore has made an account for " + user.Email() + ". Choose a password to begin."},
		Button: link{"Choose a password", m.cfg.PublicURL + resetPage + token},
		Notes:  []string{"The link works once and for three days. After that, ask for a new password at " + m.cfg.PublicURL + forgotPage + "."},
	}, err
}

func (m *Mailer) verify(_ row, user *core.Record) (*letter, error) {
	token, err := m.token(user, collections.TokenVerify, user.Email(), verifyLife)
	return &letter{
		Subject: "Verify your e-mail address for Longshore", Title: "Is this your address?",
		Lines:  []string{"There is a Longshore account with the address " + user.Email() + ". Tell us that it is yours."},
		Button: link{"Verify my address", m.cfg.PublicURL + verifyPage + token},
		Notes:  []string{"The link works for three days.", "If you made no account, do nothing, and the address stays unverified."},
	}, err
}

func (m *Mailer) newEmail(r row, user *core.Record) (*letter, error) {
	token, err := m.token(user, collections.TokenEmail, r.Email, emailLife)
	return &letter{
		Subject: "Confirm your new e-mail address for Longshore", Title: "Is this your new address?",
		Lines:  []string{"A Longshore account is to have the address " + r.Email + " from now on. It changes when you confirm it."},
		Button: link{"Confirm the new address", m.cfg.PublicURL + verifyPage + token},
		Notes:  []string{"The link works once and for a day.", "If you have no account here, do nothing, and nothing changes."},
	}, err
}

func (m *Mailer) changed(r row, _ *core.Record) (*letter, error) {
	var data collections.EmailChangedMail
	err := json.Unmarshal(r.Data, &data)
	return &letter{
		Subject: "The e-mail address of your Longshore account has changed", Title: "Your address has changed",
		Lines: []string{
			"Your Longshore account now has the address " + oneLine(data.Email, maxName) + " instead of " + r.Email + ". This is the last mail to the old one.",
			"If it was not you, tell the operator of your Longshore at once.",
		},
	}, err
}

func (m *Mailer) exists(_ row, user *core.Record) (*letter, error) {
	return &letter{
		Subject: "You have a Longshore account already", Title: "You have an account already",
		Lines: []string{
			"Somebody, hopefully you, wanted to make a Longshore account with the address " + user.Email() + ", which has one. Nothing was changed.",
			"Sign in with the password you have, or choose a new one if you forgot it: " + m.cfg.PublicURL + forgotPage,
		},
		Button: link{"Sign in", m.cfg.PublicURL + signInPage},
		Notes:  []string{"If it was not you, do nothing: nobody got into your account."},
	}, nil
}
