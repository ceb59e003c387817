package agent

import (
	"crypto/sha1"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/plugins"
	"github.com/longshore-project/longshore/plugins/enginetest"
	"github.com/longshore-project/longshore/plugins/fake"
)

// eager shortens the pauses between tries.
func eager(a *Agent) { a.limits.retry = 20 * time.Millisecond }

// impatient shortens the time an engine has for an answer.
func impatient(a *Agent) {
	a.limits.call, a.limits.health = 3*time.Second, time.Second
	for _, h := range a.engines {
		h.limits = a.limits
	}
}

func TestEnginesThatFailInEachWay(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		script fake.Params
		engine string
		code   collections.Code
		final  bool
	}{
		{"an error that ends the torrent fails the job", fake.Params{Mode: fake.Fail, Size: mib}, "", collections.CodeEngineFailed, false},
		{"a torrent that crashes its engine again and again fails", fake.Params{Mode: fake.Crash, Always: true, Size: mib}, "", collections.CodeEngineCrashed, false},
		{"an engine that the agent has not is named", fake.Params{Mode: fake.Complete, Size: mib}, "other", collections.CodeEngineMissing, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			cp := newControlPlane(t)
			torrent := makeScript(t, test.script)
			j := cp.job("job1")
			a := cp.agent(t.TempDir())
			req := torrent.start("job1", 1)
			req.Engine = test.engine
			a.mustStart(req)
			cp.await("the job failed", func() bool { return j.last.State == collections.AgentFailed })
			if told := cp.see(j).last; told.Code != test.code || told.Final != test.final || told.Message == "" {
				t.Errorf("told was %s, final %v: %q", told.Code, told.Final, told.Message)
			}
			cp.with(func() { j.ended = true })
			eventually(t, "job and data are gone", a.idle)
		})
	}
}

func TestACrashDoesNotFailTheJob(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	torrent := makeScript(t, fake.Params{Mode: fake.Crash, Size: 9 * mib})
	j := cp.job("job1")
	a := cp.agent(t.TempDir())
	a.mustStart(torrent.start("job1", 1))
	cp.await("the job is complete", func() bool { return j.ended })
	cp.checkStored(j, torrent)
}

func TestAnEngineThatHangsIsReplaced(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	torrent := makeScript(t, fake.Params{Mode: fake.Complete, Size: 9 * mib, Rate: 9 * mib})
	j := cp.job("job1")
	a := cp.agent(t.TempDir(), impatient)
	a.mustStart(torrent.start("job1", 1))
	cp.await("the job runs", func() bool { return j.last.State == collections.AgentDownloading })
	signalEngine(t, a.Agent, syscall.SIGSTOP)
	cp.await("the job is complete", func() bool { return j.ended })
	cp.checkStored(j, torrent)
}

func TestATorrentThatHangsItsEngineFails(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	torrent := makeScript(t, fake.Params{Mode: fake.Hang, Size: 9 * mib})
	j := cp.job("job1")
	a := cp.agent(t.TempDir(), impatient, func(a *Agent) { a.limits.crashes = 1 })
	a.mustStart(torrent.start("job1", 1))
	cp.await("the job failed", func() bool { return j.last.State == collections.AgentFailed })
	j = cp.see(j)
	if j.last.Code != collections.CodeEngineCrashed || j.last.DoneBytes == 0 {
		t.Errorf("told was %+v", j.last)
	}
}

func TestAnEngineThatDoesNotStartIsToldAndThenFailsTheJob(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	torrent := makeScript(t, fake.Params{Mode: fake.Complete, Size: mib})
	j := cp.job("job1")
	missing := plugins.Spec{Name: "gone", Path: filepath.Join(t.TempDir(), "longshore-engine-gone")}
	a := cp.agentWith(Config{Dir: t.TempDir(), Engines: []plugins.Spec{missing}}, func(a *Agent) {
		a.limits.down, a.limits.downTooLong = time.Millisecond, 1500*time.Millisecond
	})
	a.mustStart(torrent.start("job1", 1))
	cp.await("the trouble is told", func() bool {
		return j.last.Code == collections.CodeEngineFailed && j.last.State == collections.AgentFetchingMetadata
	})
	cp.await("the job failed", func() bool { return j.last.State == collections.AgentFailed })
	j = cp.see(j)
	if j.last.Code != collections.CodeEngineFailed || j.last.Final {
		t.Errorf("told was %+v", j.last)
	}
}

func TestAFullDiskIsAReasonAndNoFailure(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	torrent := makeScript(t, fake.Params{Mode: fake.Fail, Code: plugins.ErrDiskFull, Heal: 300 * time.Millisecond, Size: 9 * mib})
	j := cp.job("job1")
	a := cp.agent(t.TempDir())
	a.mustStart(torrent.start("job1", 1))
	cp.await("the full disk is told", func() bool { return j.last.Code == collections.CodeDiskFull })
	if told := cp.see(j).last; told.State != collections.AgentDownloading {
		t.Errorf("the state told is %s", told.State)
	}
	cp.await("the job is complete", func() bool { return j.ended })
	j = cp.see(j)
	if j.last.Code != "" {
		t.Errorf("the last report still has the code %s", j.last.Code)
	}
	cp.checkStored(j, torrent)
}

func TestHostileMetadataEndsTheJobAndWritesNothing(t *testing.T) {
	t.Parallel()
	for name, info := range map[string]string{
		"a path that leads out":    "d5:filesld6:lengthi5e4:pathl2:..2:..6:passwdeee4:name1:x12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaae",
		"a path without an end":    "d5:filesld6:lengthi5e4:pathl" + strings.Repeat("1:a", 100) + "eee4:name1:x12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaae",
		"more files than pieces":   "d6:lengthi40000e4:name1:x12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaae",
		"no bencode":               strings.Repeat("x", 40_000),
		"half a piece hash":        "d6:lengthi5e4:name1:x12:piece lengthi16384e6:pieces10:aaaaaaaaaae",
		"a length below zero":      "d6:lengthi-5e4:name1:x12:piece lengthi16384e6:pieces0:e",
		"sizes that overflow":      "d5:filesld6:lengthi9223372036854775807e4:pathl1:aeed6:lengthi9223372036854775807e4:pathl1:beee4:name1:x12:piece lengthi16384e6:pieces0:e",
		"pieces of no bytes":       "d6:lengthi0e4:name1:x12:piece lengthi0e6:pieces0:e",
		"pieces of 2^62 bytes":     "d6:lengthi5e4:name1:x12:piece lengthi4611686018427387904e6:pieces20:aaaaaaaaaaaaaaaaaaaae",
		"no files":                 "d4:name1:x12:piece lengthi16384e6:pieces0:e",
		"a list":                   "le",
		"a broken file tree":       "d9:file treed1:xd0:d6:lengthi-1eeee6:lengthi5e12:meta versioni2e4:name1:x12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaae",
		"a source that is no text": "d6:lengthi5e4:name1:x12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaa6:sourcei1ee",
	} {
		t.Run(name, func(t *testing.T) {
			cp := newControlPlane(t)
			s := hostileSwarm(t, info)
			j := cp.job("job1")
			dir := t.TempDir()
			a := realAgent(cp, dir)
			a.mustStart(s.start("job1", 1))
			cp.await("the job failed", func() bool { return j.last.State == collections.AgentFailed })
			j = cp.see(j)
			if j.last.Code != collections.CodeHostileMetadata || !j.last.Final || j.metainfos != 0 {
				t.Errorf("told was %s, final %v, %q; %d metainfos came through", j.last.Code, j.last.Final, j.last.Message, j.metainfos)
			}
			if files, err := os.ReadDir(filepath.Join(dir, "scratch", "job1", "data")); err != nil || len(files) > 0 {
				t.Errorf("on disk are %v, %v", files, err)
			}
		})
	}
}

// hostileSwarm is a seeder whose metadata is info, and nothing else.
func hostileSwarm(t *testing.T, info string) swarm {
	t.Helper()
	p := enginetest.NewPayload(t, enginetest.PayloadFile{Name: "x", Size: 10})
	meta := *p.Metainfo
	sum := sha1.Sum([]byte(info))
	meta.InfoBytes, meta.Infohash = []byte(info), collections.Infohash(hex.EncodeToString(sum[:]))
	p.Metainfo = &meta
	return swarm{p, enginetest.NewSeeder(t, p, enginetest.SeederOptions{})}
}

func TestTheControlPlaneRefusesAMetainfo(t *testing.T) {
	t.Parallel()
	for code, ends := range map[collections.Code]bool{collections.CodeJobEnded: true, collections.CodeAttemptStale: false} {
		t.Run(string(code), func(t *testing.T) {
			cp := newControlPlane(t)
			torrent := makeScript(t, fake.Params{Mode: fake.Complete, Size: mib})
			j := cp.job("job1")
			j.reply = func(collections.MetainfoReply) collections.MetainfoReply {
				return collections.MetainfoReply{Code: code}
			}
			a := cp.agent(t.TempDir())
			a.mustStart(torrent.start("job1", 1))
			eventually(t, "the attempt has ended", func() bool { return len(a.active()) == 0 })
			if held, _ := a.scratch.held(); (len(held) == 0) != ends {
				t.Errorf("held: %v", held)
			}
		})
	}
}

func TestSlotsAreCounted(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	a := cp.agentWith(Config{Dir: t.TempDir(), Slots: 1, Engines: []plugins.Spec{fakeEngine()}})
	cp.job("job1")
	cp.job("job2")
	a.mustStart(makeScript(t, fake.Params{Mode: fake.Stall, Size: mib}).start("job1", 1))
	status, body := a.call(http.MethodPost, "/start", makeScript(t, fake.Params{Mode: fake.Stall, Size: mib, Seed: 1}).start("job2", 1))
	if status != http.StatusServiceUnavailable || errorCode(body) != collections.CodeUnavailable {
		t.Errorf("a job too many: %d %s", status, body)
	}
	if h := a.health(); h.SlotsUsed != 1 || h.Slots != 1 || h.ScratchFreeBytes <= 0 {
		t.Errorf("health is %+v", h)
	}
}

func TestScratchIsLimited(t *testing.T) {
	t.Parallel()
	s := &scratch{dir: t.TempDir(), limit: 10 * mib}
	data, err := s.open(heldJob{JobID: "job1", Attempt: 1, Infohash: "a"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "f"), make([]byte, 4*mib), 0o600); err != nil {
		t.Fatal(err)
	}
	if free, err := s.free(); err != nil || free > 6*mib || free < 5*mib {
		t.Errorf("free are %d of 10 MiB with 4 MiB used: %v", free, err)
	}
}

func TestScratchOfAnotherTorrentIsNotMixed(t *testing.T) {
	t.Parallel()
	s := &scratch{dir: t.TempDir()}
	data, err := s.open(heldJob{JobID: "job1", Attempt: 1, Infohash: "a"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "f"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		infohash collections.Infohash
		files    int
	}{{"a", 1}, {"b", 0}} {
		if _, err := s.open(heldJob{JobID: "job1", Attempt: 2, Infohash: test.infohash}); err != nil {
			t.Fatal(err)
		}
		if left, _ := os.ReadDir(data); len(left) != test.files {
			t.Errorf("with infohash %s %d files are left, not %d", test.infohash, len(left), test.files)
		}
	}
}
