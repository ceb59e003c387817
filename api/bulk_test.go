package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/longshore-project/longshore/api/wire"
	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

func (b *browser) bulk(action string, ids []string, label ...string) wire.JobOutcomeList {
	b.s.t.Helper()
	body := map[string]any{"action": action, "ids": ids}
	if len(label) > 0 {
		body["label"] = label[0]
	}
	var list wire.JobOutcomeList
	b.call("POST", "/jobs/bulk", body).into(b.s.t, 200, &list)
	return list
}

// inShort writes outcomes as ok, or as their codes.
func inShort(list wire.JobOutcomeList) string {
	var words []string
	for _, o := range list.Items {
		if o.Ok != (o.Code == "") || o.Ok != (o.Message == "") {
			words = append(words, fmt.Sprintf("%+v", o))
		} else if o.Ok {
			words = append(words, "ok")
		} else {
			words = append(words, o.Code)
		}
	}
	return strings.Join(words, " ")
}

func TestOneWishForManyJobs(t *testing.T) {
	s := newServer(t)
	ann, bob := s.signedIn("ann@example.com"), s.signedIn("bob@example.com")
	var ids []string
	for i := range 3 {
		ids = append(ids, ann.mustCreate(map[string]any{"magnet": magnet(i)}).ID)
	}
	ended := ann.mustCreate(map[string]any{"magnet": magnet(8)}).ID
	if _, err := hooks.Cancel(t.Context(), s.app, ended); err != nil {
		t.Fatal(err)
	}
	foreign := bob.mustCreate(map[string]any{"magnet": magnet(9)})
	all := append(slices.Clone(ids), ended, foreign.ID, "zzzzzzzzzzzzzzz")
	for _, step := range []struct {
		action, want, status string
	}{
		{"pause", "ok ok ok illegal_transition not_found not_found", "paused"},
		{"pause", "ok ok ok illegal_transition not_found not_found", "paused"},
		{"resume", "ok ok ok illegal_transition not_found not_found", "queued"},
		{"retry", "illegal_transition illegal_transition illegal_transition ok not_found not_found", "queued"},
		{"cancel", "ok ok ok ok not_found not_found", "cancelled"},
		{"delete", "ok ok ok ok not_found not_found", ""},
		{"delete", "not_found not_found not_found not_found not_found not_found", ""},
	} {
		before := s.count("audit_logs", nil)
		list := ann.bulk(step.action, all)
		if got := inShort(list); got != step.want {
			t.Errorf("%s: %s instead of %s", step.action, got, step.want)
		}
		if n := strings.Count(step.want, "ok"); list.Succeeded != n || list.Failed != len(all)-n {
			t.Errorf("%s: %d and %d", step.action, list.Succeeded, list.Failed)
		}
		if rows := s.count("audit_logs", nil) - before; rows > int64(strings.Count(step.want, "ok")) {
			t.Errorf("%s: %d audit rows", step.action, rows)
		}
		if n := s.count("jobs", dbx.HashExp{"id": anys(ids), "status": step.status}); step.status != "" && n != 3 {
			t.Errorf("after %s, %d jobs are %s", step.action, n, step.status)
		}
	}
	if now := bob.detail(foreign.ID); now.Job != foreign {
		t.Errorf("bob's job is now %+v", now.Job)
	}
}

func TestEachJobOfABulkIsAudited(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	first, second := b.mustCreate(map[string]any{"magnet": magnet(1)}).ID, b.mustCreate(map[string]any{"magnet": magnet(2)}).ID
	for _, tc := range []struct{ action, label string }{{action: "pause"}, {"label", "films"}, {action: "cancel"}, {action: "delete"}} {
		if tc.label != "" {
			b.bulk(tc.action, []string{first, second}, tc.label)
		} else {
			b.bulk(tc.action, []string{first, second})
		}
		for _, id := range []string{first, second} {
			n := s.count("audit_logs", dbx.HashExp{"action": "job." + tc.action, "target_type": "jobs", "target_id": id, "actor_id": b.user.ID})
			if n != 1 {
				t.Errorf("%s of %s has %d audit rows", tc.action, id, n)
			}
		}
	}
}

func TestBulkRetryNamesTheNewJobsAndCountsAsSubmissions(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	var ids []string
	for i := range 3 {
		ids = append(ids, b.mustCreate(map[string]any{"magnet": magnet(i)}).ID)
	}
	b.bulk("cancel", ids)
	s.set("settings", "", map[string]any{"submits_per_minute": 5})
	list := b.bulk("retry", ids)
	if got := inShort(list); got != "ok ok rate_limited" {
		t.Fatal(got)
	}
	job, err := s.app.FindRecordById("jobs", list.Items[0].JobId)
	if err != nil || job.GetString("retry_of") != ids[0] || job.GetString("status") != string(collections.StatusQueued) {
		t.Errorf("made %v, %v", job, err)
	}
}

func TestBulkRefusesWhatItDoesNotKnow(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	id := b.mustCreate(map[string]any{"magnet": magnet(1)}).ID
	many := make([]string, 1001)
	for i := range many {
		many[i] = fmt.Sprintf("%015d", i)
	}
	for name, body := range map[string]map[string]any{
		"no ids": {"action": "pause", "ids": []string{}}, "1,001 ids": {"action": "pause", "ids": many}, "one id twice": {"action": "pause", "ids": []string{id, id}},
		"no action": {"ids": []string{id}}, "another action": {"ids": []string{id}, "action": "complete"}, "no label": {"ids": []string{id}, "action": "label"},
		"a label that is not wanted": {"ids": []string{id}, "action": "pause", "label": "x"}, "a long label": {"ids": []string{id}, "action": "label", "label": strings.Repeat("é", 200)},
		"no id": {"ids": []string{"../../x"}, "action": "pause"},
	} {
		t.Run(name, func(t *testing.T) { b.call("POST", "/jobs/bulk", body).want(t, 400, collections.CodeInvalidInput) })
	}
	if list := b.bulk("pause", many[:1000]); list.Failed != 1000 {
		t.Errorf("of 1,000 unknown ids %d failed", list.Failed)
	}
}
