package progress

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

func TestConnectionsThatDoNotSubscribeAreClosed(t *testing.T) {
	s := newServer(t, func(b *Board) { b.guestLimit = 50 * time.Millisecond })
	ann := s.user("ann@example.com", collections.RoleUser)
	for _, as := range []string{"", userRef(ann)} {
		if c, _ := s.connect(as); !c.ended() {
			t.Errorf("the connection of %q is open", as)
		}
	}
}

func TestConnectionsAreCapped(t *testing.T) {
	s := newServer(t)
	ann := s.user("ann@example.com", collections.RoleUser)
	var open []*reader
	for range maxPerUser {
		open = append(open, s.listen(userRef(ann), "progress"))
	}
	if _, status := s.connect(userRef(ann)); status != 429 {
		t.Errorf("one more was answered %d", status)
	}
	guest, _ := s.connect("")
	if status := guest.subscribeAs(userRef(ann), "progress"); status != 429 {
		t.Errorf("one more, signed in late, was answered %d", status)
	}
	open[0].body.Close()
	deadline := time.Now().Add(patience)
	for status := 0; status != 200; _, status = s.connect(userRef(ann)) {
		if time.Now().After(deadline) {
			t.Fatal("a closed connection still counts")
		}
	}
}

func TestConnectionsEndWithTheirRights(t *testing.T) {
	for name, end := range map[string]func(*server, *core.Record) error{
		"disabled":         func(s *server, u *core.Record) error { u.Set("disabled", true); return s.app.Save(u) },
		"another role":     func(s *server, u *core.Record) error { u.Set("role", "user"); return s.app.Save(u) },
		"another password": func(s *server, u *core.Record) error { u.SetPassword("another long one"); return s.app.Save(u) },
		"deleted":          func(s *server, u *core.Record) error { return s.app.Delete(u) },
		"signed out":       func(s *server, u *core.Record) error { return s.app.Delete(s.session(u)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, func(b *Board) { b.checkEvery = time.Hour }) // by the change itself
			root, ann := s.user("root@example.com", collections.RoleAdmin), s.user("ann@example.com", collections.RoleUser)
			c, other := s.listen(userRef(root), "jobs/all"), s.listen(userRef(ann), "progress")
			if err := end(s, root); err != nil {
				t.Fatal(err)
			}
			if !c.ended() {
				t.Error("the connection is open")
			}
			other.fence(ann)
		})
	}
}

func TestUnrelatedChangeOfAUserEndsNothing(t *testing.T) {
	s := newServer(t)
	ann := s.user("ann@example.com", collections.RoleUser)
	c := s.listen(userRef(ann), "progress")
	ann.Set("name", "Ann")
	if err := s.app.Save(ann); err != nil {
		t.Fatal(err)
	}
	c.fence(ann)
}

func TestDashboardHearsThroughPocketBase(t *testing.T) {
	s := newServer(t)
	superusers, err := s.app.FindCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		t.Fatal(err)
	}
	root := core.NewRecord(superusers)
	root.SetEmail("root@example.com")
	root.SetPassword(hookstest.Password)
	if err := s.app.Save(root); err != nil {
		t.Fatal(err)
	}
	ann := s.user("ann@example.com", collections.RoleUser)
	c, _ := s.connect(userRef(ann)) // the same browser carries the app's cookie
	if status := c.subscribeAs("_superusers/"+root.Id, "jobs/*", "agents/*"); status != 204 {
		t.Fatalf("subscribing: %d", status)
	}
	job := s.job(ann)
	e := c.next()
	if e.topic != "jobs/*" || !strings.Contains(e.data, job.Id) || !strings.Contains(e.data, `"collectionName":"jobs"`) {
		t.Errorf("heard %v", e)
	}
}

func TestDeadReaderIsDropped(t *testing.T) {
	s := newServer(t, func(b *Board) { b.writeLimit = 300 * time.Millisecond })
	ann := s.user("ann@example.com", collections.RoleUser)
	conn, id := s.connectDead(ann)
	defer conn.Close()
	alive := s.listen(userRef(ann), "progress")
	s.subscribeDead(id, ann)
	deadline := time.Now().Add(patience)
	for i := 0; ; i++ {
		s.board.Report(ann.Id, collections.Progress{JobID: fmt.Sprintf("%s-%04d", strings.Repeat("x", 4000), i%900)})
		if _, err := s.app.SubscriptionsBroker().ClientById(id); err != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the dead reader is still there")
		}
	}
	alive.fence(ann)
}

// connectDead opens a stream of which only the greeting is read.
func (s *server) connectDead(u *core.Record) (net.Conn, string) {
	s.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10) // only makes the test quicker
	fmt.Fprintf(conn, "GET /api/realtime HTTP/1.1\r\nHost: x\r\nAs: %s\r\n\r\n", userRef(u))
	r := bufio.NewReaderSize(conn, 512)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			s.t.Fatal(err)
		}
		if _, data, ok := strings.Cut(line, `"clientId":"`); ok {
			id, _, _ := strings.Cut(data, `"`)
			return conn, id
		}
	}
}

func (s *server) subscribeDead(id string, u *core.Record) {
	s.t.Helper()
	c := &reader{s: s, as: userRef(u), id: id}
	if status := c.subscribe("progress"); status != 204 {
		s.t.Fatalf("subscribing: %d", status)
	}
}
