package api

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/api/wire"
	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/progress"
)

// registration is a judged POST /auth/register.
type registration struct {
	user   *core.Record // not saved yet
	invite string
	at     time.Time
}

func (a *API) register(e *core.RequestEvent) error {
	var in wire.RegisterJSONBody
	if err := readBody(e, &in); err != nil {
		return err
	}
	r := &registration{invite: value(in.Invite), at: a.Now()}
	if err := a.mayRegister(e.App, r.invite); err != nil {
		return err
	}
	if err := checkCredentials(in.Email, in.Password); err != nil {
		return err
	}
	if err := a.checkCaptcha(e, in.TurnstileToken); err != nil { // before what counts for the address of somebody else
		return err
	}
	if err := a.limits.take(e, limitRegister, in.Email); err != nil {
		return err
	}
	if err := r.prepare(e.App, in.Email, in.Password); err != nil {
		return err
	}
	var made User
	err := hooks.InTransaction(e.App, func(tx core.App) (err error) {
		made, err = r.store(acts(e), tx)
		return err
	})
	if err != nil {
		return asInvalidInput(err)
	}
	return e.JSON(http.StatusCreated, made)
}

func (a *API) mayRegister(app core.App, invite string) error {
	settings, err := hooks.Settings(app)
	if err != nil {
		return err
	}
	switch a.registration(settings) {
	case collections.RegistrationOpen:
		return nil
	case collections.RegistrationInvite:
		if invite != "" {
			return nil
		}
		return collections.Errorf(collections.CodeForbidden, "You need an invitation to register here. Ask the operator for one.")
	}
	return collections.Errorf(collections.CodeForbidden, "Nobody can register here. Ask the operator for an account.")
}

// prepare makes the user's record, with the expensive hash, whether or not the address has an account.
func (r *registration) prepare(app core.App, email, password string) error {
	user, err := newUser(app, email)
	if err != nil {
		return err
	}
	hash, err := hashPassword(app, password)
	if err != nil {
		return err
	}
	user.Id = core.GenerateDefaultRandomId()
	user.SetRaw(core.FieldNamePassword, hash)
	r.user = user
	return nil
}

// store runs in one transaction: of many with one invitation, and of many with one address, one makes an account.
func (r *registration) store(ctx context.Context, tx core.App) (User, error) {
	invite, err := r.takeInvite(tx)
	if err != nil {
		return User{}, err
	}
	owner, err := hooks.FindByEmail(tx, "users", r.user.Email())
	if err == nil {
		return r.pretend(ctx, tx, owner, invite)
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return User{}, err
	}
	if err := tx.SaveWithContext(ctx, r.user); err != nil {
		return User{}, err
	}
	if invite != nil && invite.Plan != "" {
		if err := hooks.AssignPlanAs(ctx, tx, r.user.Id, invite.Plan, time.Time{}); err != nil {
			return User{}, err
		}
	}
	if err := hooks.QueueMail(tx, r.user.Id, collections.MailVerify, "", nil); err != nil {
		return User{}, err
	}
	return userOf(tx, r.user)
}

// pretend answers as if an account had been made for an address that has one, and tells its owner. An invitation is
// not spent on it: who was invited may know, and would be left without an account.
func (r *registration) pretend(ctx context.Context, tx core.App, owner *core.Record, invite *invite) (User, error) {
	if invite != nil {
		return User{}, invalid("email", "There is an account with this address already. Sign in, or choose a new password if you forgot yours.")
	}
	if err := dropQueued(tx, owner.Id, collections.MailExists); err != nil {
		return User{}, err
	}
	if err := hooks.QueueMail(tx, owner.Id, collections.MailExists, "", nil); err != nil {
		return User{}, err
	}
	if err := hooks.Audit(ctx, tx, "", "users", owner.Id, map[string]any{"exists": true}); err != nil {
		return User{}, err
	}
	return User{
		ID: r.user.Id, Email: r.user.Email(), Role: collections.RoleUser, Plan: collections.PlanFree, CreatedAt: progress.FormatTime(r.at),
	}, nil
}

// invite is what a code stands for.
type invite struct {
	ID    string               `db:"id"`
	Email string               `db:"email"` // who may use it; anybody when empty
	Plan  collections.PlanName `db:"plan"`  // what the account gets; the free one when empty
}

// takeInvite uses up the invitation, if there is a code.
func (r *registration) takeInvite(tx core.App) (*invite, error) {
	if r.invite == "" {
		return nil, nil
	}
	var taken invite
	err := tx.NonconcurrentDB().NewQuery(`UPDATE invites SET used_at = {:now}, used_by = {:user}, updated_at = {:now}
		WHERE code_hash = {:hash} AND used_at = '' AND (expires_at = '' OR expires_at > {:now}) RETURNING id, email, plan`).
		Bind(dbx.Params{"hash": hashToken(r.invite), "user": r.user.Id, "now": dbTime(r.at)}).One(&taken)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, invalid("invite", "This invitation does not exist, has been used or has expired.")
	}
	if err == nil && !strings.EqualFold(cmp.Or(taken.Email, r.user.Email()), r.user.Email()) {
		return nil, invalid("invite", "This invitation is for another address.")
	}
	return &taken, err
}

// value answers what p points to, the zero value for nil.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
