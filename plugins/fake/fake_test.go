package fake_test

import (
	"context"
	"errors"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/plugins"
	"github.com/longshore-project/longshore/plugins/fake"
)

const roleKey = "FAKE_TEST_ROLE"

// TestMain makes the test program the engine it starts.
func TestMain(m *testing.M) {
	if os.Getenv(roleKey) == "engine" {
		plugins.Serve(fake.New())
		return
	}
	os.Exit(m.Run())
}

// rig is a fake engine's process with its events.
type rig struct {
	t      *testing.T
	runDir string
	dir    string // of the torrent
	script fake.Params
	*plugins.Process
	events <-chan plugins.Event
}

func start(t *testing.T, script fake.Params) *rig {
	t.Helper()
	runDir, err := os.MkdirTemp("", "fake")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(runDir) })
	r := &rig{t: t, runDir: runDir, dir: t.TempDir(), script: script}
	r.launch()
	return r
}

func (r *rig) launch() {
	r.t.Helper()
	p, err := plugins.Launch(r.t.Context(), plugins.Spec{Name: "fake", Env: []string{roleKey + "=engine"}, RunDir: r.runDir})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(p.Kill)
	r.Process = p
	if r.events, err = p.Engine().Events(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// add gives the engine the script as a .torrent.
func (r *rig) add() {
	r.t.Helper()
	made, err := r.script.Payload()
	if err != nil {
		r.t.Fatal(err)
	}
	err = r.Engine().Add(r.t.Context(), plugins.AddRequest{ID: "a", Dir: r.dir, Metainfo: made.Torrent})
	// A crash may come before the answer.
	if err != nil && plugins.EngineError(err).Code != plugins.ErrClosed {
		r.t.Fatal(err)
	}
}

// until reads events up to one of a kind; ok is false when the stream ended before.
func (r *rig) until(kind plugins.EventKind) (e plugins.Event, ok bool) {
	r.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case e, ok := <-r.events:
			if !ok || e.Kind == kind {
				return e, ok
			}
		case <-deadline:
			r.t.Fatalf("no event of kind %d", kind)
		}
	}
}

func (r *rig) awaitFinished() {
	r.t.Helper()
	if _, ok := r.until(plugins.EventFinished); !ok {
		r.t.Fatal("the stream ended before the torrent finished")
	}
}

func (r *rig) downloaded() int64 {
	r.t.Helper()
	s, err := r.Engine().Statistics(r.t.Context(), "a")
	if err != nil {
		r.t.Fatal(err)
	}
	return s.Downloaded
}

func TestMagnetNamesTheTorrentItMakes(t *testing.T) {
	script := fake.Params{Mode: fake.Complete, Size: 1_000_003, Files: 3, Rate: 1 << 30, Private: true, Seed: 7}
	link, err := script.Magnet()
	if err != nil {
		t.Fatal(err)
	}
	m, err := collections.ParseMagnet(link)
	if err != nil {
		t.Fatal(err)
	}
	for name, magnet := range map[string]string{"as it was made": link, "as rewritten by the control plane": m.String()} {
		t.Run(name, func(t *testing.T) {
			r := start(t, script)
			if err := r.Engine().Add(t.Context(), plugins.AddRequest{ID: "a", Dir: r.dir, Magnet: magnet}); err != nil {
				t.Fatal(err)
			}
			e, _ := r.until(plugins.EventMetadata)
			info, err := collections.ParseInfo(e.InfoBytes)
			if err != nil || info.Infohash != m.Infohash {
				t.Errorf("metadata of %v, %v; want %s", info, err, m.Infohash)
			}
			r.add()
			r.awaitFinished()
		})
	}
}

func TestStallStopsAtItsPercentage(t *testing.T) {
	r := start(t, fake.Params{Mode: fake.Stall, Size: 1 << 20, At: 25})
	r.add()
	var told int64
	for told < 1<<18 {
		e, _ := r.until(plugins.EventVerified)
		for _, span := range e.Ranges {
			told += int64(span.End-span.Begin) << 14
		}
	}
	if told != 1<<18 || r.downloaded() != told {
		t.Errorf("%d bytes told, %d downloaded, want a quarter", told, r.downloaded())
	}
	select {
	case e := <-r.events:
		t.Errorf("after the stall came %v", e)
	case <-time.After(100 * time.Millisecond):
	}
}

func TestFailTellsItsCodeAndHeals(t *testing.T) {
	r := start(t, fake.Params{Mode: fake.Fail, Size: 1 << 20, Code: plugins.ErrDiskFull, Heal: 20 * time.Millisecond})
	r.add()
	if e, _ := r.until(plugins.EventError); e.Err == nil || e.Err.Code != plugins.ErrDiskFull {
		t.Errorf("the error is %v", e.Err)
	}
	r.until(plugins.EventHealed)
	r.awaitFinished()
}

func TestFailWithoutHealingStays(t *testing.T) {
	r := start(t, fake.Params{Mode: fake.Fail, Size: 1 << 20})
	r.add()
	if e, _ := r.until(plugins.EventError); e.Err == nil || e.Err.Code != plugins.ErrInternal {
		t.Errorf("the error is %v", e.Err)
	}
	if n := r.downloaded(); n != 1<<19 {
		t.Errorf("%d bytes came before the failure, want half", n)
	}
}

func TestCrashHappensOnceOnItsWay(t *testing.T) {
	r := start(t, fake.Params{Mode: fake.Crash, Size: 1 << 20})
	r.add()
	<-r.Done()
	r.launch()
	r.add()
	r.awaitFinished()
	if n := r.downloaded(); n != 1<<19 {
		t.Errorf("%d bytes came after the crash, want the other half", n)
	}
}

func TestCrashHappensAtEveryAddWhenItShould(t *testing.T) {
	r := start(t, fake.Params{Mode: fake.Crash, Size: 1 << 20, Always: true})
	for range 3 {
		r.add()
		<-r.Done()
		r.launch()
	}
}

func TestHangAnswersNothing(t *testing.T) {
	t.Parallel()
	r := start(t, fake.Params{Mode: fake.Hang, Size: 1 << 20, Rate: 20 << 20})
	r.add()
	deadline := time.Now().Add(20 * time.Second)
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		_, err := r.Engine().Describe(ctx)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("Describe answers %v", err)
		}
	}
}

func TestScriptsThatMakeNoSenseAreInvalid(t *testing.T) {
	r := start(t, fake.Params{})
	good, err := fake.Params{Mode: fake.Complete, Size: 1000}.Magnet()
	if err != nil {
		t.Fatal(err)
	}
	for name, magnet := range map[string]string{
		"no script":        "magnet:?xt=urn:btih:" + strings.Repeat("a", 40),
		"another infohash": "magnet:?xt=urn:btih:" + strings.Repeat("a", 40) + "&" + url.Values{"x.fake": {"complete"}, "x.size": {"1"}}.Encode(),
		"an unknown mode":  strings.Replace(good, "x.fake=complete", "x.fake=explode", 1),
		"a size of words":  strings.Replace(good, "x.size=1000", "x.size=large", 1),
	} {
		err := r.Engine().Add(t.Context(), plugins.AddRequest{ID: "a", Dir: r.dir, Magnet: magnet})
		if plugins.EngineError(err).Code != plugins.ErrInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
