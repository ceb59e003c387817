package api

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/longshore-project/longshore/api/wire"
	"github.com/longshore-project/longshore/collections"
)

func TestAnAdminSeesAndStartsSchedules(t *testing.T) {
	s := newServer(t)
	release := make(chan struct{})
	err := s.api.Schedule.Add("probe", "@every 1h", func(context.Context) error {
		<-release
		return errors.New("the probe is broken")
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.api.Schedule.Stop)
	user, root := s.signedIn("ann@example.com"), s.signedInAs("root@example.com", collections.RoleAdmin)

	user.call("GET", "/admin/schedules", nil).want(t, 403, collections.CodeForbidden)
	user.call("POST", "/admin/schedules/probe/run", nil).want(t, 403, collections.CodeForbidden)
	root.call("POST", "/admin/schedules/none/run", nil).want(t, 404, collections.CodeNotFound)
	if got := root.call("POST", "/admin/schedules/probe/run", nil); got.status != 202 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	root.call("POST", "/admin/schedules/probe/run", nil).want(t, 409, collections.CodeIllegalTransition)
	close(release)
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		var list page[wire.Schedule]
		root.call("GET", "/admin/schedules", nil).into(t, 200, &list)
		if probe := list.Items[0]; probe.Name == "probe" && !probe.Running && probe.LastError == "the probe is broken" && probe.LastStartedAt != nil {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%+v", list.Items)
		}
	}
	if n, err := s.app.CountRecords("audit_logs", dbx.HashExp{"action": "schedule.run"}); n != 1 || err != nil {
		t.Errorf("%d audit rows, %v", n, err)
	}
}
