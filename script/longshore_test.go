package script

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

// says answers what a handler of onJobStatus logs as console.log("said", …) when a job becomes paused.
func (r *rig) says(t *testing.T) string {
	t.Helper()
	r.become(r.job().Id, collections.StatusPaused)
	log := r.drained()
	_, said, found := strings.Cut(log, `msg="said `)
	said, _, whole := strings.Cut(said, `" script=`)
	if !found || !whole {
		t.Fatalf("it said nothing: %s", log)
	}
	return strings.ReplaceAll(said, `\"`, `"`)
}

func onPaused(body string) string {
	return `onJobStatus((e) => { ` + body + ` }, "paused")`
}

// caught runs an expression and says what it throws.
func caught(expression string) string {
	return onPaused(`try { ` + expression + `; console.log("said", "nothing") } catch (err) { console.log("said", err.code ?? "", err.message) }`)
}

func TestOnJobStatus(t *testing.T) {
	r := load(t, `
		onJobStatus((e) => console.log("said", e.from, ">", e.to, e.job.status, e.job.attempt, e.job.size_bytes, e.user.email, Object.isFrozen(e.job)), "paused")
		onJobStatus((e) => { throw new Error("heard of " + e.to) }, "downloading", "cancelled")`)
	if said := r.says(t); said != "queued > paused paused 0 0 ada@example.com true" {
		t.Errorf("said %q", said)
	}
	if strings.Contains(r.log.String(), "heard of") {
		t.Errorf("the other handler heard: %s", r.log)
	}
	r.become(r.job().Id, collections.StatusDownloading)
	if log := r.drained(); !strings.Contains(log, "heard of downloading (test.pb.js:3)") {
		t.Errorf("the log says %s", log)
	}
}

func TestALoopAfterACommitHoldsUpNobody(t *testing.T) {
	r := load(t, `onJobStatus((e) => { while (true) {} }); onJobSubmit((e) => { e.label = "quick" })`, func(cfg *Config) { cfg.TellLimit = 100 * time.Millisecond })
	for range 20 {
		r.become(r.job().Id, collections.StatusPaused)
	}
	if e, err := r.submit(); err != nil || e.Label != "quick" {
		t.Error(e.Label, err)
	}
	log := r.drained()
	if !strings.Contains(log, "left alone") {
		t.Errorf("the log says %s", log)
	}
}

func TestOnFileComplete(t *testing.T) {
	r := load(t, `onFileComplete((e) => console.log("said", e.file.path, e.file.size_bytes, e.job.id === e.job.id, e.user.role))`)
	job := r.job()
	files, err := r.app.FindCollectionByNameOrId("files")
	if err != nil {
		t.Fatal(err)
	}
	file := core.NewRecord(files)
	file.Load(map[string]any{"job_id": job.Id, "user_id": r.user.Id, "path": "a/b.txt", "size_bytes": 7, "is_complete": true})
	if err := r.app.Save(file); err != nil {
		t.Fatal(err)
	}
	hooks.FilesCompleted(r.app, job.Id, []string{file.Id})
	if log := r.drained(); !strings.Contains(log, "said a/b.txt 7 true user") {
		t.Errorf("the log says %s", log)
	}
}

func TestOnLinkSign(t *testing.T) {
	r := load(t, `onLinkSign((e) => { if (e.files.length > 2) throw new ForbiddenError("At most two at once, " + e.user.email + ": " + e.files[2].path + " of " + e.job.status + ".") })`)
	sign := func(n int) error {
		e := &hooks.LinkSignEvent{App: r.app, User: r.user, Job: r.job()}
		for i := range n {
			e.Files = append(e.Files, hooks.MomentFile{ID: fmt.Sprint(i), Path: fmt.Sprint("file ", i), SizeBytes: 1})
		}
		return hooks.MomentsOf(r.app).LinkSign.Trigger(e)
	}
	if err := sign(2); err != nil {
		t.Error(err)
	}
	err := sign(3)
	if collections.CodeOf(err) != collections.CodeRefusedByScript || err.Error() != "At most two at once, ada@example.com: file 2 of queued." {
		t.Errorf("answered %v", err)
	}
}

func TestFind(t *testing.T) {
	cases := []struct{ name, script, said string }{
		{"jobs by a filter with parameters", onPaused(`console.log("said", $longshore.find("jobs", "status = {:s} && user_id = {:u}", { s: "failed", u: e.user.id }).map((j) => j.label).join())`), "two,one"},
		{"sorted, and as many as asked for", onPaused(`console.log("said", $longshore.find("jobs", "label != ''", {}, { sort: "label", limit: 1 }).map((j) => j.label).join())`), "one"},
		{"users without what is secret", onPaused(`console.log("said", Object.keys($longshore.find("users", "email ~ 'ada'")[0]).join())`), "id,email,role,disabled,created_at"},
		{"nothing", onPaused(`console.log("said", $longshore.find("files", "path = 'x'").length)`), "0"},
		{"another collection", caught(`$longshore.find("sessions", "")`), `find knows jobs, files and users, not "sessions"`},
		{"a filter that is none", caught(`$longshore.find("jobs", "label ==")`), "internal invalid filter expression"},
		{"a parameter that would be code", onPaused(`console.log("said", $longshore.find("jobs", "label = {:l}", { l: "' || label != '" }).length)`), "0"},
		{"an option that does not exist", caught(`$longshore.find("jobs", "", {}, { order: "label" })`), `find knows no "order"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := load(t, c.script)
			for _, label := range []string{"one", "two"} {
				hookstest.MustCreateJob(t, r.app, r.user, func(job *core.Record) {
					job.Set("label", label)
					job.Set("status", string(collections.StatusFailed))
				})
			}
			if said := strings.TrimSpace(r.says(t)); !strings.HasPrefix(said, c.said) {
				t.Errorf("said %q, not %q", said, c.said)
			}
		})
	}
}

const magnet = `"magnet:?xt=urn:btih:" + "b".repeat(40)`

func TestSubmitAndCancel(t *testing.T) {
	cases := []struct{ name, script, said string }{
		{"a job for a user by e-mail", onPaused(`const j = $longshore.submit({ magnet: ` + magnet + `, user: "ada@example.com", label: "l", priority: 2, engine: "x", selection: [0, 2] }); console.log("said", j.user_id === e.user.id, j.label, j.priority, j.engine, j.status)`),
			"true l 2 x queued"},
		{"a job for a user by id", onPaused(`console.log("said", $longshore.submit({ magnet: ` + magnet + `, user: e.user.id }).label === "")`), "true"},
		{"no user of that name", caught(`$longshore.submit({ magnet: ` + magnet + `, user: "bob@example.com" })`), `there is no user "bob@example.com"`},
		{"a magnet that is none", caught(`$longshore.submit({ magnet: "x", user: e.user.id })`), "invalid_magnet"},
		{"a field that does not exist", caught(`$longshore.submit({ link: "x", user: e.user.id })`), `submit knows no "link"`},
		{"no object", caught(`$longshore.submit("x")`), "submit takes an object"},
		{"a label that is no text", caught(`$longshore.submit({ magnet: ` + magnet + `, user: e.user.id, label: {} })`), "label must be text"},
		{"a selection that is no list", caught(`$longshore.submit({ magnet: ` + magnet + `, user: e.user.id, selection: "all" })`), "selection must be"},
		{"a cancel", onPaused(`console.log("said", $longshore.cancel(e.job.id).status)`), "cancelled"},
		{"a cancel of a job that has ended", caught(`$longshore.cancel(e.job.id); $longshore.cancel(e.job.id)`), "illegal_transition A job that is cancelled cannot become cancelled."},
		{"a cancel of no job", caught(`$longshore.cancel("x")`), "not_found There is no such job."},
		{"a cancel without an id", caught(`$longshore.cancel()`), "id must be text"},
	}
	first := load(t, "")
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := first.with(t, c.script)
			if said := strings.TrimSpace(r.says(t)); !strings.HasPrefix(said, c.said) {
				t.Errorf("said %q, not %q", said, c.said)
			}
		})
	}
}

func TestWhatAScriptDoesIsAudited(t *testing.T) {
	r := load(t, onPaused(`$longshore.cancel(e.job.id)`))
	job := r.job()
	r.become(job.Id, collections.StatusPaused)
	r.drained()
	var rows []struct {
		Kind    string `db:"actor_kind"`
		Request string `db:"request_id"`
	}
	err := r.app.DB().Select("actor_kind", "request_id").From("audit_logs").Where(dbx.HashExp{"action": "job.cancel", "target_id": job.Id}).All(&rows)
	if err != nil || len(rows) != 1 || rows[0].Kind != string(hooks.ActorSystem) || rows[0].Request != "script:test.pb.js" {
		t.Errorf("audited as %+v, %v", rows, err)
	}
}
