package script

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
)

// note lets a script of PocketBase's leave a line: its console does not write to our log.
const note = `$app.store().set("notes", ($app.store().get("notes") || "") + %s + "\n")`

func notes(r *rig) string {
	text, _ := r.app.Store().Get("notes").(string)
	return text
}

func noting(what string) string { return strings.Replace(note, "%s", what, 1) }

func TestPocketBasesHooksHearOfJobs(t *testing.T) {
	r := load(t, `
		onRecordUpdate((e) => { `+noting(`"update " + e.record.get("status") + " " + e.app.isTransactional()`)+`; e.next() }, "jobs")
		onRecordAfterCreateSuccess((e) => { `+noting(`"created " + e.record.get("status")`)+`; e.next() }, "jobs")
		onRecordAfterUpdateSuccess((e) => { `+noting(`"updated " + e.record.original().get("status") + ">" + e.record.get("status") + " " + e.app.isTransactional()`)+`; e.next() }, "jobs")
		onRecordAfterUpdateError((e) => { `+noting(`"failed"`)+`; e.next() }, "jobs")`)
	job := r.job()
	r.become(job.Id, collections.StatusDownloading)
	want := "created queued\nupdate downloading true\nupdated queued>downloading false\n"
	if got := notes(r); got != want {
		t.Errorf("heard %q", got)
	}
}

func TestAHookOfPocketBasesMayRefuse(t *testing.T) {
	r := load(t, `onRecordUpdate((e) => { if (e.record.get("status") === "downloading") throw new ForbiddenError("Not now."); e.next() }, "jobs")`)
	job := r.job()
	_, err := change(r, job.Id, collections.StatusDownloading)
	if err == nil || !strings.Contains(err.Error(), "Not now") {
		t.Errorf("answered %v", err)
	}
	r.become(job.Id, collections.StatusPaused)
}

func TestASaveOfAScriptObeysTheTable(t *testing.T) {
	cases := []struct{ name, set, status, refusal string }{
		{"a pause", `job.set("status", "paused")`, "paused", ""},
		{"a completion out of nowhere", `job.set("status", "completed")`, "downloading", "status"},
		{"a state that does not exist", `job.set("status", "done")`, "downloading", "status"},
		{"an attempt", `job.set("attempt", 7)`, "downloading", "attempt"},
		{"a lease", `job.set("lease_until", "2099-01-01 00:00:00.000Z")`, "downloading", "lease_until"},
		{"an owner", `job.set("user_id", "somebodyelse000")`, "downloading", "user_id"},
		{"a label", `job.set("label", "x")`, "downloading", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := load(t, `onJobStatus((e) => {
				const job = $app.findRecordById("jobs", e.job.id)
				`+c.set+`
				try { $app.save(job); console.log("said saved") } catch (err) { console.log("said refused " + err) }
			}, "downloading")`)
			job := r.become(r.job().Id, collections.StatusDownloading)
			log := r.drained()
			if c.refusal == "" != strings.Contains(log, "said saved") || c.refusal != "" && !strings.Contains(log, "said refused") || !strings.Contains(log, c.refusal) {
				t.Errorf("the log says %s", log)
			}
			row, err := r.app.FindRecordById("jobs", job.Id)
			if err != nil {
				t.Fatal(err)
			}
			if row.GetString("status") != c.status || row.GetInt("attempt") != 0 || row.GetString("lease_until") != "" || row.GetString("user_id") != r.user.Id {
				t.Errorf("the row is %v", row.PublicExport())
			}
		})
	}
}

// TestAStaleSaveOfAScript loads the job in one state and saves it in a later one.
func TestAStaleSaveOfAScript(t *testing.T) {
	r := load(t, `onRecordAfterUpdateSuccess((e) => { e.next() }, "jobs")
		onJobStatus((e) => {
			const job = $app.findRecordById("jobs", e.job.id)
			$longshore.cancel(e.job.id)
			job.set("label", "late")
			$app.save(job)
		}, "downloading")`)
	job := r.become(r.job().Id, collections.StatusDownloading)
	r.drained()
	row, err := r.app.FindRecordById("jobs", job.Id)
	if err != nil {
		t.Fatal(err)
	}
	if row.GetString("status") != string(collections.StatusCancelled) || row.GetString("label") != "late" {
		t.Errorf("the job is %s, its label %q: %s", row.GetString("status"), row.GetString("label"), r.log)
	}
}

// TestPocketBasesHooksAreLimited pins the inner name that the limit rests on.
func TestPocketBasesHooksAreLimited(t *testing.T) {
	r := load(t, `
		onRecordUpdate((e) => { if (e.record.get("label") === "loop") { try { while (true) {} } finally { while (true) {} } } e.next() }, "jobs")
		onRecordUpdate((e) => { e.record.set("error", "heard"); e.next() }, "jobs")`)
	job := r.job()
	set := func(label string) error {
		job.Set("label", label)
		return r.app.Save(job)
	}
	if err := set("loop"); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Fatalf("answered %v", err)
	}
	for range 2 * pocketBaseRuntimes {
		if err := set("fine"); err != nil {
			t.Fatalf("after a loop: %v", err)
		}
	}
	row, err := r.app.FindRecordById("jobs", job.Id)
	if err != nil || row.GetString("label") != "fine" || row.GetString("error") != "heard" {
		t.Errorf("label %q, error %q, %v", row.GetString("label"), row.GetString("error"), err)
	}
}

func TestPocketBasesScriptsHaveWhatIsSafeInATransaction(t *testing.T) {
	server := newReceiver(t)
	r := load(t, `onRecordUpdate((e) => {
		$longshore.notify("`+server.URL+`", { found: $longshore.find("jobs", "id = {:id}", { id: e.record.id }).length, acts: typeof $longshore.cancel })
		e.next()
	}, "jobs")`)
	r.become(r.job().Id, collections.StatusPaused)
	r.settled()
	if got := server.deliveries(); len(got) != 1 || got[0].body != `{"found":1,"acts":"undefined"}` {
		t.Errorf("got %+v", got)
	}
}

func TestOneFileMayHaveBoth(t *testing.T) {
	r := load(t, `
		onBootstrap((e) => { e.next(); `+noting(`"bootstrap"`)+` })
		onJobSubmit((e) => { e.label = "ours" })
		onRecordAfterCreateSuccess((e) => { `+noting(`"theirs"`)+`; e.next() }, "jobs")
		cronAdd("tick", "0 0 1 1 *", () => {})
		routerAdd("GET", "/hello", (e) => e.string(200, "hello"))`)
	if e, err := r.submit(); err != nil || e.Label != "ours" {
		t.Error(e.Label, err)
	}
	r.job()
	if got := notes(r); got != "bootstrap\ntheirs\n" {
		t.Errorf("heard %q", got)
	}
	for _, name := range []string{"types.d.ts", "longshore.d.ts"} {
		if b, err := os.ReadFile(filepath.Join(r.app.DataDir(), name)); err != nil || len(b) < 1000 {
			t.Errorf("%s has %d bytes, %v", name, len(b), err)
		}
	}
	crons := 0
	for _, job := range r.app.Cron().Jobs() {
		if job.Id() == "tick" {
			crons++
		}
	}
	if crons != 1 {
		t.Errorf("%d cron jobs", crons)
	}
}

func TestJavaScriptMigrationsAreNotLoaded(t *testing.T) {
	before := len(core.AppMigrations.Items())
	if _, err := tryLoad(t, map[string]string{"1_x.js": `migrate(() => {}, () => {})`, "x.pb.js": `onRecordUpdate((e) => e.next())`}); err != nil {
		t.Fatal(err)
	}
	if after := len(core.AppMigrations.Items()); after != before {
		t.Errorf("%d migrations instead of %d", after, before)
	}
}
