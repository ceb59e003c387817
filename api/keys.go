package api

import (
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/progress"
)

const (
	keyPrefix   = "lsk_" // begins every API key, so that scanners for leaked secrets know one
	keyShown    = 12     // characters of a key that lists show
	keyTouch    = 10 * time.Minute
	keyEvent    = "longshoreKeyRow"
	maxKeys     = 100 // of one user
	bearerToken = "Bearer "
)

// apiKey is one row of api_keys. The key itself is with its owner only.
type apiKey struct {
	ID        string                  `db:"id"`
	UserID    string                  `db:"user_id"`
	Hash      string                  `db:"key_hash"`
	Scopes    types.JSONArray[string] `db:"scopes"`
	ExpiresAt types.DateTime          `db:"expires_at"`
	LastUsed  types.DateTime          `db:"last_used_at"`
}

// newKey answers a key of 260 random bits.
func newKey() string { return keyPrefix + rand.Text() + rand.Text() }

// keyIn answers the API key of a request: alone in Authorization, or as a bearer token (RFC 6750, 2.1).
func keyIn(r *http.Request) (key string, is bool) {
	key = r.Header.Get("Authorization")
	if len(key) > len(bearerToken) && strings.EqualFold(key[:len(bearerToken)], bearerToken) {
		key = strings.TrimLeft(key[len(bearerToken):], " ")
	}
	return key, strings.HasPrefix(key, keyPrefix)
}

func keyOf(e *core.RequestEvent) *apiKey {
	k, _ := e.Get(keyEvent).(*apiKey)
	return k
}

// loadKey makes the key's owner the request's user. It never tells why a key is refused.
func (a *API) loadKey(e *core.RequestEvent, key string) {
	k, user := a.findKey(e.App, hashToken(key))
	if k == nil {
		e.Set(refusalEvent, collections.Errorf(collections.CodeUnauthorized, "This API key is not valid, or not any more."))
		return
	}
	a.noteUse(e.App, k)
	e.Auth = user
	e.Set(keyEvent, k)
	e.Set(progress.AccessKey, progress.Access{KeyID: k.ID, Admin: k.has(collections.ScopeAdmin) && role(e) == collections.RoleAdmin})
}

// findKey answers a key that is good now, and its owner.
func (a *API) findKey(app core.App, hash string) (*apiKey, *core.Record) {
	var k apiKey
	err := app.DB().Select("id", "user_id", "key_hash", "scopes", "expires_at", "last_used_at").From("api_keys").
		Where(dbx.HashExp{"key_hash": hash}).One(&k)
	if err != nil || !k.ExpiresAt.IsZero() && !k.ExpiresAt.Time().After(a.Now()) {
		return nil, nil
	}
	user := findEnabled(app, k.UserID)
	if user == nil {
		return nil, nil
	}
	return &k, user
}

// noteUse is coarse: a busy key does not write at every request.
func (a *API) noteUse(app core.App, k *apiKey) {
	if a.Now().Sub(k.LastUsed.Time()) < keyTouch {
		return
	}
	_, err := app.NonconcurrentDB().Update("api_keys", dbx.Params{"last_used_at": dbTime(a.Now())}, dbx.HashExp{"id": k.ID}).Execute()
	if err != nil {
		a.Logger.Warn("the use of an API key could not be noted", "error", err)
	}
}

func (k *apiKey) has(scope collections.Scope) bool { return slices.Contains(k.Scopes, string(scope)) }

// judge answers why the key may not use a route.
func (k *apiKey) judge(rt route) error {
	if rt.who == person {
		return collections.Errorf(collections.CodeForbidden, "An API key cannot do this: sign in with a browser.")
	}
	return k.need(scopeOf(rt))
}

func (k *apiKey) need(scope collections.Scope) error {
	if k.has(scope) {
		return nil
	}
	return &collections.Error{
		Code: collections.CodeForbidden, Message: "This API key lacks the scope " + string(scope) + ".", Data: map[string]any{"scope": scope},
	}
}

// scopeOf answers what a key needs for a route. Making a link changes nothing: it is how a file is read.
func scopeOf(rt route) collections.Scope {
	switch {
	case rt.who == admin:
		return collections.ScopeAdmin
	case isSafe(rt.method), strings.HasSuffix(rt.path, "/signed-url"), strings.HasSuffix(rt.path, "/signed-urls"):
		return collections.ScopeRead
	}
	return collections.ScopeWrite
}
