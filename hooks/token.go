package hooks

import (
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/longshore-project/longshore/collections"
)

// AccountToken is what a mailed token stands for.
type AccountToken struct {
	UserID    string                       `db:"user_id"`
	Kind      collections.AccountTokenKind `db:"kind"`
	Email     string                       `db:"email"` // the address it was sent to
	ExpiresAt types.DateTime               `db:"expires_at"`
}

// accountTokenBytes are random, so that a token needs no limit of guesses.
const accountTokenBytes = 32

// NewAccountToken answers a new token of a user for the mail to an address. Only its hash is stored.
func NewAccountToken(app core.App, t AccountToken) (string, error) {
	random := make([]byte, accountTokenBytes)
	rand.Read(random) // never fails (crypto/rand)
	token := base64.RawURLEncoding.EncodeToString(random)
	_, err := app.NonconcurrentDB().NewQuery(`INSERT INTO account_tokens (id, user_id, kind, token_hash, email, expires_at, created_at, updated_at)
		VALUES ({:id}, {:user}, {:kind}, {:hash}, {:email}, {:expires}, {:now}, {:now})`).
		Bind(dbx.Params{
			"id": core.GenerateDefaultRandomId(), "user": t.UserID, "kind": string(t.Kind), "hash": hashAccountToken(token), "email": t.Email,
			"expires": t.ExpiresAt.String(), "now": types.NowDateTime().String(),
		}).Execute()
	return token, err
}

// TakeAccountToken uses up a token of one of the kinds: of several that take it at once one succeeds. It must run
// inside the transaction of what the token is for; when that fails, the token is good again. invalid_input when there is
// no such token, it is of another kind or has expired.
func TakeAccountToken(tx core.App, token string, now time.Time, kinds ...collections.AccountTokenKind) (AccountToken, error) {
	var t AccountToken
	err := tx.NonconcurrentDB().NewQuery(`DELETE FROM account_tokens WHERE token_hash = {:hash} RETURNING user_id, kind, email, expires_at`).
		Bind(dbx.Params{"hash": hashAccountToken(token)}).One(&t)
	if errors.Is(err, sql.ErrNoRows) {
		return t, StaleToken()
	}
	if err != nil {
		return t, err
	}
	for _, kind := range kinds {
		if t.Kind == kind && t.ExpiresAt.Time().After(now) {
			return t, nil
		}
	}
	return t, StaleToken()
}

// KnowsAccountToken says whether there is such a token, expired or not. It does not use it up.
func KnowsAccountToken(app core.App, token string) (bool, error) {
	n, err := app.CountRecords("account_tokens", dbx.HashExp{"token_hash": hashAccountToken(token)})
	return n > 0, err
}

// StaleToken is the answer to a token that is good for nothing, whatever the reason.
func StaleToken() error {
	const message = "This link is not valid any more. Ask for a new one."
	return &collections.Error{Code: collections.CodeInvalidInput, Message: message, Data: map[string]any{"token": message}}
}

// SweepAccountTokens removes those that have expired.
func SweepAccountTokens(app core.App, now time.Time) error {
	_, err := app.NonconcurrentDB().NewQuery(`DELETE FROM account_tokens WHERE expires_at < {:now}`).Bind(dbx.Params{"now": dateTime(now)}).Execute()
	return err
}

func hashAccountToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// dateTime writes a time as the database keeps it.
func dateTime(t time.Time) string { return t.UTC().Format(types.DefaultDateLayout) }
