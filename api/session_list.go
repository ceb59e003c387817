package api

import (
	"net/http"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/progress"
)

// sessionRoutes are about the devices on which a user is signed in.
func (a *API) sessionRoutes() []route {
	return []route{
		{"GET", "/auth/sessions", person, small, "", a.listSessions},
		{"DELETE", "/auth/sessions", person, small, "session.revoke", a.deleteOtherSessions},
		{"DELETE", "/auth/sessions/{id}", person, small, "session.revoke", a.deleteSession},
	}
}

// device is a session as routes show it.
type device struct {
	ID         string `json:"id"`
	DeviceInfo string `json:"device_info"`
	Address    string `json:"address"`
	CreatedAt  string `json:"created_at"`
	LastSeenAt string `json:"last_seen_at"`
	ExpiresAt  string `json:"expires_at"`
	Current    bool   `json:"current"`
}

func (a *API) listSessions(e *core.RequestEvent) error {
	query := e.Request.URL.Query()
	list := page[device]{Page: intOr(query.Get("page"), 1), PerPage: intOr(query.Get("perPage"), defaultPerPage), TotalItems: -1, TotalPages: -1, Items: []device{}}
	mine := a.liveSessionsOf(e.Auth.Id)
	var rows []*core.Record
	err := e.App.RecordQuery("sessions").AndWhere(mine).OrderBy("last_seen_at DESC", "id DESC").
		Limit(int64(list.PerPage)).Offset(int64((list.Page - 1) * list.PerPage)).All(&rows)
	if err != nil {
		return err
	}
	for _, row := range rows {
		list.Items = append(list.Items, showSession(row, sessionOf(e)))
	}
	if !isTrue(query.Get("skipTotal")) {
		if err := e.App.RecordQuery("sessions").Select("COUNT(*)").AndWhere(mine).Row(&list.TotalItems); err != nil {
			return err
		}
		list.TotalPages = pages(list.TotalItems, list.PerPage)
	}
	return ok(e, list)
}

func (a *API) liveSessionsOf(userID string) dbx.Expression {
	return dbx.And(dbx.HashExp{"user_id": userID}, dbx.NewExp("expires_at > {:now}", dbx.Params{"now": dbTime(a.Now())}))
}

func showSession(row *core.Record, current *session) device {
	return device{
		ID: row.Id, DeviceInfo: row.GetString("device_info"), Address: row.GetString("address"), Current: row.Id == current.ID,
		CreatedAt:  progress.Timestamp(row.GetDateTime("created_at")),
		LastSeenAt: progress.Timestamp(row.GetDateTime("last_seen_at")), ExpiresAt: progress.Timestamp(row.GetDateTime("expires_at")),
	}
}

// deleteSession: what listens by the session ends with it, see progress.
func (a *API) deleteSession(e *core.RequestEvent) error {
	row, err := findOwn(e, "sessions", "There is no such session.")
	if err != nil {
		return err
	}
	if err := e.App.DeleteWithContext(acts(e), row); err != nil {
		return err
	}
	if row.Id == sessionOf(e).ID {
		a.clearCookie(e)
	}
	return e.NoContent(http.StatusNoContent)
}

func (a *API) deleteOtherSessions(e *core.RequestEvent) error {
	err := hooks.InTransaction(e.App, func(tx core.App) error {
		others, err := tx.FindAllRecords("sessions", dbx.HashExp{"user_id": e.Auth.Id}, dbx.Not(dbx.HashExp{"id": sessionOf(e).ID}))
		for _, row := range others {
			if err == nil {
				err = tx.DeleteWithContext(acts(e), row)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	return e.NoContent(http.StatusNoContent)
}
