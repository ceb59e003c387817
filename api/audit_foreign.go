package api

import (
	"cmp"
	"path/filepath"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// foreign names what superusers do by PocketBase's routes that saves no record, by the routes' patterns.
var foreign = map[string]struct{ action, target string }{
	"POST /api/backups":                                   {"backup.create", "backups"},
	"POST /api/backups/upload":                            {"backup.upload", "backups"},
	"DELETE /api/backups/{key}":                           {"backup.delete", "backups"},
	"POST /api/backups/{key}/restore":                     {"backup.restore", "backups"},
	"POST /api/crons/{id}":                                {"cron.run", "crons"},
	"DELETE /api/logs":                                    {"logs.delete", "logs"},
	"POST /api/settings/test/email":                       {"settings.test_email", "settings"},
	"POST /api/settings/test/s3":                          {"settings.test_s3", "settings"},
	"POST /api/collections/{collection}/impersonate/{id}": {"users.impersonate", "users"},
}

// noteForeign audits those before they are done: there is no transaction to share, and a restored backup knows nothing of what
// came after it. The SQL console only reads, since SQL would go past every rule of ours.
func (a *API) noteForeign() *hook.Handler[*core.RequestEvent] {
	return &hook.Handler[*core.RequestEvent]{
		Id:       "longshoreForeign",
		Priority: apis.DefaultSuperuserIPsWhitelistMiddlewarePriority + 2,
		Func: func(e *core.RequestEvent) error {
			if e.Request.Pattern == "POST /api/sql" {
				return readOnly(e)
			}
			if does, listed := foreign[e.Request.Pattern]; listed {
				id := cmp.Or(e.Request.PathValue("key"), e.Request.PathValue("id"))
				if err := hooks.Audit(acts(e), e.App, does.action, does.target, id, nil); err != nil {
					return err
				}
			}
			return e.Next()
		},
	}
}

// auditSuperuserSignIn: to renew a token is no sign-in.
func auditSuperuserSignIn(e *core.RecordAuthRequestEvent) error {
	if e.AuthMethod != "" {
		nameAccount(e.RequestEvent, e.Record)
		if err := hooks.Audit(acts(e.RequestEvent), e.App, "superuser.sign_in", core.CollectionNameSuperusers, e.Record.Id, nil); err != nil {
			return err
		}
	}
	return e.Next()
}

// readOnlyApp gives PocketBase's SQL console a connection that cannot write.
type readOnlyApp struct {
	core.App
	db *dbx.DB
}

func (a readOnlyApp) ConcurrentDB() dbx.Builder { return a.db }

func (a readOnlyApp) RunInTransaction(func(core.App) error) error {
	return collections.Errorf(collections.CodeForbidden, "The SQL console only reads: change records in their collections, so that rules and audit hold.")
}

func readOnly(e *core.RequestEvent) error {
	db, err := hooks.ConnectReadOnly(filepath.Join(e.App.DataDir(), "data.db"))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	e.App = readOnlyApp{e.App, db}
	return e.Next()
}
