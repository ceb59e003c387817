package api

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// replay is a fresh server with a user and an admin, on which one operation is exercised.
type replay struct {
	*server
	t         *testing.T
	guest     *browser
	ann, root *browser
}

// replays exercises every operation of openapi.yaml: at least one success and each of its x-failures.
var replays = merged(replaySystem, replayAccounts, replaySessions, replayJobs, replayFiles, replayUsage, replayAdmin, replayFleet, replayPolicy)

func merged(groups ...map[string]func(*replay)) map[string]func(*replay) {
	all := map[string]func(*replay){}
	for _, group := range groups {
		maps.Copy(all, group)
	}
	return all
}

func TestEveryOperationIsReplayed(t *testing.T) {
	spec, err := loadSpec()
	if err != nil {
		t.Fatal(err)
	}
	var missing []string
	for id, op := range operations(spec.doc) {
		if replays[id] == nil {
			missing = append(missing, id)
			continue
		}
		t.Run(id, func(t *testing.T) {
			s := newServer(t)
			hooks.UseClock(s.app, s.clock.now)
			r := &replay{server: s, t: t, guest: s.browser(), ann: s.signedIn("ann@example.com"), root: s.signedInAs("root@example.com", collections.RoleAdmin)}
			s.seen.forget(id) // what was seen before the replay
			replays[id](r)
			checkReplay(t, op, s.seen.of(id))
		})
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		t.Errorf("not exercised: %s", strings.Join(missing, ", "))
	}
	for id := range replays {
		if operations(spec.doc)[id] == nil {
			t.Errorf("%s is no operation", id)
		}
	}
}

// operations answers all operations by their ids.
func operations(doc *openapi3.T) map[string]*openapi3.Operation {
	all := map[string]*openapi3.Operation{}
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			all[op.OperationID] = op
		}
	}
	return all
}

// checkReplay wants every described success and failure among what was answered.
func checkReplay(t *testing.T, op *openapi3.Operation, seen []string) {
	t.Helper()
	for status := range op.Responses.Map() {
		if status != "default" && !slices.Contains(seen, status) {
			t.Errorf("%s never answered %s: %v", op.OperationID, status, seen)
		}
	}
	failures, described := failuresOf(op)
	if !described {
		t.Errorf("%s has no x-failures", op.OperationID)
	}
	for _, code := range failures {
		if !slices.Contains(seen, code) {
			t.Errorf("%s never answered %s: %v", op.OperationID, code, seen)
		}
	}
}

// failuresOf answers the codes of an operation beside those of every one.
func failuresOf(op *openapi3.Operation) (codes []string, described bool) {
	list, described := op.Extensions["x-failures"].([]any)
	for _, code := range list {
		codes = append(codes, code.(string))
	}
	return codes, described
}

// seen is what each operation answered: statuses of successes, codes of failures.
type seen struct {
	mu      sync.Mutex
	answers map[string][]string
}

func (s *seen) note(op string, status int, code collections.Code) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answers == nil {
		s.answers = map[string][]string{}
	}
	what := string(code)
	if status < 400 {
		what = fmt.Sprint(status)
	}
	s.answers[op] = append(s.answers[op], what)
}

func (s *seen) of(op string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Compact(slices.Sorted(slices.Values(s.answers[op])))
}

func (s *seen) forget(op string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.answers, op)
}

// yes makes a call that must succeed and answers the id of what it answered, if it has one.
func (r *replay) yes(b *browser, method, path string, body any) answer {
	r.t.Helper()
	got := b.call(method, path, body)
	if got.status >= 400 {
		r.t.Fatalf("%s %s: %d %s", method, path, got.status, got.body)
	}
	return got
}

func (r *replay) no(b *browser, method, path string, body any, code collections.Code) {
	r.t.Helper()
	b.call(method, path, body).want(r.t, code.HTTPStatus(), code)
}
