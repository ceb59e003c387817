package api

import (
	"strings"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/longshore-project/longshore/collections"
)

// set changes a record, the only one of its collection when id is empty.
func (s *server) set(collection, id string, fields map[string]any) {
	s.t.Helper()
	row, err := s.app.FindFirstRecordByFilter(collection, "id = {:id} || {:id} = ''", dbx.Params{"id": id})
	if err != nil {
		s.t.Fatal(err)
	}
	row.Load(fields)
	if err := s.app.Save(row); err != nil {
		s.t.Fatal(err)
	}
}

func TestPolicyMustBeAcceptedBeforeAnythingIsDone(t *testing.T) {
	s := newServer(t)
	ann := s.signedIn("ann@example.com")
	p := s.program(ann.newKey(collections.ScopeRead, collections.ScopeWrite).Key)
	s.set("users", ann.user.ID, map[string]any{"aup_version": ""})
	gated := 0
	for _, rt := range s.api.routes() {
		if rt.who != user {
			continue
		}
		below := strings.HasPrefix(rt.path, "/jobs") || strings.HasPrefix(rt.path, "/files")
		for name, b := range map[string]*browser{"a browser": ann, "a key": p} {
			got := b.call(rt.method, fill(rt.path), nil)
			if below && rt.method != "GET" {
				gated++
				got.want(t, 403, collections.CodeAUPRequired)
			} else if got.code() == collections.CodeAUPRequired {
				t.Errorf("%s may not %s %s", name, rt.method, rt.path)
			}
		}
	}
	if gated < 18 {
		t.Errorf("only %d were tried", gated)
	}
}

func TestPolicyIsAcceptedByVersion(t *testing.T) {
	s := newServer(t)
	ann := s.signedIn("ann@example.com")
	submit := func(magnet string) answer { return ann.call("POST", "/jobs", map[string]any{"magnet": magnet}) }
	accepted := func() bool {
		var body sessionBody
		ann.call("GET", "/auth/session", nil).into(t, 200, &body)
		return body.AUPAccepted
	}
	s.set("settings", "", map[string]any{"aup_version": "2026-11"})
	submit(magnetA).want(t, 403, collections.CodeAUPRequired)
	for _, version := range []string{"", "1", "2026-12"} {
		ann.call("POST", "/auth/accept-aup", map[string]string{"version": version}).want(t, 400, collections.CodeInvalidInput)
	}
	if accepted() {
		t.Error("it counts as accepted")
	}
	if got := ann.call("POST", "/auth/accept-aup", map[string]string{"version": "2026-11"}); got.status != 204 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := submit(magnetA); got.status != 201 || !accepted() {
		t.Errorf("%d %s", got.status, got.body)
	}
	s.set("settings", "", map[string]any{"aup_version": "3"})
	submit(strings.ReplaceAll(magnetA, "aaaa", "bbbb")).want(t, 403, collections.CodeAUPRequired)
	s.set("settings", "", map[string]any{"aup_version": ""})
	if got := submit(strings.ReplaceAll(magnetA, "aaaa", "bbbb")); got.status != 201 || !accepted() {
		t.Errorf("with nothing to accept: %d %s", got.status, got.body)
	}
}
