package script

import (
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// soon is what a caller waits at most for a handler with a limit of 100 ms, on a machine that does other things too.
const soon = 3 * time.Second

func TestAHandlerThatDoesNotEndIsLeft(t *testing.T) {
	cases := []struct{ name, body, why string }{
		{"a loop", `while (true) {}`, "too long"},
		{"a loop in try", `try { while (true) {} } catch (err) { while (true) {} } finally { while (true) {} }`, "too long"},
		{"a loop that catches", `while (true) { try { while (true) {} } catch (err) {} }`, "too long"},
		{"a regular expression without end", `/(?=a)(a+)+$/.test("a".repeat(60) + "b")`, "too long"},
		{"a loop in a comparison", `[3, 2, 1].sort(() => { while (true) {} })`, "too long"},
		{"a loop in a getter", `const o = { get x() { while (true) {} } }; o.x`, "too long"},
		{"a loop in an iterator", `const o = { *[Symbol.iterator]() { while (true) yield 1 } }; for (const x of o) {}`, "too long"},
		{"a loop of promises", `const f = () => Promise.resolve().then(f); f()`, "too long"},
		{"a sleep in Go", `sleep(1500)`, "too long"},
		{"a loop in a transaction", `$app.runInTransaction(() => { while (true) {} })`, "too long"},
		{"a chatter", `while (true) console.log("x".repeat(1000))`, "too long"},
		{"recursion", `const f = () => f(); f()`, "test.pb.js"},
		{"recursion through Go", `const f = () => [1].map(f); f()`, "test.pb.js"},
		{"recursion when shown", `const o = { toString() { return "" + this } }; "" + o`, "test.pb.js"},
		{"deep JSON", `JSON.parse("[".repeat(2e4))`, "max depth"},
		{"a panic in Go", `new Record(null, null).collection().name; $app.findRecordById(null)`, "test.pb.js"},
		{"a ring as a payload", `const o = {}; o.o = o; $longshore.notify("http://127.0.0.1/", o)`, "JSON"},
	}
	first := load(t, "")
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := first.with(t, "onJobSubmit((e) => { "+c.body+" })", impatient)
			begun := time.Now()
			_, err := r.submit()
			if took := time.Since(begun); took > soon {
				t.Errorf("the caller waited %s", took)
			}
			if collections.CodeOf(err) != collections.CodeUnavailable {
				t.Errorf("answered %v", err)
			}
			if !strings.Contains(r.log.String(), c.why) {
				t.Errorf("the log says %.2000s", r.log)
			}
			if n := strings.Count(r.log.String(), "\n"); n > maxLines+5 {
				t.Errorf("%d lines were logged", n)
			}
			if free := r.submitsAgain(); !free {
				t.Error("the slot is not free again")
			}
		})
	}
}

// submitsAgain says whether all slots come back.
func (r *rig) submitsAgain() bool {
	deadline := time.Now().Add(10 * time.Second)
	for range decideSlots {
		select {
		case r.scripts.decide.slots <- struct{}{}:
		case <-time.After(time.Until(deadline)):
			return false
		}
	}
	for range decideSlots {
		<-r.scripts.decide.slots
	}
	return true
}

func TestAHandlerThatTakesMemoryIsInterrupted(t *testing.T) {
	for name, body := range map[string]string{
		"objects": `const a = []; while (true) a.push({ n: a.length })`,
		"text":    `let s = "x"; while (true) s += s + "y"`,
	} {
		t.Run(name, func(t *testing.T) {
			r := load(t, "onJobSubmit(() => { "+body+" })", func(cfg *Config) { cfg.DecideLimit = time.Minute })
			begun := time.Now()
			if _, err := r.submit(); collections.CodeOf(err) != collections.CodeUnavailable || !strings.Contains(r.log.String(), memoryMessage) {
				t.Errorf("answered %v after %s; log: %s", err, time.Since(begun), r.log)
			}
			if !r.submitsAgain() {
				t.Error("the slot is not free again")
			}
			runtime.GC()
		})
	}
}

func TestAScriptThatExceedsItsLimitIsLeftAloneForAMinute(t *testing.T) {
	r := load(t, `onJobSubmit((e) => { if (e.label === "loop") while (true) {} })`, func(cfg *Config) { cfg.DecideLimit = 500 * time.Millisecond })
	loop := func(e *hooks.JobSubmitEvent) { e.Label = "loop" }
	for range breakAfter {
		if _, err := r.submit(loop); collections.CodeOf(err) != collections.CodeUnavailable {
			t.Fatal(err)
		}
	}
	if !strings.Contains(r.log.String(), "left alone") {
		t.Fatalf("the log does not say so: %s", r.log)
	}
	begun := time.Now()
	if _, err := r.submit(); collections.CodeOf(err) != collections.CodeUnavailable {
		t.Errorf("a decision without the script: %v", err)
	}
	if took := time.Since(begun); took > 400*time.Millisecond {
		t.Errorf("it took %s", took)
	}
	r.clock.advance(breakFor)
	if _, err := r.submit(); err != nil {
		t.Errorf("a minute later: %v", err)
	}
	if _, err := r.submit(loop); collections.CodeOf(err) != collections.CodeUnavailable {
		t.Fatal(err)
	}
	if _, err := r.submit(); err != nil {
		t.Errorf("one loop after a good call: %v", err)
	}
}

func TestAThrowDoesNotCountAsALoop(t *testing.T) {
	r := load(t, `onJobSubmit((e) => { if (e.label === "x") throw "x" })`)
	for range 3 * breakAfter {
		if _, err := r.submit(func(e *hooks.JobSubmitEvent) { e.Label = "x" }); err == nil {
			t.Fatal("accepted")
		}
	}
	if _, err := r.submit(); err != nil {
		t.Error(err)
	}
}

func TestTwoHundredAreAskedAtOnce(t *testing.T) {
	r := load(t, `onJobSubmit((e) => { e.label = e.label + "!" })`, func(cfg *Config) { cfg.DecideLimit = 20 * time.Second })
	var group sync.WaitGroup
	for range 200 {
		group.Go(func() {
			if e, err := r.submit(); err != nil || e.Label != "mine!" {
				t.Errorf("label %q, %v", e.Label, err)
			}
		})
	}
	group.Wait()
}

func TestRuntimesAreBounded(t *testing.T) {
	r := load(t, `onJobSubmit((e) => { while (true) {} })`, impatient)
	before := runtime.NumGoroutine()
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() {
			if _, err := r.submit(); collections.CodeOf(err) != collections.CodeUnavailable {
				t.Error(err)
			}
		})
	}
	most := 0
	for range 20 {
		most = max(most, runtime.NumGoroutine())
		runtime.Gosched()
	}
	group.Wait()
	if len(r.scripts.decide.slots) > decideSlots || most > before+100+2*decideSlots {
		t.Errorf("%d goroutines, %d before", most, before)
	}
	if !strings.Contains(r.log.String(), busyMessage) && !strings.Contains(r.log.String(), "left alone") {
		t.Errorf("none was told to come later: %.2000s", r.log)
	}
}

func BenchmarkOnJobSubmit(b *testing.B) {
	for name, text := range map[string]string{
		"a rule": `const unwanted = [/\.(exe|scr)$/i, /\bcam\b/i]
			onJobSubmit((e) => { if ([e.name, ...e.files].some((n) => unwanted.some((p) => p.test(n)))) throw new ForbiddenError("No."); e.label = "x" })`,
		"a refusal": `onJobSubmit((e) => { throw new ForbiddenError("No.") })`,
		"nothing":   `onJobSubmit((e) => {})`,
	} {
		b.Run(name, func(b *testing.B) {
			r := load(b, text)
			b.ReportAllocs()
			begun := cpuTime(b)
			for b.Loop() {
				_, _ = r.submit()
			}
			b.ReportMetric(float64((cpuTime(b)-begun).Nanoseconds())/float64(b.N), "cpu-ns/op")
		})
	}
}

// cpuTime is what this process has used, which other processes do not blur.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
