package progress

import (
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

func (s *server) session(u *core.Record) *core.Record {
	s.t.Helper()
	session, err := s.app.FindFirstRecordByData("sessions", "user_id", u.Id)
	if err != nil {
		s.t.Fatal(err)
	}
	return session
}

func TestKeyListensByItsScopes(t *testing.T) {
	s := newServer(t)
	root := s.user("root@example.com", collections.RoleAdmin)
	_, plain := s.key(root, time.Time{}, collections.ScopeRead)
	_, full := s.key(root, time.Time{}, collections.ScopeRead, collections.ScopeAdmin)
	c, _ := s.connect(plain)
	for topics, status := range map[string]int{"jobs/*": 204, "progress": 204, "jobs/all": 403, "progress/all": 403} {
		if got := c.subscribe(topics); got != status {
			t.Errorf("a key without the scope admin, %s: %d", topics, got)
		}
	}
	s.listen(full, "progress/all").fence(root)
}

func TestConnectionsEndWithTheirKey(t *testing.T) {
	for name, end := range map[string]func(*server, *core.Record) error{
		"revoked":       func(s *server, key *core.Record) error { return s.app.Delete(key) },
		"another scope": func(s *server, key *core.Record) error { key.Set("scopes", "write"); return s.app.Save(key) },
		"disabled user": func(s *server, key *core.Record) error {
			user, err := s.app.FindRecordById("users", key.GetString("user_id"))
			if err != nil {
				return err
			}
			user.Set("disabled", true)
			return s.app.Save(user)
		},
		"expired": func(s *server, key *core.Record) error {
			key.Set("expires_at", time.Now().Add(-time.Second))
			return s.app.Save(key)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, func(b *Board) { b.checkEvery = time.Hour }) // by the change itself
			ann, bob := s.user("ann@example.com", collections.RoleUser), s.user("bob@example.com", collections.RoleUser)
			key, as := s.key(ann, time.Now().Add(time.Hour), collections.ScopeRead)
			c, other := s.listen(as, "progress"), s.listen(userRef(bob), "progress")
			if err := end(s, key); err != nil {
				t.Fatal(err)
			}
			if !c.ended() {
				t.Error("the connection is open")
			}
			other.fence(bob)
		})
	}
}

func TestConnectionsEndAfterChangesOfAnotherProcess(t *testing.T) {
	for name, change := range map[string]func(core.App, *core.Record) error{
		"signed out": func(app core.App, u *core.Record) error {
			_, err := app.NonconcurrentDB().Delete("sessions", dbx.HashExp{"user_id": u.Id}).Execute()
			return err
		},
		"disabled":         func(app core.App, u *core.Record) error { u.Set("disabled", true); return app.Save(u) },
		"another password": func(app core.App, u *core.Record) error { u.SetPassword("another long one"); return app.Save(u) },
		"another role":     func(app core.App, u *core.Record) error { u.Set("role", "admin"); return app.Save(u) },
		"deleted":          func(app core.App, u *core.Record) error { return app.Delete(u) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, func(b *Board) { b.checkEvery = 20 * time.Millisecond })
			ann, bob := s.user("ann@example.com", collections.RoleUser), s.user("bob@example.com", collections.RoleUser)
			c, other := s.listen(userRef(ann), "progress"), s.listen(userRef(bob), "progress")
			c.fence(ann)
			second := hookstest.SecondApp(t, s.app)
			there, err := second.FindRecordById("users", ann.Id)
			if err != nil {
				t.Fatal(err)
			}
			if err := change(second, there); err != nil {
				t.Fatal(err)
			}
			if !c.ended() {
				t.Error("the connection is open")
			}
			other.fence(bob)
		})
	}
}

func TestConnectionEndsWhenItsKeyExpires(t *testing.T) {
	s := newServer(t, func(b *Board) { b.checkEvery = 20 * time.Millisecond })
	ann := s.user("ann@example.com", collections.RoleUser)
	_, as := s.key(ann, time.Now().Add(500*time.Millisecond), collections.ScopeRead)
	if c := s.listen(as, "progress"); !c.ended() {
		t.Error("the connection is open")
	}
}

func TestSuperusersConnectionEndsWithItsSuperuser(t *testing.T) {
	for name, end := range map[string]func(*server, *core.Record) error{
		"another password": func(s *server, u *core.Record) error { u.SetPassword("another long one"); return s.app.Save(u) },
		"deleted":          func(s *server, u *core.Record) error { return s.app.Delete(u) },
		"deleted by SQL": func(s *server, u *core.Record) error {
			_, err := s.app.NonconcurrentDB().Delete(core.CollectionNameSuperusers, dbx.HashExp{"id": u.Id}).Execute()
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, func(b *Board) { b.checkEvery = 20 * time.Millisecond })
			root := s.row(core.CollectionNameSuperusers, map[string]any{"email": "root@example.com", "password": hookstest.Password})
			s.row(core.CollectionNameSuperusers, map[string]any{"email": "other@example.com", "password": hookstest.Password})
			c := s.listen(core.CollectionNameSuperusers+"/"+root.Id, "jobs/*")
			if err := end(s, root); err != nil {
				t.Fatal(err)
			}
			if !c.ended() {
				t.Error("the connection is open")
			}
		})
	}
}

func BenchmarkCheckAccessOf1000Connections(b *testing.B) {
	s := newServer(b)
	for range 1000 {
		user := s.user(core.GenerateDefaultRandomId()+"@example.com", collections.RoleUser)
		h := holder{account: user.Id, user: true, tokenKey: user.TokenKey(), access: Access{SessionID: s.session(user).Id}}
		if !s.board.conns.assign(newClient(), h) {
			b.Fatal("refused")
		}
	}
	for b.Loop() {
		s.board.CheckAccess()
	}
}
