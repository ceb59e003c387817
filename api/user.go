package api

import (
	"context"
	"database/sql"
	"errors"
	"net/mail"
	"strings"
	"time"
	"unicode"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/ozzo-validation/v4/is"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/progress"
)

// User is a user as routes show it.
type User struct {
	ID            string               `json:"id"`
	Email         string               `json:"email"`
	Role          collections.Role     `json:"role"`
	Plan          collections.PlanName `json:"plan"`
	EmailVerified bool                 `json:"email_verified"`
	Disabled      bool                 `json:"disabled"`
	CreatedAt     string               `json:"created_at"`
}

// userOf answers a user with the plan that holds now.
func userOf(app core.App, r *core.Record) (User, error) {
	plan, err := hooks.PlanOf(app, r.Id)
	return User{
		ID: r.Id, Email: r.Email(), Role: collections.Role(r.GetString("role")), Plan: plan.Name,
		EmailVerified: r.Verified(), Disabled: r.GetBool("disabled"), CreatedAt: progress.Timestamp(r.GetDateTime("created_at")),
	}, err
}

// UpsertUser makes a verified user or gives an existing one this password, and the role and plan that are not
// empty; a new one is a user with the free plan unless told otherwise. An admin becomes a superuser, too, when there is
// none. It works beside a running control plane. A changed password ends the user's sessions. Its errors have the code
// invalid_input.
func UpsertUser(app core.App, email, password string, role collections.Role, plan collections.PlanName) (created bool, err error) {
	if err := checkCredentials(email, password); err != nil {
		return false, err
	}
	err = hooks.InTransaction(app, func(tx core.App) error {
		user, err := hooks.FindByEmail(tx, "users", email)
		if created = errors.Is(err, sql.ErrNoRows); created {
			user, err = newUser(tx, email)
		}
		if err != nil {
			return err
		}
		if role != "" {
			user.Set("role", string(role))
		}
		user.SetVerified(true)
		if err := setPassword(context.Background(), tx, user, password); err != nil {
			return err
		}
		if err := linkFirstSuperuser(tx, user, password); err != nil || plan == "" {
			return err
		}
		return hooks.AssignPlan(tx, user.Id, plan, time.Time{})
	})
	return created, asInvalidInput(err)
}

func newUser(app core.App, email string) (*core.Record, error) {
	users, err := app.FindCachedCollectionByNameOrId("users")
	if err != nil {
		return nil, err
	}
	user := core.NewRecord(users)
	user.SetEmail(strings.ToLower(email))
	user.Set("role", string(collections.RoleUser))
	return user, nil
}

// setPassword saves the user, with a new password only if it is another one: that ends what was opened by the old.
func setPassword(ctx context.Context, tx core.App, user *core.Record, password string) error {
	if user.IsNew() || !user.ValidatePassword(password) {
		user.SetPassword(password)
	}
	return tx.SaveWithContext(ctx, user)
}

// checkCredentials judges an e-mail address and a new password.
func checkCredentials(email, password string) error {
	if err := checkEmail(email); err != nil {
		return err
	}
	return checkNewPassword("password", password, email)
}

// checkEmail admits what a user may have as an address, so that no mail goes to one that nobody could confirm.
func checkEmail(email string) error {
	addr, err := mail.ParseAddress(email)
	if err != nil || addr.Address != email || len(email) > 255 || is.EmailFormat.Validate(email) != nil || strings.ContainsFunc(email, unseen) {
		return invalid("email", "This is not an e-mail address.")
	}
	return nil
}

// unseen says whether a character is not to be seen: an address with one looks like somebody else's.
func unseen(r rune) bool { return !unicode.IsPrint(r) }

// invalid answers an invalid_input about one field.
func invalid(field, message string) *collections.Error {
	return &collections.Error{Code: collections.CodeInvalidInput, Message: message, Data: map[string]any{field: message}}
}

func adminExists(app core.App) (bool, error) {
	n, err := app.CountRecords("users", dbx.HashExp{"role": string(collections.RoleAdmin)})
	return n > 0, err
}
