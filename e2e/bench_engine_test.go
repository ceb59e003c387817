package e2e

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/longshore-project/longshore/plugins"
	"github.com/longshore-project/longshore/plugins/enginetest"
)

func launch(b *testing.B) *plugins.Process {
	b.Helper()
	p, err := plugins.Launch(context.Background(), plugins.Spec{
		Name: "anacrolix", Path: binary(b), Args: []string{"engine", "anacrolix"}, RunDir: shortDir(b), Env: testEnv,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(p.Kill)
	return p
}

// shortDir is a folder whose path leaves room for a unix socket's.
func shortDir(b *testing.B) string {
	dir, err := os.MkdirTemp("", "lsb")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// engineAlone downloads a payload with the engine subprocess, nothing else around it.
func engineAlone(b *testing.B, torrent []byte) usage {
	b.Helper()
	p := launch(b)
	defer p.Kill()
	dir := b.TempDir()
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	events, err := p.Engine().Events(ctx)
	if err != nil {
		b.Fatal(err)
	}
	stop := watch(p.Pid())
	if err := p.Engine().Add(ctx, plugins.AddRequest{ID: "race", Dir: dir, Metainfo: torrent}); err != nil {
		b.Fatal(err)
	}
	for e := range events {
		if e.Kind == plugins.EventFinished {
			return stop()
		}
		if e.Kind == plugins.EventError {
			b.Fatal(e.Err)
		}
	}
	b.Fatal("the engine died")
	return usage{}
}

func bigPayload(b *testing.B, size int64) *enginetest.Payload {
	b.Helper()
	return enginetest.MakePayload(b, enginetest.PayloadSpec{
		Files: []enginetest.PayloadFile{{Name: "big.bin", Size: size}}, Single: true, PieceLength: 1 << 20, Private: true,
	})
}

// swarm is one seeder behind a tracker; its announce is remembered.
func swarm(b *testing.B, p *enginetest.Payload, rate int64) (torrent []byte, tracker *enginetest.Tracker, seed *enginetest.Seeder) {
	b.Helper()
	tracker = enginetest.NewTracker(b)
	seed = enginetest.NewSeeder(b, p, enginetest.SeederOptions{Rate: rate, Trackers: []string{tracker.URL}})
	return p.WithTrackers(tracker.URL), tracker, seed
}

func BenchmarkEngine(b *testing.B) {
	p := bigPayload(b, 1<<30)
	ours, peer := &series{name: "engine subprocess"}, &series{name: "qbittorrent-nox"}
	for range rounds() {
		torrent, _, _ := swarm(b, p, 0)
		ours.add(engineAlone(b, torrent))
		peer.add(qbittorrent(b, torrent))
	}
	ours.print(b)
	peer.print(b)
	ratio(b, "time", ours, peer, wall)
	ratio(b, "CPU", ours, peer, cpu)
	b.ReportMetric(ours.of(anon), "anon-MiB")
}
