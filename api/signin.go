package api

import (
	"database/sql"
	"errors"
	"net/http"
	"sync"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// authRoutes sign people in and out.
func (a *API) authRoutes() []route {
	return []route{
		{"POST", "/auth/login", anyone, small, "auth.login", a.signIn},
		{"POST", "/auth/logout", person, small, "auth.logout", a.signOut},
		{"GET", "/auth/session", user, small, "", a.getSession},
		{"POST", "/auth/accept-aup", person, small, "account.accept_aup", a.acceptAUP},
	}
}

type signedIn struct {
	User      User   `json:"user"`
	CSRFToken string `json:"csrf_token"`
}

func (a *API) signIn(e *core.RequestEvent) error {
	var in struct {
		Email          string  `json:"email"`
		Password       string  `json:"password"`
		TurnstileToken *string `json:"turnstile_token"`
	}
	if err := readBody(e, &in); err != nil {
		return err
	}
	if err := a.checkCaptcha(e, in.TurnstileToken); err != nil {
		return err
	}
	var user *core.Record
	err := a.limits.attempt(e, limitSignIn, in.Email, func() (err error) {
		user, err = a.checkPassword(in.Email, in.Password)
		return err
	})
	if err != nil {
		return err
	}
	if user.GetBool("disabled") {
		return collections.Errorf(collections.CodeForbidden, "This account is disabled.")
	}
	nameAccount(e, user)
	s, err := a.openSession(e, user)
	if err != nil {
		return err
	}
	body := signedIn{CSRFToken: a.csrfToken(s)}
	if body.User, err = userOf(e.App, user); err != nil {
		return err
	}
	return ok(e, body)
}

// checkPassword takes as long for an unknown e-mail as for a wrong password.
func (a *API) checkPassword(email, password string) (*core.Record, error) {
	user, err := hooks.FindByEmail(a.app, "users", email)
	known := err == nil
	if known && user.ValidatePassword(password) {
		return user, nil
	}
	if !known {
		if err := a.nobody.validate(a.app, password); err != nil {
			return nil, err
		}
	}
	return nil, collections.Errorf(collections.CodeUnauthorized, "E-mail or password is wrong.")
}

// nobody is the password of no account, hashed at the cost that those of users are.
type nobody struct {
	mu       sync.Mutex
	cost     int
	password core.PasswordFieldValue
}

func (n *nobody) validate(app core.App, password string) error {
	users, err := app.FindCachedCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	n.hashFor(users).Validate(password)
	return nil
}

func (n *nobody) hashFor(users *core.Collection) core.PasswordFieldValue {
	n.mu.Lock()
	defer n.mu.Unlock()
	cost := users.Fields.GetByName(core.FieldNamePassword).(*core.PasswordField).Cost
	if n.password.Hash == "" || n.cost != cost {
		somebody := core.NewRecord(users)
		somebody.SetRandomPassword()
		n.cost, n.password.Hash = cost, somebody.GetString("password:hash")
	}
	return n.password
}

// limitSuperusers holds the dashboard's sign-in to the same limits as ours: the first admin has one password for both.
func (a *API) limitSuperusers(e *core.RecordAuthWithPasswordRequestEvent) error {
	return a.limits.attempt(e.RequestEvent, limitSignIn, e.Identity, e.Next)
}

func (a *API) signOut(e *core.RequestEvent) error {
	row, err := e.App.FindRecordById("sessions", sessionOf(e).ID)
	if err == nil {
		err = e.App.DeleteWithContext(acts(e), row)
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) { // it may have ended meanwhile
		return err
	}
	a.clearCookie(e)
	return e.NoContent(http.StatusNoContent)
}

type sessionBody struct {
	User        User   `json:"user"`
	CSRFToken   string `json:"csrf_token"`
	AUPAccepted bool   `json:"aup_accepted"`
	MailsOff    bool   `json:"mails_off"`
}

func (a *API) getSession(e *core.RequestEvent) error {
	settings, err := a.choices.get()
	if err != nil {
		return err
	}
	body := sessionBody{AUPAccepted: acceptedAUP(e.Auth, settings), MailsOff: e.Auth.GetBool("mails_off")}
	if body.User, err = userOf(e.App, e.Auth); err != nil {
		return err
	}
	if s := sessionOf(e); s != nil {
		body.CSRFToken = a.csrfToken(s)
	}
	return ok(e, body)
}
