package api

import (
	"net/http"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/api/wire"
	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// sendVerification mails a link to the signed-in user, unless the address is verified.
func (a *API) sendVerification(e *core.RequestEvent) error {
	if e.Auth.Verified() {
		return e.NoContent(http.StatusNoContent)
	}
	if err := a.limits.take(e, limitVerify, e.Auth.Id); err != nil {
		return err
	}
	err := hooks.InTransaction(e.App, func(tx core.App) error {
		if err := dropQueued(tx, e.Auth.Id, collections.MailVerify); err != nil {
			return err
		}
		if err := hooks.QueueMail(tx, e.Auth.Id, collections.MailVerify, "", nil); err != nil {
			return err
		}
		return hooks.Audit(acts(e), tx, "", "users", e.Auth.Id, nil)
	})
	if err != nil {
		return err
	}
	return e.NoContent(http.StatusNoContent)
}

// changeEmail mails a link to the new address. Whether that has an account is looked at only by the mailer and when
// the token comes back: here it would tell.
func (a *API) changeEmail(e *core.RequestEvent) error {
	var in wire.ChangeEmailJSONBody
	if err := readBody(e, &in); err != nil {
		return err
	}
	email := strings.ToLower(in.Email)
	if err := checkEmail(email); err != nil {
		return err
	}
	if err := a.checkOwnPassword(e, "password", in.Password); err != nil {
		return err
	}
	if email == strings.ToLower(e.Auth.Email()) {
		return invalid("email", "This is your address already.")
	}
	if err := a.limits.take(e, limitVerify, e.Auth.Id); err != nil {
		return err
	}
	err := hooks.InTransaction(e.App, func(tx core.App) error {
		if _, err := current(tx, e.Auth); err != nil {
			return err
		}
		if err := dropQueued(tx, e.Auth.Id, collections.MailEmail); err != nil {
			return err
		}
		if err := dropTokens(tx, e.Auth.Id, collections.TokenEmail); err != nil {
			return err
		}
		if err := hooks.QueueMail(tx, e.Auth.Id, collections.MailEmail, email, nil); err != nil {
			return err
		}
		return hooks.Audit(acts(e), tx, "", "users", e.Auth.Id, nil)
	})
	if err != nil {
		return err
	}
	return e.NoContent(http.StatusNoContent)
}

// verifyEmail takes the token of either mail: that of the account's address or that of a new one.
func (a *API) verifyEmail(e *core.RequestEvent) error {
	var in wire.VerifyEmailJSONBody
	if err := readBody(e, &in); err != nil {
		return err
	}
	err := hooks.InTransaction(e.App, func(tx core.App) error {
		token, user, err := a.takeToken(tx, in.Token, collections.TokenVerify, collections.TokenEmail)
		if err != nil {
			return err
		}
		old := user.Email()
		user.SetEmail(token.Email)
		user.SetVerified(true)
		if err := tx.SaveWithContext(acts(e), user); err != nil || token.Kind == collections.TokenVerify {
			return err
		}
		return hooks.QueueMail(tx, user.Id, collections.MailChanged, old, collections.EmailChangedMail{Email: token.Email})
	})
	if err != nil {
		return asInvalidInput(err)
	}
	return e.NoContent(http.StatusNoContent)
}

// takeToken uses up a token and answers its user. Only that of a new address holds when the account's has changed.
func (a *API) takeToken(tx core.App, token string, kinds ...collections.AccountTokenKind) (hooks.AccountToken, *core.Record, error) {
	taken, err := hooks.TakeAccountToken(tx, token, a.Now(), kinds...)
	if err != nil {
		return taken, nil, err
	}
	user, err := tx.FindRecordById("users", taken.UserID)
	switch {
	case err != nil, taken.Kind != collections.TokenEmail && !strings.EqualFold(taken.Email, user.Email()):
		return taken, nil, hooks.StaleToken()
	case user.GetBool("disabled"):
		return taken, nil, collections.Errorf(collections.CodeForbidden, "This account is disabled.")
	}
	return taken, user, nil
}

// dropQueued takes back mails of a kind that are still to be sent: only the latest counts.
func dropQueued(tx core.App, userID string, kind collections.MailKind) error {
	_, err := tx.NonconcurrentDB().Delete("mails", dbx.HashExp{"user_id": userID, "kind": string(kind)}).Execute()
	return err
}

func dropTokens(tx core.App, userID string, kind collections.AccountTokenKind) error {
	_, err := tx.NonconcurrentDB().Delete("account_tokens", dbx.HashExp{"user_id": userID, "kind": string(kind)}).Execute()
	return err
}
