package hooks

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/pocketbase/dbx"
	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
)

// FindByEmail answers the account with this address, in any case: phones begin it with a capital. sql.ErrNoRows when
// there is none.
func FindByEmail(app core.App, collection, email string) (*core.Record, error) {
	r, err := app.FindAuthRecordByEmail(collection, email)
	if errors.Is(err, sql.ErrNoRows) {
		return app.FindAuthRecordByEmail(collection, strings.ToLower(email))
	}
	return r, err
}

// foldAddress keeps one spelling of each address, whoever sets it: people are found by it in any case.
func foldAddress(e *core.RecordEvent) error {
	e.Record.SetEmail(strings.ToLower(e.Record.Email()))
	return e.Next()
}

// judgePassword refuses what is easy to guess, whoever sets it. A password is in the clear only while it is new.
func judgePassword(e *core.RecordEvent) error {
	password := e.Record.GetString(core.FieldNamePassword)
	if password == "" {
		return e.Next()
	}
	if why := collections.JudgePassword(password, e.Record.Email()); why != "" {
		return validation.Errors{core.FieldNamePassword: validation.NewError("weak_password", why)}
	}
	return e.Next()
}

// storedUser is what the database has. A record that is saved may be older, and save only what was changed in it.
type storedUser struct {
	ID          string           `db:"id"`
	Email       string           `db:"email"`
	Password    string           `db:"password"` // its hash
	TokenKey    string           `db:"tokenKey"`
	Role        collections.Role `db:"role"`
	SuperuserID string           `db:"superuser_id"`
	Disabled    bool             `db:"disabled"`
}

func findStored(tx core.App, id string) (u storedUser, err error) {
	err = tx.NonconcurrentDB().Select("id", "email", "password", "tokenKey", "role", "superuser_id", "disabled").From("users").
		Where(dbx.HashExp{"id": id}).One(&u)
	return u, err
}

// updateUser does in the transaction of the change what follows from another password or address: who was signed in by
// the old one is so no longer, and links that were mailed are worth nothing.
func updateUser(e *core.RecordEvent) error {
	was, err := findStored(e.App, e.Record.Id)
	if err != nil {
		return err
	}
	if err := e.Next(); err != nil {
		return err
	}
	is, err := findStored(e.App, e.Record.Id)
	if err != nil {
		return err
	}
	if is.Disabled && !was.Disabled {
		if err := EndAccess(context.Background(), e.App, is.ID); err != nil {
			return err
		}
	}
	if is.Password != was.Password {
		if err := EndAccess(e.Context, e.App, is.ID); err != nil {
			return err
		}
	}
	if is.Password != was.Password || is.Email != was.Email {
		if err := dropLinks(e.App, is.ID); err != nil {
			return err
		}
	}
	return followSuperuser(e.Context, e.App, was, is)
}

// dropLinks makes the tokens of a user worthless, those that are still to be mailed too.
func dropLinks(tx core.App, userID string) error {
	return execAll(tx, dbx.Params{"user": userID}, `DELETE FROM account_tokens WHERE user_id = {:user}`,
		`DELETE FROM mails WHERE user_id = {:user} AND kind IN ('reset', 'verify', 'email', 'welcome')`)
}

// followSuperuser keeps the superuser that was made with an admin (users.superuser_id) in step with it: one password
// and one address open the app and the dashboard, and who is no admin any more has neither. By SQL, because PocketBase
// keeps the last superuser, and the old password of somebody who left must not stay good.
func followSuperuser(ctx context.Context, tx core.App, was, is storedUser) error {
	if was.SuperuserID == "" {
		return nil
	}
	params := dbx.Params{"id": was.SuperuserID, "user": is.ID, "password": is.Password, "email": is.Email, "key": is.TokenKey}
	if is.Role != collections.RoleAdmin || is.Disabled {
		if err := endSuperuser(ctx, tx, was.SuperuserID); err != nil {
			return err
		}
		return execAll(tx, params, `UPDATE users SET superuser_id = '' WHERE id = {:user}`)
	}
	if is.Password == was.Password && is.Email == was.Email {
		return nil
	}
	err := execAll(tx, params, `UPDATE _superusers SET password = {:password}, tokenKey = {:key} WHERE id = {:id}`,
		`UPDATE OR IGNORE _superusers SET email = {:email} WHERE id = {:id}`)
	if err != nil {
		return err
	}
	return Audit(ctx, tx, "_superusers.update", core.CollectionNameSuperusers, was.SuperuserID, map[string]any{"follows": is.ID})
}

// endSuperuser removes the superuser that belongs to an admin who is one no longer. There may be none.
func endSuperuser(ctx context.Context, tx core.App, id string) error {
	if id == "" {
		return nil
	}
	result, err := tx.NonconcurrentDB().NewQuery(`DELETE FROM _superusers WHERE id = {:id}`).Bind(dbx.Params{"id": id}).Execute()
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); n == 0 || err != nil {
		return err
	}
	return Audit(ctx, tx, "_superusers.delete", core.CollectionNameSuperusers, id, nil)
}

// refuseUnverified answers email_unverified when the operator wants addresses to be verified and the user's is not.
func refuseUnverified(tx core.App, userID string) error {
	var refused bool
	err := tx.DB().NewQuery(`SELECT EXISTS (SELECT 1 FROM settings WHERE require_verified_email)
		AND EXISTS (SELECT 1 FROM users WHERE id = {:user} AND NOT verified)`).Bind(dbx.Params{"user": userID}).Row(&refused)
	if err != nil || !refused {
		return err
	}
	return collections.Errorf(collections.CodeEmailUnverified, "Verify your e-mail address first: the link is in the mail you got, and you can ask for another one.")
}
