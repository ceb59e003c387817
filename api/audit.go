package api

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/progress"
)

// adminAuditRoutes tell who changed what.
func (a *API) adminAuditRoutes() []route {
	return []route{
		{"GET", "/admin/audit", admin, small, "", a.listAudit},
	}
}

// auditRow is a row of the audit. Row is its place, which never changes: rows are only added.
type auditRow struct {
	Row        int64         `db:"row" json:"-"`
	ID         string        `db:"id" json:"id"`
	ActorID    string        `db:"actor_id" json:"actor_id"`
	ActorKind  string        `db:"actor_kind" json:"actor_kind"`
	ActorEmail string        `db:"actor_email" json:"actor_email"`
	Action     string        `db:"action" json:"action"`
	TargetType string        `db:"target_type" json:"target_type"`
	TargetID   string        `db:"target_id" json:"target_id"`
	Metadata   types.JSONRaw `db:"metadata" json:"metadata"`
	RequestID  string        `db:"request_id" json:"request_id"`
	Address    string        `db:"address" json:"address"`
	CreatedAt  string        `db:"created_at" json:"created_at"`
}

type auditPage struct {
	Items []auditRow `json:"items"`
	Next  *string    `json:"next"`
}

func (a *API) listAudit(e *core.RequestEvent) error {
	query := e.Request.URL.Query()
	perPage := intOr(query.Get("perPage"), defaultPerPage)
	list := auditPage{Items: []auditRow{}}
	err := e.App.DB().Select("a.rowid AS row", "a.id", "actor_id", "actor_kind", "COALESCE(u.email, s.email, '') AS actor_email", "action", "target_type",
		"target_id", "metadata", "request_id", "address", "a.created_at").From("audit_logs a").
		LeftJoin("users u", dbx.NewExp("u.id = a.actor_id")).LeftJoin("_superusers s", dbx.NewExp("s.id = a.actor_id")).
		Where(dbx.And(auditFilters(query)...)).OrderBy("a.rowid DESC").Limit(int64(perPage) + 1).All(&list.Items)
	if err != nil {
		return err
	}
	if len(list.Items) > perPage {
		list.Items = list.Items[:perPage]
		next := strconv.FormatInt(list.Items[perPage-1].Row, 10)
		list.Next = &next
	}
	for i := range list.Items {
		at, err := types.ParseDateTime(list.Items[i].CreatedAt)
		if err != nil {
			return err
		}
		list.Items[i].CreatedAt = progress.Timestamp(at)
	}
	return ok(e, list)
}

// auditFilters reads a query that openapi.yaml has judged already.
func auditFilters(v url.Values) (filters []dbx.Expression) {
	for _, name := range []string{"target_type", "target_id", "request_id"} {
		if v.Get(name) != "" {
			filters = append(filters, dbx.HashExp{name: v.Get(name)})
		}
	}
	if actor := v.Get("actor"); isActorKind(actor) {
		filters = append(filters, dbx.HashExp{"actor_kind": actor})
	} else if actor != "" {
		filters = append(filters, dbx.HashExp{"actor_id": actor})
	}
	if action := v.Get("action"); strings.HasSuffix(action, ".") {
		filters = append(filters, dbx.Like("action", action).Match(false, true))
	} else if action != "" {
		filters = append(filters, dbx.HashExp{"action": action})
	}
	for name, compare := range map[string]string{"after": ">=", "before": "<"} {
		if at, err := time.Parse(time.RFC3339, v.Get(name)); err == nil {
			filters = append(filters, dbx.NewExp("a.created_at "+compare+" {:"+name+"}", dbx.Params{name: dbTime(at)}))
		}
	}
	if row, err := strconv.ParseInt(v.Get("cursor"), 10, 64); err == nil {
		filters = append(filters, dbx.NewExp("a.rowid < {:row}", dbx.Params{"row": row}))
	}
	return filters
}

func isActorKind(s string) bool {
	switch hooks.ActorKind(s) {
	case hooks.ActorUser, hooks.ActorKey, hooks.ActorSuperuser, hooks.ActorNobody, hooks.ActorSystem:
		return true
	}
	return false
}
