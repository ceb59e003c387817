package api

import (
	"net/http"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/api/wire"
	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// createUser makes an account for somebody. Without a password its owner is mailed a link to choose one.
func (a *API) createUser(e *core.RequestEvent) error {
	var in wire.CreateUserJSONBody
	if err := readBody(e, &in); err != nil {
		return err
	}
	user, err := a.userToMake(e.App, &in)
	if err != nil {
		return err
	}
	err = hooks.InTransaction(e.App, func(tx core.App) error {
		if err := tx.SaveWithContext(acts(e), user); err != nil {
			return err
		}
		if in.Password == nil {
			if err := hooks.QueueMail(tx, user.Id, collections.MailWelcome, "", nil); err != nil {
				return err
			}
		}
		return a.assign(e, tx, user.Id, in.Plan, in.PlanExpiresAt)
	})
	if err != nil {
		return asInvalidInput(err)
	}
	return a.answerUser(e, http.StatusCreated, user)
}

// userToMake hashes the password before the transaction: it takes longer than others should wait.
func (a *API) userToMake(app core.App, in *wire.CreateUserJSONBody) (*core.Record, error) {
	if err := checkEmail(in.Email); err != nil {
		return nil, err
	}
	if err := a.checkAssignment(in.Plan, in.PlanExpiresAt); err != nil {
		return nil, err
	}
	user, err := newUser(app, in.Email)
	if err != nil {
		return nil, err
	}
	if in.Role != nil {
		user.Set("role", string(*in.Role))
	}
	if in.Password == nil {
		if !app.Settings().SMTP.Enabled {
			return nil, collections.Errorf(collections.CodeUnavailable, "No mail can be sent: give a password, or set up a mail server.")
		}
		user.SetRandomPassword()
		return user, nil
	}
	if err := checkNewPassword("password", *in.Password, in.Email); err != nil {
		return nil, err
	}
	hash, err := hashPassword(app, *in.Password)
	user.SetRaw(core.FieldNamePassword, hash)
	user.SetVerified(true)
	return user, err
}

func (a *API) updateUser(e *core.RequestEvent) error {
	var in wire.UpdateUserJSONBody
	if err := readBody(e, &in); err != nil {
		return err
	}
	if err := a.checkAssignment(in.Plan, in.PlanExpiresAt); err != nil {
		return err
	}
	var user *core.Record
	err := hooks.InTransaction(e.App, func(tx core.App) (err error) {
		if user, err = findByID(tx, "users", e.Request.PathValue("id"), "There is no such user."); err != nil {
			return err
		}
		if err := changeUser(e, tx, user, &in); err != nil {
			return err
		}
		return a.assign(e, tx, user.Id, in.Plan, in.PlanExpiresAt)
	})
	if err != nil {
		return asInvalidInput(err)
	}
	return a.answerUser(e, http.StatusOK, user)
}

// changeUser saves what was asked for, if it is anything new. What follows for sessions and keys is in hooks.
func changeUser(e *core.RequestEvent, tx core.App, user *core.Record, in *wire.UpdateUserJSONBody) error {
	if in.Role != nil && *in.Role != wire.RoleAdmin || in.Disabled != nil && *in.Disabled {
		if err := refuseLastAdmin(tx, user); err != nil {
			return err
		}
	}
	changed := false
	set := func(field string, value any) {
		changed = changed || user.Get(field) != value
		user.Set(field, value)
	}
	if in.Role != nil {
		set("role", string(*in.Role))
	}
	if in.Disabled != nil {
		set("disabled", *in.Disabled)
	}
	if in.EmailVerified != nil {
		set(core.FieldNameVerified, *in.EmailVerified)
	}
	if !changed {
		return nil
	}
	return tx.SaveWithContext(acts(e), user)
}

func (a *API) checkAssignment(plan *wire.PlanName, expires *time.Time) error {
	switch {
	case expires == nil:
		return nil
	case plan == nil:
		return invalid("plan_expires_at", "The time belongs to a plan, which must be named.")
	case !expires.After(a.Now()):
		return invalid("plan_expires_at", "This time is over.")
	}
	return nil
}

// assign gives a user a plan, unless none is named or it is what the user has.
func (a *API) assign(e *core.RequestEvent, tx core.App, userID string, plan *wire.PlanName, expires *time.Time) error {
	if plan == nil {
		return nil
	}
	until := value(expires)
	has, err := hooks.AssignmentAt(tx, userID, a.Now())
	if err != nil || has.Name == collections.PlanName(*plan) && has.Expires.Time().Equal(until.Truncate(time.Millisecond)) {
		return err
	}
	return hooks.AssignPlanAs(acts(e), tx, userID, collections.PlanName(*plan), until)
}
