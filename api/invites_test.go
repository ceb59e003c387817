package api

import (
	"bytes"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/longshore-project/longshore/api/wire"
	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

func (b *browser) invite(body map[string]any) wire.NewInvite {
	b.s.t.Helper()
	var made wire.NewInvite
	b.call("POST", "/admin/invites", body).into(b.s.t, 201, &made)
	return made
}

func TestInvitesFromMakingToUse(t *testing.T) {
	s := newServer(t)
	hooks.UseClock(s.app, s.clock.now)
	root := s.signedInAs("root@example.com", collections.RoleAdmin)
	expires := s.clock.now().Add(time.Hour).UTC().Truncate(time.Second)
	forAnn := root.invite(map[string]any{"email": "ann@example.com", "plan": "pro", "note": "of the club", "expires_at": expires})
	open := root.invite(map[string]any{})
	if i := forAnn.Invite; i.State != wire.InviteStateOpen || i.Plan != "pro" || i.CreatedBy != root.user.ID || i.ExpiresAt == nil || !i.ExpiresAt.Equal(expires) {
		t.Errorf("made %+v", i)
	}
	var u User
	s.browser().call("POST", "/auth/register", registerBody("ann@example.com", "invite", forAnn.Code)).into(t, 201, &u)
	if u.Plan != "pro" {
		t.Errorf("registered %+v", u)
	}
	late := root.invite(map[string]any{"expires_at": expires})
	s.clock.advance(2 * time.Hour)
	for state, want := range map[wire.InviteState]string{"used": forAnn.Invite.Id, "open": open.Invite.Id, "expired": late.Invite.Id} {
		var list page[wire.Invite]
		got := root.call("GET", "/admin/invites?state="+string(state), nil)
		got.into(t, 200, &list)
		if len(list.Items) != 1 || list.TotalItems != 1 || list.Items[0].Id != want || list.Items[0].State != state {
			t.Errorf("%s are %+v", state, list)
		}
		for _, secret := range []string{forAnn.Code, open.Code, late.Code, hashToken(open.Code)} {
			if bytes.Contains(got.body, []byte(secret)) {
				t.Errorf("the list tells a code: %s", got.body)
			}
		}
		if state == "used" && list.Items[0].UsedBy != u.ID {
			t.Errorf("it was used by %s", list.Items[0].UsedBy)
		}
	}
	if got := root.call("DELETE", "/admin/invites/"+open.Invite.Id, nil); got.status != 204 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	s.browser().call("POST", "/auth/register", registerBody("bob@example.com", "invite", open.Code)).want(t, 400, collections.CodeInvalidInput)
	for _, step := range []struct{ id, want string }{{open.Invite.Id, "invite.create invite.delete"}, {late.Invite.Id, "invite.create"}} {
		if got := s.audits(step.id); got != step.want {
			t.Errorf("the audit says %q", got)
		}
	}
	if n := s.count("audit_logs", dbx.Like("metadata", hashToken(open.Code))); n != 0 {
		t.Error("the audit has a hash")
	}
}

func TestInvitesThatAreRefused(t *testing.T) {
	s := newServer(t)
	root := s.signedInAs("root@example.com", collections.RoleAdmin)
	for name, body := range map[string]map[string]any{
		"no plan": {"plan": "gold"}, "no address": {"email": "nobody at all"}, "a time that is over": {"expires_at": s.clock.now()},
	} {
		t.Run(name, func(t *testing.T) {
			root.call("POST", "/admin/invites", body).want(t, 400, collections.CodeInvalidInput)
		})
	}
	if n := s.count("invites", nil); n != 0 {
		t.Errorf("%d were made", n)
	}
}
