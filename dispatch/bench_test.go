package dispatch_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/dispatch"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

// runningJobs brings n jobs of one large file each to a scripted agent.
func runningJobs(b *testing.B, n int) (*rig, *testAgent) {
	r := newRig(b)
	a := r.newAgent(false)
	a.slots = n
	a.report()
	for i := range n {
		r.addTorrent(r.user, metainfo(b, fmt.Sprint("t", i), testFile{"a", 1 << 30}), nil)
	}
	a.started(n)
	return r, a
}

// BenchmarkReport measures a report of 100 jobs: figures only, and with one recorded part each.
func BenchmarkReport(b *testing.B) {
	r, a := runningJobs(b, 100)
	entries := make([]collections.JobReport, len(a.starts))
	for i, start := range a.starts {
		entries[i] = downloading(start)
		a.urls(start, false, collections.PartRef{File: 0, Number: 1})
	}
	report := func(b *testing.B) {
		a.seq++
		_, err := r.Report(context.Background(), a.id, collections.ReportRequest{
			StartID: a.startID, Seq: a.seq, Answered: a.seq - 1, Health: a.health(), Jobs: entries,
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	report(b)
	b.Run("figures of 100 jobs", func(b *testing.B) {
		for b.Loop() {
			report(b)
		}
	})
	b.Run("a part of each of 100 jobs", func(b *testing.B) {
		etag := 0
		for b.Loop() {
			etag++
			for i := range entries {
				entries[i].Parts = []collections.PartDone{{File: 0, Number: 1, Size: 8 << 20, ETag: fmt.Sprint(etag)}}
			}
			report(b)
		}
	})
}

// BenchmarkAddFiles makes the rows of a torrent of 100,000 files while another writer asks for its turn all the time.
func BenchmarkAddFiles(b *testing.B) {
	app := hookstest.NewApp(b)
	user := hookstest.MustCreateUser(b, app, "a@example.com", collections.RoleUser)
	files := make([]testFile, collections.MaxFiles)
	for i := range files {
		files[i] = testFile{fmt.Sprintf("folder %d/file %d.bin", i%100, i), 1}
	}
	m := metainfo(b, "many", files...)
	torrent, err := dispatch.SaveMetainfo(app, user.Id, m)
	if err != nil {
		b.Fatal(err)
	}
	var longest time.Duration
	for b.Loop() {
		job := hookstest.MustCreateJob(b, app, user, nil)
		done := make(chan struct{})
		go func() {
			defer close(done)
			if err := dispatch.AddFiles(app, job, torrent, m); err != nil {
				b.Error(err)
			}
		}()
		for waiting := true; waiting; {
			select {
			case <-done:
				waiting = false
			default:
				began := time.Now()
				if err := app.RunInTransaction(func(core.App) error { return nil }); err != nil {
					b.Fatal(err)
				}
				longest = max(longest, time.Since(began))
			}
		}
	}
	b.ReportMetric(float64(longest.Milliseconds()), "ms-longest-wait")
}
