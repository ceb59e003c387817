package api

import (
	"net/http"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
)

type signedIn struct {
	User      User   `json:"user"`
	CSRFToken string `json:"csrf_token"`
}

func (a *API) signIn(e *core.RequestEvent) error {
	var in struct {
		Email    string `json:"email"`
		Password string `json:"password"`
	}
	if err := e.BindBody(&in); err != nil {
		return err
	}
	var user *core.Record
	err := a.signIns.attempt(e, in.Email, func() (err error) {
		user, err = checkPassword(e.App, in.Email, in.Password)
		return err
	})
	if err != nil {
		return err
	}
	if user.GetBool("disabled") {
		return collections.Errorf(collections.CodeForbidden, "This account is disabled.")
	}
	s, err := a.openSession(e, user)
	if err != nil {
		return err
	}
	return ok(e, signedIn{User: userOf(user), CSRFToken: a.csrfToken(s)})
}

// nobody is the password of no account, hashed at the cost of the users collection.
var nobody = core.PasswordFieldValue{Hash: "$2a$10$.5Elh8fgxypNUWhpUUr/xOa2sZm0VIaE0qWuGGl9otUfobb46T1Pq"}

// checkPassword takes as long for an unknown e-mail as for a wrong password.
func checkPassword(app core.App, email, password string) (*core.Record, error) {
	user, err := findByEmail(app, "users", email)
	known := err == nil
	if known && user.ValidatePassword(password) {
		return user, nil
	}
	if !known {
		nobody.Validate(password)
	}
	return nil, collections.Errorf(collections.CodeUnauthorized, "E-mail or password is wrong.")
}

// limitSuperusers holds the dashboard's sign-in to the same limits as ours: the first admin has one password for both.
func (a *API) limitSuperusers(e *core.RecordAuthWithPasswordRequestEvent) error {
	return a.signIns.attempt(e.RequestEvent, e.Identity, e.Next)
}

func (a *API) signOut(e *core.RequestEvent) error {
	s := sessionOf(e)
	if s == nil {
		return e.NoContent(http.StatusNoContent)
	}
	if _, err := e.App.NonconcurrentDB().Delete("sessions", dbx.HashExp{"id": s.ID}).Execute(); err != nil {
		return err
	}
	a.Board.DropSession(s.UserID, s.ID)
	e.SetCookie(a.sessionCookie("", -time.Second))
	return e.NoContent(http.StatusNoContent)
}

type sessionBody struct {
	User        User   `json:"user"`
	CSRFToken   string `json:"csrf_token"`
	AUPAccepted bool   `json:"aup_accepted"`
}

func (a *API) getSession(e *core.RequestEvent) error {
	body := sessionBody{User: userOf(e.Auth), AUPAccepted: e.Auth.GetString("aup_version") == aupVersion}
	if s := sessionOf(e); s != nil {
		body.CSRFToken = a.csrfToken(s)
	}
	return ok(e, body)
}
