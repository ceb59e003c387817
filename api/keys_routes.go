package api

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/longshore-project/longshore/api/wire"
	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/progress"
)

// keyRoutes are about the API keys of a user, who must be there in person.
func (a *API) keyRoutes() []route {
	return []route{
		{"GET", "/auth/keys", person, small, "", a.listKeys},
		{"POST", "/auth/keys", person, small, "key.create", a.createKey},
		{"DELETE", "/auth/keys/{id}", person, small, "key.revoke", a.deleteKey},
	}
}

// keyBody is a key as routes show it.
type keyBody struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	Prefix     string   `json:"prefix"`
	Scopes     []string `json:"scopes"`
	ExpiresAt  *string  `json:"expires_at"`
	LastUsedAt *string  `json:"last_used_at"`
	CreatedAt  string   `json:"created_at"`
}

type newKeyBody struct {
	keyBody
	Key string `json:"key"`
}

// listKeys answers all of them: a user has few.
func (a *API) listKeys(e *core.RequestEvent) error {
	rows, err := e.App.FindRecordsByFilter("api_keys", "user_id = {:user}", "-created_at,-id", maxKeys, 0, dbx.Params{"user": e.Auth.Id})
	if err != nil {
		return err
	}
	list := page[keyBody]{Page: 1, PerPage: maxKeys, TotalItems: len(rows), TotalPages: 1, Items: []keyBody{}}
	for _, row := range rows {
		list.Items = append(list.Items, showKey(row))
	}
	return ok(e, list)
}

func showKey(row *core.Record) keyBody {
	return keyBody{
		ID: row.Id, Name: row.GetString("name"), Prefix: row.GetString("prefix"), Scopes: append([]string{}, row.GetStringSlice("scopes")...),
		ExpiresAt: timestampOrNil(row.GetDateTime("expires_at")), LastUsedAt: timestampOrNil(row.GetDateTime("last_used_at")),
		CreatedAt: progress.Timestamp(row.GetDateTime("created_at")),
	}
}

func timestampOrNil(at types.DateTime) *string {
	if at.IsZero() {
		return nil
	}
	return new(progress.Timestamp(at))
}

func (a *API) createKey(e *core.RequestEvent) error {
	var in wire.CreateKeyJSONRequestBody
	if err := readBody(e, &in); err != nil {
		return err
	}
	if err := a.judgeNewKey(e, in); err != nil {
		return err
	}
	key := newKey()
	row, err := keyRow(e.App, e.Auth.Id, key, in)
	if err != nil {
		return err
	}
	err = hooks.InTransaction(e.App, func(tx core.App) error {
		if _, err := tx.FindRecordById("sessions", sessionOf(e).ID); err != nil { // a key must not outlive the session's end
			return signInFirst(err)
		}
		n, err := tx.CountRecords("api_keys", dbx.HashExp{"user_id": e.Auth.Id})
		if err != nil {
			return err
		}
		if n >= maxKeys {
			return invalid("name", fmt.Sprintf("You have %d API keys already: revoke one first.", maxKeys))
		}
		return tx.SaveWithContext(acts(e), row)
	})
	if err != nil {
		return asInvalidInput(err)
	}
	return e.JSON(http.StatusCreated, newKeyBody{showKey(row), key})
}

func (a *API) judgeNewKey(e *core.RequestEvent, in wire.CreateKeyJSONRequestBody) error {
	if strings.TrimSpace(in.Name) == "" {
		return invalid("name", "Give the key a name.")
	}
	if in.ExpiresAt != nil && !in.ExpiresAt.After(a.Now()) {
		return invalid("expires_at", "This time is over.")
	}
	for _, scope := range in.Scopes {
		if collections.Scope(scope) == collections.ScopeAdmin && role(e) != collections.RoleAdmin {
			return &collections.Error{
				Code: collections.CodeForbidden, Message: "Only admins may have a key with the scope admin.", Data: map[string]any{"scope": scope},
			}
		}
	}
	return nil
}

func keyRow(app core.App, userID, key string, in wire.CreateKeyJSONRequestBody) (*core.Record, error) {
	keys, err := app.FindCachedCollectionByNameOrId("api_keys")
	if err != nil {
		return nil, err
	}
	row := core.NewRecord(keys)
	row.Load(map[string]any{
		"user_id": userID, "name": strings.TrimSpace(in.Name), "key_hash": hashToken(key), "prefix": key[:keyShown], "scopes": in.Scopes,
	})
	if in.ExpiresAt != nil {
		row.Set("expires_at", *in.ExpiresAt)
	}
	return row, nil
}

// deleteKey: what listens by the key ends with it, see progress.
func (a *API) deleteKey(e *core.RequestEvent) error {
	row, err := findOwn(e, "api_keys", "There is no such API key.")
	if err != nil {
		return err
	}
	if err := e.App.DeleteWithContext(acts(e), row); err != nil {
		return err
	}
	return e.NoContent(http.StatusNoContent)
}

// findOwn answers the record of the path if it is the caller's.
func findOwn(e *core.RequestEvent, collection, otherwise string) (*core.Record, error) {
	row, err := e.App.FindRecordById(collection, e.Request.PathValue("id"), ownedBy(e.Auth.Id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, collections.Errorf(collections.CodeNotFound, "%s", otherwise)
	}
	return row, err
}
