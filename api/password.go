package api

import (
	"net/http"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/api/wire"
	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// changePassword sets a new password; the other sessions end with the old one (hooks).
func (a *API) changePassword(e *core.RequestEvent) error {
	var in wire.ChangePasswordJSONBody
	if err := readBody(e, &in); err != nil {
		return err
	}
	if err := a.checkOwnPassword(e, "current_password", in.CurrentPassword); err != nil {
		return err
	}
	if err := checkNewPassword("new_password", in.NewPassword, e.Auth.Email()); err != nil {
		return err
	}
	if in.NewPassword == in.CurrentPassword {
		return invalid("new_password", "This is your password already.")
	}
	hash, err := hashPassword(e.App, in.NewPassword)
	if err != nil {
		return err
	}
	ctx := acts(e)
	if s := sessionOf(e); s != nil {
		ctx = hooks.KeepSession(ctx, s.ID)
	}
	err = hooks.InTransaction(e.App, func(tx core.App) error {
		user, err := current(tx, e.Auth)
		if err != nil {
			return err
		}
		user.SetRaw(core.FieldNamePassword, hash)
		return tx.SaveWithContext(ctx, user)
	})
	if err != nil {
		return err
	}
	return e.NoContent(http.StatusNoContent)
}

// requestReset queues a mail to an address and leaves it to the mailer to look whether there is an account: the
// answer, and the time it takes, tell nothing.
func (a *API) requestReset(e *core.RequestEvent) error {
	var in wire.RequestResetJSONBody
	if err := readBody(e, &in); err != nil {
		return err
	}
	if err := checkEmail(in.Email); err != nil {
		return err
	}
	if err := a.checkCaptcha(e, in.TurnstileToken); err != nil { // before what counts for the address of somebody else
		return err
	}
	if err := a.limits.take(e, limitReset, in.Email); err != nil {
		return err
	}
	err := hooks.InTransaction(e.App, func(tx core.App) error {
		if err := hooks.QueueMail(tx, "", collections.MailReset, in.Email, nil); err != nil {
			return err
		}
		return hooks.Audit(acts(e), tx, "", "users", "", map[string]any{"email": in.Email})
	})
	if err != nil {
		return err
	}
	return e.NoContent(http.StatusNoContent)
}

// resetPassword takes the token from the mail. Who has it reads the mail of the address, which so is verified.
func (a *API) resetPassword(e *core.RequestEvent) error {
	var in wire.ResetPasswordJSONBody
	if err := readBody(e, &in); err != nil {
		return err
	}
	if err := checkNewPassword("password", in.Password, ""); err != nil {
		return err
	}
	if known, err := hooks.KnowsAccountToken(e.App, in.Token); err != nil {
		return err
	} else if !known { // before the hash, which is expensive
		return hooks.StaleToken()
	}
	hash, err := hashPassword(e.App, in.Password)
	if err != nil {
		return err
	}
	err = hooks.InTransaction(e.App, func(tx core.App) error {
		_, user, err := a.takeToken(tx, in.Token, collections.TokenReset)
		if err != nil {
			return err
		}
		user.SetRaw(core.FieldNamePassword, hash)
		user.SetVerified(true)
		return tx.SaveWithContext(acts(e), user)
	})
	if err != nil {
		return asInvalidInput(err)
	}
	return e.NoContent(http.StatusNoContent)
}

func checkNewPassword(field, password, email string) error {
	if why := collections.JudgePassword(password, email); why != "" {
		return invalid(field, why)
	}
	return nil
}

// hashPassword makes a password ready to be stored, outside of any transaction: it takes longer than others should wait.
func hashPassword(app core.App, password string) (*core.PasswordFieldValue, error) {
	users, err := app.FindCachedCollectionByNameOrId("users")
	if err != nil {
		return nil, err
	}
	somebody := core.NewRecord(users)
	somebody.SetPassword(password)
	hash := somebody.GetRaw(core.FieldNamePassword).(*core.PasswordFieldValue)
	return hash, hash.LastError
}
