package api

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// SetupURL answers the one-time link with which the first admin is made, "" when there is an admin. The token is
// new at each start and is in memory only; as a fragment it reaches no server log.
func (a *API) SetupURL() string {
	if exists, err := adminExists(a.app); err != nil || exists || a.setup.done.Load() {
		return ""
	}
	return strings.TrimRight(a.PublicURL, "/") + "/setup#token=" + a.setup.token
}

// setup is the one-time token of this process.
type setup struct {
	token string
	done  atomic.Bool
}

func (s *setup) accepts(token string) bool {
	return !s.done.Load() && subtle.ConstantTimeCompare([]byte(token), []byte(s.token)) == 1
}

// setUp makes the first admin. Of several at once one wins, because transactions are one after the other.
func (a *API) setUp(e *core.RequestEvent) error {
	var in struct {
		Token    string `json:"token"`
		Email    string `json:"email"`
		Password string `json:"password"`
	}
	if err := readBody(e, &in); err != nil {
		return err
	}
	if !a.setup.accepts(in.Token) {
		return setupOver()
	}
	if err := checkCredentials(in.Email, in.Password); err != nil {
		return err
	}
	var admin *core.Record
	err := hooks.InTransaction(e.App, func(tx core.App) (err error) {
		admin, err = makeFirstAdmin(acts(e), tx, in.Email, in.Password)
		return err
	})
	if err != nil {
		return asInvalidInput(err)
	}
	a.setup.done.Store(true)
	made, err := userOf(e.App, admin)
	if err != nil {
		return err
	}
	return e.JSON(http.StatusCreated, made)
}

func makeFirstAdmin(ctx context.Context, tx core.App, email, password string) (*core.Record, error) {
	if exists, err := adminExists(tx); err != nil {
		return nil, err
	} else if exists {
		return nil, setupOver()
	}
	admin, err := hooks.FindByEmail(tx, "users", email)
	if errors.Is(err, sql.ErrNoRows) {
		admin, err = newUser(tx, email)
	}
	if err != nil {
		return nil, err
	}
	admin.Set("role", string(collections.RoleAdmin))
	admin.SetVerified(true)
	if err := setPassword(ctx, tx, admin, password); err != nil {
		return nil, err
	}
	if err := linkSuperuser(tx, admin, password); err != nil {
		return nil, err
	}
	return admin, hooks.AssignPlanAs(ctx, tx, admin.Id, collections.PlanUnlimited, time.Time{})
}

// linkFirstSuperuser makes an admin a superuser when there is none: that of an admin who left has gone with the admin.
func linkFirstSuperuser(tx core.App, user *core.Record, password string) error {
	superusers, err := tx.CountRecords(core.CollectionNameSuperusers)
	if err != nil || superusers > 0 || collections.Role(user.GetString("role")) != collections.RoleAdmin {
		return err
	}
	return linkSuperuser(tx, user, password)
}

// linkSuperuser gives a saved admin a superuser with the same address and password, which follows the admin from then
// on (hooks).
func linkSuperuser(tx core.App, admin *core.Record, password string) error {
	email := admin.Email()
	superuser, err := hooks.FindByEmail(tx, core.CollectionNameSuperusers, email)
	if errors.Is(err, sql.ErrNoRows) {
		var superusers *core.Collection
		if superusers, err = tx.FindCachedCollectionByNameOrId(core.CollectionNameSuperusers); err == nil {
			superuser = core.NewRecord(superusers)
			superuser.SetEmail(strings.ToLower(email))
		}
	}
	if err != nil {
		return err
	}
	superuser.SetPassword(password)
	if err := tx.Save(superuser); err != nil {
		return err
	}
	_, err = tx.NonconcurrentDB().Update("users", dbx.Params{"superuser_id": superuser.Id}, dbx.HashExp{"id": admin.Id}).Execute()
	return err
}

func setupOver() error {
	return collections.Errorf(collections.CodeForbidden, "This set-up link is not valid, or Longshore is set up already. A new link is printed when Longshore starts.")
}
