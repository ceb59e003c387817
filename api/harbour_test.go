package api

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/longshore-project/longshore/api/wire"
	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// canary is in everything of bob's.
const canary = "canary-of-bob"

// harbour is a server with something of each kind, of ann and of bob.
type harbour struct {
	*server
	t              *testing.T
	guest, late    *browser // nobody, and somebody whose session is over
	ann, bob, root *browser
	reader, writer *browser // programs with keys of ann's
	annHas, bobHas map[string]string
	adminThings    map[string]string
	watcher        *dbx.DB
}

func newHarbour(t *testing.T) *harbour {
	s := newServer(t)
	h := &harbour{
		server: s, t: t, guest: s.browser(), late: s.signedIn("late@example.com"), ann: s.signedIn("ann@example.com"), bob: s.signedIn(canary + "@example.com"),
		root: s.signedInAs("root@example.com", collections.RoleAdmin),
	}
	h.set("settings", "", map[string]any{"requests_per_minute": 1_000_000, "submits_per_minute": 1_000_000})
	_, err := s.app.NonconcurrentDB().Update("sessions", dbx.Params{"expires_at": dbTime(s.clock.now().Add(-time.Second))}, dbx.HashExp{"user_id": h.late.user.ID}).Execute()
	if err != nil {
		t.Fatal(err)
	}
	h.annHas, h.bobHas = h.things(h.ann, "ann's"), h.things(h.bob, canary)
	h.reader, h.writer = s.program(h.ann.newKey(collections.ScopeRead).Key), s.program(h.ann.newKey(collections.ScopeRead, collections.ScopeWrite).Key)
	for _, p := range []*browser{h.reader, h.writer} { // notes the first use
		p.call("GET", "/jobs", nil)
	}
	var invite wire.NewInvite
	h.root.call("POST", "/admin/invites", map[string]any{"note": canary}).into(t, 201, &invite)
	h.adminThings = map[string]string{
		"/admin/users/": h.bob.user.ID, "/admin/jobs/": h.bobHas["/jobs/"], "/admin/plans/": "pro", "/admin/invites/": invite.Invite.Id,
		"/admin/blocklist/": h.root.block(strings.Repeat("b", 40)).Id, "/admin/agents/": h.enrolled(h.dispatching(), "far"), "/admin/schedules/": "sessions",
	}
	h.watcher = h.watch()
	return h
}

// things answers ids of what a user has, by the paths of their routes.
func (h *harbour) things(b *browser, name string) map[string]string {
	h.t.Helper()
	job := b.mustCreate(newForm("label", name).torrent(torrent(name, testFile{name + ".txt", 5}, testFile{"b.txt", 5})))
	file := b.tree(job.ID, "").Items[0].Children[0].ID
	h.mustStore(file, "hello")
	things := map[string]string{"/jobs/": job.ID, "/files/": file, "/auth/keys/": b.newKey(collections.ScopeRead).ID}
	for _, device := range b.devices() {
		things["/auth/sessions/"] = device.ID
	}
	return things
}

func (h *harbour) caller(op operation) *browser {
	switch op.who {
	case anyone:
		return h.guest
	case admin:
		return h.root
	}
	return h.ann
}

// pathOf puts an id into the path of an operation.
func (h *harbour) pathOf(op operation, id string) string {
	before, rest, there := strings.Cut(op.path, "{")
	if !there {
		return op.path
	}
	_, after, _ := strings.Cut(rest, "}")
	return before + id + after
}

// mine answers the id of something that the caller of an operation may name.
func (h *harbour) mine(op operation) string {
	before, _, there := strings.Cut(op.path, "{")
	if !there {
		return ""
	}
	things := h.annHas
	if op.who == admin {
		things = h.adminThings
	}
	if things[before] == "" {
		h.t.Fatalf("there is nothing for %s", op.path)
	}
	return things[before]
}

// theirs answers the id of something of bob's that the caller may not know; empty for an admin.
func (h *harbour) theirs(op operation) string {
	before, _, _ := strings.Cut(op.path, "{")
	if op.who == admin {
		return ""
	}
	return h.bobHas[before]
}

// watch answers a connection of its own to the database. That sees whenever another one has committed something
// (https://www.sqlite.org/pragma.html#pragma_data_version).
func (s *server) watch() *dbx.DB {
	s.t.Helper()
	db, err := hooks.Connect(filepath.Join(s.app.DataDir(), "data.db"))
	if err != nil {
		s.t.Fatal(err)
	}
	db.DB().SetMaxOpenConns(1)
	s.t.Cleanup(func() { _ = db.Close() })
	return db
}

// version answers a number that is another one after every commit.
func (h *harbour) version() (n int64) {
	h.t.Helper()
	if err := h.watcher.NewQuery("PRAGMA data_version").Row(&n); err != nil {
		h.t.Fatal(err)
	}
	return n
}
