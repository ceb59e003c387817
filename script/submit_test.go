package script

import (
	"strings"
	"testing"
	"time"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

func TestOnJobSubmit(t *testing.T) {
	cases := []struct {
		name, script string
		code         collections.Code // "" when accepted
		message      string
		label        string
		priority     int64
		engine       string
	}{
		{"a script without rules accepts", `onJobSubmit((e) => {})`, "", "", "mine", 3, ""},
		{"label, priority and engine are set", `onJobSubmit((e) => { e.label = e.user.email; e.priority += 4; e.engine = "x" })`, "", "", "ada@example.com", 7, "x"},
		{"a refusal carries its sentence", `onJobSubmit((e) => { throw new ForbiddenError("Not on a Sunday.") })`, collections.CodeRefusedByScript, "Not on a Sunday.", "mine", 3, ""},
		{"a bad request refuses too", `onJobSubmit((e) => { throw new BadRequestError("No " + e.name) })`, collections.CodeRefusedByScript, "No Some Film.", "mine", 3, ""},
		{"a refusal that is returned refuses", `onJobSubmit((e) => new ForbiddenError("No."))`, collections.CodeRefusedByScript, "No.", "mine", 3, ""},
		{"an async refusal refuses", `onJobSubmit(async (e) => { throw new ForbiddenError("No.") })`, collections.CodeRefusedByScript, "No.", "mine", 3, ""},
		{"what was set before a refusal is not taken over", `onJobSubmit((e) => { e.label = "x"; throw new ForbiddenError("No.") })`, collections.CodeRefusedByScript, "No.", "mine", 3, ""},
		{"a handler that does not call next hides no other", `onJobSubmit((e) => {}); onJobSubmit((e) => { e.label = "second" })`, "", "", "second", 3, ""},
		{"next may be called", `onJobSubmit((e) => { e.next(); e.label = "after" })`, "", "", "after", 3, ""},
		{"a later handler sees what an earlier one set", `onJobSubmit((e) => { e.label = "a" }); onJobSubmit((e) => { e.label += "b" })`, "", "", "ab", 3, ""},
		{"constants and functions of the top level are seen", `const l = "top"; function f() { return l } onJobSubmit((e) => { e.label = f() })`, "", "", "top", 3, ""},
		{"everything known is told", `onJobSubmit((e) => { e.label = [e.name, e.infohash.length, e.magnet.length, e.trackers[0], e.files[1], e.size_bytes, e.user.plan, e.user.role].join() })`,
			"", "", "Some Film,40,60,udp://tracker.example.net:6969/announce,Some Film/readme.txt,8589934592,unlimited,user", 3, ""},
		{"what PocketBase offers is there", `onJobSubmit((e) => { e.label = $security.sha256("x").slice(0, 4) + $os.getenv("NOT_SET_AT_ALL") + typeof Record + typeof nothing })`, "", "", "2d71functionundefined", 3, ""},

		{"a frozen field", `onJobSubmit((e) => { e.name = "x" })`, collections.CodeUnavailable, "", "mine", 3, ""},
		{"a frozen list", `onJobSubmit((e) => { e.trackers.push("x") })`, collections.CodeUnavailable, "", "mine", 3, ""},
		{"a frozen user", `onJobSubmit((e) => { e.user.role = "admin" })`, collections.CodeUnavailable, "", "mine", 3, ""},
		{"a misspelt field", `onJobSubmit((e) => { e.lable = "x" })`, collections.CodeUnavailable, "", "mine", 3, ""},
		{"a field that is made anew", `onJobSubmit((e) => { Object.defineProperty(e, "label", { get() { while (true) {} } }) })`, collections.CodeUnavailable, "", "mine", 3, ""},
		{"a label that is no text", `onJobSubmit((e) => { e.label = { toString() { while (true) {} } } })`, collections.CodeUnavailable, "", "mine", 3, ""},
		{"a label that is too long", `onJobSubmit((e) => { e.label = "x".repeat(1000) })`, collections.CodeUnavailable, "", "mine", 3, ""},
		{"a priority that is no whole number", `onJobSubmit((e) => { e.priority = 1.5 })`, collections.CodeUnavailable, "", "mine", 3, ""},
		{"a priority beyond all", `onJobSubmit((e) => { e.priority = 1e12 })`, collections.CodeUnavailable, "", "mine", 3, ""},
		{"an engine with a path", `onJobSubmit((e) => { e.engine = "../x" })`, collections.CodeUnavailable, "", "mine", 3, ""},

		{"null is thrown", `onJobSubmit(() => { throw null })`, collections.CodeUnavailable, "", "mine", 3, ""},
		{"undefined is thrown", `onJobSubmit(() => { throw undefined })`, collections.CodeUnavailable, "", "mine", 3, ""},
		{"text is thrown", `onJobSubmit(() => { throw "no" })`, collections.CodeUnavailable, "", "mine", 3, ""},
		{"an object is thrown", `onJobSubmit(() => { throw { a: 1 } })`, collections.CodeUnavailable, "", "mine", 3, ""},
		{"an object that loops when it is shown", `onJobSubmit(() => { throw { toString() { while (true) {} } } })`, collections.CodeUnavailable, "", "mine", 3, ""},
		{"an object that throws when it is shown", `onJobSubmit(() => { throw { toString() { throw this } } })`, collections.CodeUnavailable, "", "mine", 3, ""},
		{"an object whose value throws", `onJobSubmit(() => { throw { get value() { throw 1 } } })`, collections.CodeUnavailable, "", "mine", 3, ""},
		{"a symbol is thrown", `onJobSubmit(() => { throw Symbol("x") })`, collections.CodeUnavailable, "", "mine", 3, ""},
		{"a proxy is thrown", `onJobSubmit(() => { throw new Proxy({}, { get() { throw 1 } }) })`, collections.CodeUnavailable, "", "mine", 3, ""},
		{"something is not defined", `onJobSubmit(() => { nothing() })`, collections.CodeUnavailable, "", "mine", 3, ""},
		{"a promise that nobody keeps", `onJobSubmit(async () => { await new Promise(() => {}) })`, collections.CodeUnavailable, "", "mine", 3, ""},
		{"code from text", `onJobSubmit(() => { eval("1") })`, collections.CodeUnavailable, "", "mine", 3, ""},
		{"a job is submitted while one is judged", `onJobSubmit((e) => { $longshore.submit({ magnet: e.magnet, user: e.user.id }) })`, collections.CodeUnavailable, "", "mine", 3, ""},
		{"a job is cancelled while one is judged", `onJobSubmit((e) => { $longshore.cancel("x") })`, collections.CodeUnavailable, "", "mine", 3, ""},
	}
	first := load(t, "")
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := first.with(t, c.script, func(cfg *Config) { cfg.DecideLimit = 500 * time.Millisecond })
			e, err := r.submit()
			if err != nil && collections.CodeOf(err) != c.code || (err == nil) != (c.code == "") {
				t.Fatalf("answered %v, wanted %q; log: %s", err, c.code, r.log)
			}
			if c.message != "" && err.Error() != c.message {
				t.Errorf("the person reads %q", err)
			}
			if e.Label != c.label || e.Priority != c.priority || e.Engine != c.engine {
				t.Errorf("the job has label %q, priority %d, engine %q", e.Label, e.Priority, e.Engine)
			}
			if c.code == collections.CodeUnavailable && !strings.Contains(r.log.String(), "test.pb.js") {
				t.Errorf("the log does not name the script: %s", r.log)
			}
		})
	}
}

func TestScriptsAreAskedInTheOrderOfTheirNames(t *testing.T) {
	r, err := tryLoad(t, map[string]string{
		"2.pb.js": `const name = "two"; onJobSubmit((e) => { e.label += name })`,
		"1.pb.js": `const name = "one"; onJobSubmit((e) => { e.label = name })`,
		"3.pb.js": `onJobSubmit((e) => { if (e.priority < 0) throw new ForbiddenError("Too low.") })`,
		"4.js":    `this is no script of ours`,
	})
	if err != nil {
		t.Fatal(err)
	}
	e, err := r.submit()
	if err != nil || e.Label != "onetwo" {
		t.Fatalf("label %q, %v", e.Label, err)
	}
	if _, err := r.submit(func(e *hooks.JobSubmitEvent) { e.Priority = -1 }); collections.CodeOf(err) != collections.CodeRefusedByScript {
		t.Fatal(err)
	}
}

func TestNothingOfOneCallIsLeftInTheNext(t *testing.T) {
	r := load(t, `
		let calls = 0
		onJobSubmit((e) => {
			e.label = [++calls, typeof globalThis.left, typeof [].last].join()
			globalThis.left = e.user
			Array.prototype.last = function () {}
			String.prototype.includes = () => true
			Object.freeze = () => { throw "poisoned" }
		})`)
	for range 20 {
		if e, err := r.submit(); err != nil || e.Label != "1,undefined,undefined" {
			t.Fatalf("label %q, %v", e.Label, err)
		}
	}
}
