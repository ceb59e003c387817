package api

import (
	"net/http"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/api/wire"
	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// accountRoutes are what a person does with an account.
func (a *API) accountRoutes() []route {
	return []route{
		{"POST", "/auth/register", anyone, small, "account.register", a.register},
		{"POST", "/auth/verify-email", person, small, "account.send_verification", a.sendVerification},
		{"POST", "/auth/verify-email/confirm", anyone, small, "account.verify_email", a.verifyEmail},
		{"POST", "/auth/reset", anyone, small, "account.request_reset", a.requestReset},
		{"POST", "/auth/reset/confirm", anyone, small, "account.reset_password", a.resetPassword},
		{"POST", "/auth/password", person, small, "account.change_password", a.changePassword},
		{"POST", "/auth/email", person, small, "account.change_email", a.changeEmail},
		{"PATCH", "/auth/account", person, small, "account.update", a.updateAccount},
		{"DELETE", "/auth/account", person, small, "account.delete", a.deleteAccount},
	}
}

// checkOwnPassword lets only who knows the account's password go on: a browser that was left open must not be enough.
// A wrong one counts as a failed sign-in and is told as invalid_input of the field.
func (a *API) checkOwnPassword(e *core.RequestEvent, field, password string) error {
	return a.limits.attempt(e, limitSignIn, e.Auth.Email(), func() error {
		if e.Auth.ValidatePassword(password) {
			return nil
		}
		return invalid(field, "This is not your password.")
	})
}

// current answers the account as it is in the transaction; unauthorized when the password that opened this request's
// way is another one by now.
func current(tx core.App, user *core.Record) (*core.Record, error) {
	fresh, err := tx.FindRecordById("users", user.Id)
	if err != nil || fresh.GetString("password:hash") != user.GetString("password:hash") || fresh.GetBool("disabled") {
		return nil, signInFirst(err)
	}
	return fresh, nil
}

// updateAccount notes which mails the person wants.
func (a *API) updateAccount(e *core.RequestEvent) error {
	var in wire.UpdateAccountJSONBody
	if err := readBody(e, &in); err != nil {
		return err
	}
	e.Auth.Set("mails_off", in.MailsOff)
	e.Auth.IgnoreUnchangedFields(true)
	if err := e.App.SaveWithContext(acts(e), e.Auth); err != nil {
		return err
	}
	return e.NoContent(http.StatusNoContent)
}

// deleteAccount removes the user; what belongs to it goes in the same transaction (hooks).
func (a *API) deleteAccount(e *core.RequestEvent) error {
	var in wire.DeleteAccountJSONBody
	if err := readBody(e, &in); err != nil {
		return err
	}
	if err := a.checkOwnPassword(e, "password", in.Password); err != nil {
		return err
	}
	err := hooks.InTransaction(e.App, func(tx core.App) error {
		user, err := current(tx, e.Auth)
		if err != nil {
			return err
		}
		if last, err := isLastAdmin(tx, user); err != nil {
			return err
		} else if last {
			return collections.Errorf(collections.CodeForbidden, "You are the only admin. Make somebody else an admin first.")
		}
		return tx.DeleteWithContext(acts(e), user)
	})
	if err != nil {
		return err
	}
	a.clearCookie(e)
	return e.NoContent(http.StatusNoContent)
}

// isLastAdmin says whether nobody could administer the installation without this user.
func isLastAdmin(tx core.App, user *core.Record) (bool, error) {
	if collections.Role(user.GetString("role")) != collections.RoleAdmin {
		return false, nil
	}
	others, err := tx.CountRecords("users", dbx.HashExp{"role": string(collections.RoleAdmin), "disabled": false}, dbx.Not(dbx.HashExp{"id": user.Id}))
	return others == 0, err
}
