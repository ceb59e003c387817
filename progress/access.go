package progress

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/longshore-project/longshore/collections"
)

// Access is by what right a user's request is made, and then a connection held: one of both ids is set.
type Access struct {
	SessionID string
	KeyID     string
	Admin     bool // may do what only admins may
}

// AccessKey is the key under which a request event carries its Access.
const AccessKey = "longshoreAccess"

// right is what the database says of a session, key or superuser that is good now.
type right struct {
	ID       string `db:"id"`
	Role     string `db:"role"`
	TokenKey string `db:"token_key"`
	Scopes   string `db:"scopes"` // of a key, in JSON
}

func (r right) has(scope collections.Scope) bool {
	return strings.Contains(r.Scopes, strconv.Quote(string(scope)))
}

func (r right) admin(key bool) bool {
	return r.Role == string(collections.RoleAdmin) && (!key || r.has(collections.ScopeAdmin))
}

// allows says whether a connection that was given to h may go on.
func (r right) allows(h holder) bool {
	key := h.access.KeyID != ""
	mayRead := !key || r.has(collections.ScopeRead)
	return mayRead && r.TokenKey == h.tokenKey && r.admin(key) == h.admin
}

// CheckAccess ends the connections of these accounts, of all when none is named, whose session or key is gone or
// expired, or whose user or superuser is disabled, gone or has another role or password. It reads what is committed.
func (b *Board) CheckAccess(accounts ...string) {
	held := b.conns.ofAccounts(accounts)
	if len(held) == 0 {
		return
	}
	rights, err := findRights(b.app, held)
	if err != nil {
		b.app.Logger().Warn("the rights of realtime connections could not be checked", "error", err)
		return
	}
	for c, h := range held {
		if r, good := rights[h.proof()]; !good || !r.allows(h) {
			b.app.SubscriptionsBroker().Unregister(c.Id())
		}
	}
}

func findRights(app core.App, held map[*client]holder) (map[string]right, error) {
	sessions, keys, superusers := []string{}, []string{}, []string{}
	for _, h := range held {
		switch {
		case h.access.SessionID != "":
			sessions = append(sessions, h.proof())
		case h.access.KeyID != "":
			keys = append(keys, h.proof())
		default:
			superusers = append(superusers, h.proof())
		}
	}
	var rows []right
	err := app.DB().NewQuery(`SELECT s.id, u.role, u.tokenKey AS token_key, '' AS scopes FROM sessions s JOIN users u ON u.id = s.user_id
			WHERE s.id IN (SELECT value FROM json_each({:sessions})) AND s.expires_at > {:now} AND NOT u.disabled
		UNION ALL SELECT k.id, u.role, u.tokenKey, k.scopes FROM api_keys k JOIN users u ON u.id = k.user_id
			WHERE k.id IN (SELECT value FROM json_each({:keys})) AND (k.expires_at = '' OR k.expires_at > {:now}) AND NOT u.disabled
		UNION ALL SELECT id, '', tokenKey, '' FROM _superusers WHERE id IN (SELECT value FROM json_each({:superusers}))`).
		Bind(dbx.Params{"sessions": list(sessions), "keys": list(keys), "superusers": list(superusers), "now": types.NowDateTime().String()}).All(&rows)
	rights := make(map[string]right, len(rows))
	for _, r := range rows {
		rights[r.ID] = r
	}
	return rights, err
}

// list writes ids for json_each.
func list(ids []string) string {
	b, _ := json.Marshal(ids) // strings
	return string(b)
}

// proof answers the id of what must be good for the connection to go on.
func (h holder) proof() string {
	if h.user {
		return h.access.SessionID + h.access.KeyID
	}
	return h.account
}

// ofAccounts answers the connections of accounts, of these only when there are any.
func (s *connections) ofAccounts(accounts []string) map[*client]holder {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := map[*client]holder{}
	for account, clients := range s.byHolder {
		if len(accounts) > 0 && !slices.Contains(accounts, account) {
			continue
		}
		for c := range clients {
			if c.holder.account != "" {
				held[c] = c.holder
			}
		}
	}
	return held
}

// bindAccess checks connections after every change of this process, and again and again for those of others.
func (b *Board) bindAccess(app core.App) {
	for field, names := range map[string][]string{"id": {"users", core.CollectionNameSuperusers}, "user_id": {"sessions", "api_keys"}} {
		app.OnRecordAfterUpdateSuccess(names...).BindFunc(b.checkOf(field))
		app.OnRecordAfterDeleteSuccess(names...).BindFunc(b.checkOf(field))
	}
	app.OnServe().BindFunc(func(e *core.ServeEvent) error {
		app.OnTerminate().BindFunc(b.watchAccess())
		return e.Next()
	})
}

func (b *Board) checkOf(field string) func(*core.RecordEvent) error {
	return func(e *core.RecordEvent) error {
		b.CheckAccess(e.Record.GetString(field))
		return e.Next()
	}
}

// watchAccess begins to check all connections every few seconds and answers what ends it.
func (b *Board) watchAccess() func(*core.TerminateEvent) error {
	stop := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(b.checkEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				b.CheckAccess()
			case <-stop:
				return
			}
		}
	})
	return func(e *core.TerminateEvent) error {
		close(stop)
		running.Wait()
		return e.Next()
	}
}
