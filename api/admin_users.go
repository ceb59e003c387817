package api

import (
	"net/http"
	"net/url"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/longshore-project/longshore/api/wire"
	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// adminUserRoutes are about the accounts of others.
func (a *API) adminUserRoutes() []route {
	return []route{
		{"GET", "/admin/users", admin, small, "", a.listUsers},
		{"POST", "/admin/users", admin, small, "user.create", a.createUser},
		{"GET", "/admin/users/{id}", admin, small, "", a.getUser},
		{"PATCH", "/admin/users/{id}", admin, small, "user.update", a.updateUser},
		{"DELETE", "/admin/users/{id}", admin, small, "user.delete", a.deleteUser},
	}
}

// userSorts has an index for each.
var userSorts = sorts{"created_at": {"created_at"}, "email": {"email"}}

func (a *API) listUsers(e *core.RequestEvent) error {
	v := e.Request.URL.Query()
	l, err := readListing(v, userSorts, "-created_at")
	if err != nil {
		return err
	}
	where := userFilters(v)
	rows, err := l.records(e.App, "users", where)
	if err != nil {
		return err
	}
	rows, next := cutPage(l, rows, l.placeOfRecord)
	users := make([]wire.AdminUser, len(rows))
	for i, row := range rows {
		if users[i], err = a.adminUserOf(e.App, row); err != nil {
			return err
		}
	}
	total, err := l.total(e.App.RecordQuery("users").Where(where))
	if err != nil {
		return err
	}
	return ok(e, cursorPage[wire.AdminUser]{page: envelope(l, users, total), Next: next})
}

func userFilters(v url.Values) dbx.Expression {
	var filters []dbx.Expression
	if role := v.Get("role"); role != "" {
		filters = append(filters, dbx.HashExp{"role": role})
	}
	if v.Has("disabled") {
		filters = append(filters, dbx.HashExp{"disabled": isTrue(v.Get("disabled"))})
	}
	if s := v.Get("search"); s != "" {
		filters = append(filters, contains("email", s))
	}
	if len(filters) == 0 {
		return nil
	}
	return dbx.And(filters...)
}

func (a *API) getUser(e *core.RequestEvent) error {
	user, err := findByID(e.App, "users", e.Request.PathValue("id"), "There is no such user.")
	if err != nil {
		return err
	}
	return a.answerUser(e, http.StatusOK, user)
}

func (a *API) answerUser(e *core.RequestEvent, status int, user *core.Record) error {
	body, err := a.adminUserOf(e.App, user)
	if err != nil {
		return err
	}
	return e.JSON(status, body)
}

// adminUserOf asks by indexes of one user, so that a page costs by its rows.
func (a *API) adminUserOf(app core.App, r *core.Record) (wire.AdminUser, error) {
	u := wire.AdminUser{
		Id: r.Id, Email: r.Email(), Role: wire.Role(r.GetString("role")), EmailVerified: r.Verified(), Disabled: r.GetBool("disabled"),
		CreatedAt: timeOf(r, "created_at"),
	}
	assigned, err := hooks.AssignmentAt(app, r.Id, a.Now())
	if err != nil {
		return u, err
	}
	u.Plan, u.PlanExpiresAt = wire.PlanName(assigned.Name), optionalTime(assigned.Expires.Time())
	used, err := hooks.UsageOf(app, r.Id)
	if err != nil {
		return u, err
	}
	u.StorageUsed, u.JobsActive = used.StorageUsed, used.JobsActive
	var seen types.DateTime
	err = app.DB().NewQuery(`SELECT (SELECT COUNT(*) FROM jobs WHERE user_id = {:user}), (SELECT COALESCE(MAX(last_seen_at), '') FROM sessions WHERE user_id = {:user})`).
		Bind(dbx.Params{"user": r.Id}).Row(&u.Jobs, &seen)
	u.LastSeenAt = optionalTime(seen.Time())
	return u, err
}

// deleteUser removes an account; what belongs to it goes in the same transaction (hooks).
func (a *API) deleteUser(e *core.RequestEvent) error {
	err := hooks.InTransaction(e.App, func(tx core.App) error {
		user, err := findByID(tx, "users", e.Request.PathValue("id"), "There is no such user.")
		if err != nil {
			return err
		}
		if err := refuseLastAdmin(tx, user); err != nil {
			return err
		}
		return tx.DeleteWithContext(acts(e), user)
	})
	if err != nil {
		return err
	}
	return e.NoContent(http.StatusNoContent)
}

// refuseLastAdmin runs in the transaction that takes an admin away, before it does: of two admins who remove each other
// at once one is left.
func refuseLastAdmin(tx core.App, user *core.Record) error {
	last, err := isLastAdmin(tx, user)
	if err != nil || !last {
		return err
	}
	return collections.Errorf(collections.CodeForbidden, "This is the only admin. Make somebody else an admin first.")
}
