package api

import (
	"crypto/rand"
	"net/http"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/api/wire"
	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// adminInviteRoutes are about the codes with which one may register.
func (a *API) adminInviteRoutes() []route {
	return []route{
		{"GET", "/admin/invites", admin, small, "", a.listInvites},
		{"POST", "/admin/invites", admin, small, "invite.create", a.createInvite},
		{"DELETE", "/admin/invites/{id}", admin, small, "invite.delete", a.deleteInvite},
	}
}

// inviteStates are the states as conditions.
var inviteStates = map[wire.InviteState]string{
	wire.InviteStateUsed:    "used_at != ''",
	wire.InviteStateExpired: "used_at = '' AND expires_at != '' AND expires_at <= {:now}",
	wire.InviteStateOpen:    "used_at = '' AND (expires_at = '' OR expires_at > {:now})",
}

func (a *API) listInvites(e *core.RequestEvent) error {
	v := e.Request.URL.Query()
	l, err := readListing(v, sorts{"created_at": {"created_at"}}, "-created_at")
	if err != nil {
		return err
	}
	var where dbx.Expression
	if state := v.Get("state"); state != "" {
		where = dbx.NewExp(inviteStates[wire.InviteState(state)], dbx.Params{"now": dbTime(a.Now())})
	}
	rows, err := l.records(e.App, "invites", where)
	if err != nil {
		return err
	}
	rows, _ = cutPage(l, rows, l.placeOfRecord)
	invites := make([]wire.Invite, len(rows))
	for i, row := range rows {
		invites[i] = a.inviteOf(row)
	}
	total, err := l.total(e.App.RecordQuery("invites").Where(where))
	if err != nil {
		return err
	}
	return ok(e, envelope(l, invites, total))
}

func (a *API) inviteOf(r *core.Record) wire.Invite {
	return wire.Invite{
		Id: r.Id, Email: r.GetString("email"), Plan: r.GetString("plan"), Note: r.GetString("note"), State: a.inviteState(r),
		CreatedBy: r.GetString("created_by"), CreatedAt: timeOf(r, "created_at"),
		ExpiresAt: optionalTime(r.GetDateTime("expires_at").Time()), UsedAt: optionalTime(r.GetDateTime("used_at").Time()), UsedBy: r.GetString("used_by"),
	}
}

func (a *API) inviteState(r *core.Record) wire.InviteState {
	expires := r.GetDateTime("expires_at")
	switch {
	case !r.GetDateTime("used_at").IsZero():
		return wire.InviteStateUsed
	case !expires.IsZero() && !expires.Time().After(a.Now()):
		return wire.InviteStateExpired
	}
	return wire.InviteStateOpen
}

func (a *API) createInvite(e *core.RequestEvent) error {
	var in wire.CreateInviteJSONBody
	if err := readBody(e, &in); err != nil {
		return err
	}
	if err := a.checkInvite(&in); err != nil {
		return err
	}
	code := rand.Text()
	invites, err := e.App.FindCachedCollectionByNameOrId("invites")
	if err != nil {
		return err
	}
	row := core.NewRecord(invites)
	row.Load(map[string]any{
		"code_hash": hashToken(code), "email": value(in.Email), "plan": string(value(in.Plan)), "note": value(in.Note), "created_by": e.Auth.Id,
	})
	if in.ExpiresAt != nil {
		row.Set("expires_at", *in.ExpiresAt)
	}
	err = hooks.InTransaction(e.App, func(tx core.App) error {
		if in.Plan != nil { // it must be there as long as an invitation names it
			if _, err := hooks.FindPlan(tx, collections.PlanName(*in.Plan)); err != nil {
				return err
			}
		}
		return tx.SaveWithContext(acts(e), row)
	})
	if err != nil {
		return asInvalidInput(err)
	}
	return e.JSON(http.StatusCreated, wire.NewInvite{Invite: a.inviteOf(row), Code: code})
}

func (a *API) checkInvite(in *wire.CreateInviteJSONBody) error {
	if in.ExpiresAt != nil && !in.ExpiresAt.After(a.Now()) {
		return invalid("expires_at", "This time is over.")
	}
	if in.Email != nil {
		return checkEmail(*in.Email)
	}
	return nil
}

func (a *API) deleteInvite(e *core.RequestEvent) error {
	err := hooks.InTransaction(e.App, func(tx core.App) error {
		row, err := findByID(tx, "invites", e.Request.PathValue("id"), "There is no such invitation.")
		if err != nil {
			return err
		}
		return tx.DeleteWithContext(acts(e), row)
	})
	if err != nil {
		return err
	}
	return e.NoContent(http.StatusNoContent)
}
