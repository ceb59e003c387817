package script

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const tsc = "../web/node_modules/typescript/bin/tsc"

// typed lays scripts into the data folder of a served application, beside the declarations that are written there, and lets
// TypeScript check them.
func typed(t *testing.T, scripts map[string]string) (complaints string) {
	t.Helper()
	r, err := tryLoad(t, map[string]string{"x.pb.js": `onJobSubmit(() => {})`})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(r.app.DataDir(), "pb_hooks")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	args := []string{tsc, "--noEmit", "--allowJs", "--strict", "--skipLibCheck", "--target", "es2022", "--lib", "es2022,dom", "--moduleDetection", "force"}
	for name, text := range scripts {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	out, err := exec.CommandContext(t.Context(), "node", args...).CombinedOutput()
	if _, complained := errors.AsType[*exec.ExitError](err); err != nil && !complained {
		t.Fatal(err)
	}
	if strings.Contains(string(out), "Cannot find module") {
		t.Fatalf("TypeScript is missing (cd web && npm ci): %s", out)
	}
	return string(out)
}

func examples(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("../pb_hooks/examples/*" + suffix)
	if err != nil || len(names) < 3 {
		t.Fatal(names, err)
	}
	texts := map[string]string{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.Base(name)] = string(b)
	}
	return texts
}

func TestTheExamplesAgreeWithTheDeclarations(t *testing.T) {
	texts := examples(t)
	for name, text := range texts {
		if !strings.Contains(text, "// @ts-check") {
			t.Errorf("%s is not checked in editors", name)
		}
	}
	if complaints := typed(t, texts); complaints != "" {
		t.Error(complaints)
	}
}

func TestTheExamplesLoadTogether(t *testing.T) {
	if _, err := tryLoad(t, examples(t)); err != nil {
		t.Error(err)
	}
}

// everything uses all that is declared, in a script that is checked and run.
const everything = `
	onJobSubmit((e) => {
		/** @type {unknown[]} */
		const known = [e.user.id, e.user.email, e.user.role, e.user.disabled, e.user.created_at, e.user.plan, e.name, e.infohash, e.magnet, e.trackers[0], e.size_bytes, e.files[0]]
		if (known.includes(undefined)) throw new BadRequestError("Something is not there: " + known.findIndex((k) => k === undefined))
		e.label = e.label + "!"; e.priority = e.priority + 1; e.engine = "fake"
		e.next()
	})
	onJobStatus((e) => {
		const j = e.job
		/** @type {unknown[]} */
		const known = [e.from, e.to, e.user && e.user.email, j.id, j.user_id, j.name, j.infohash, j.infohash_v2, j.status, j.desired, j.magnet_uri, j.engine, j.agent_id, j.attempt,
			j.size_bytes, j.done_bytes, j.stored_bytes, j.error, j.error_code, j.label, j.priority, j.created_at, j.updated_at, j.completed_at]
		const file = $longshore.find("files", "job_id = {:j}", { j: j.id }, { sort: "path", limit: 10 })[0]
		known.push(file ? [file.id, file.job_id, file.user_id, file.path, file.size_bytes, file.mime_type, file.selected, file.is_complete].length : 8)
		const made = $longshore.submit({ magnet: "magnet:?xt=urn:btih:" + "c".repeat(40), user: j.user_id, label: "l", engine: "fake", priority: 1, selection: [0] })
		$longshore.cancel(made.id)
		const sent = $longshore.notify("http://127.0.0.1:9/", known, { headers: { "X-A": "b" } })
		console.log("said", known.indexOf(undefined), known.length, sent)
		e.next()
	}, "paused")
	onFileComplete((e) => { console.log(e.file.id, e.file.path, e.file.size_bytes, e.job.id, e.user) })
	onLinkSign((e) => { console.log(e.user.id, e.job.id, e.files[0].id, e.files[0].path, e.files[0].size_bytes) })`

func TestWhatIsDeclaredIsThere(t *testing.T) {
	if complaints := typed(t, map[string]string{"x.pb.js": withTypes(everything)}); complaints != "" {
		t.Error(complaints)
	}
	r := load(t, everything)
	if e, err := r.submit(); err != nil || e.Label != "mine!" || e.Priority != 4 || e.Engine != "fake" {
		t.Errorf("%+v, %v", e, err)
	}
	if said := r.says(t); said != "-1 25 true" {
		t.Errorf("said %q: %s", said, r.log)
	}
}

func withTypes(text string) string {
	return "/// <reference path=\"../types.d.ts\" />\n/// <reference path=\"../longshore.d.ts\" />\n// @ts-check\n" + text
}

func TestTheDeclarationsFindMistakes(t *testing.T) {
	mistakes := map[string]string{
		"a misspelt field":        `onJobSubmit((e) => { e.lable = "x" })`,
		"a field that is fixed":   `onJobSubmit((e) => { e.name = "x" })`,
		"a label that is no text": `onJobSubmit((e) => { e.label = 1 })`,
		"a status that is none":   `onJobStatus((e) => {}, "finished")`,
		"a user who may be gone":  `onJobStatus((e) => { console.log(e.user.email) })`,
		"a submit without a user": `onJobStatus((e) => { $longshore.submit({ magnet: "" }) })`,
		"another collection":      `onJobStatus((e) => { $longshore.find("sessions", "") })`,
	}
	texts, number := map[string]string{}, map[string]string{}
	for name, text := range mistakes {
		file := strings.ReplaceAll(name, " ", "-") + suffix
		texts[file], number[name] = withTypes(text), file
	}
	complaints := typed(t, texts)
	for name, file := range number {
		if !strings.Contains(complaints, file+"(4,") {
			t.Errorf("%s is not found: %s", name, complaints)
		}
	}
}
