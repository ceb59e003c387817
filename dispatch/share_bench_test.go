package dispatch_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/dispatch"
	"github.com/longshore-project/longshore/hooks"
)

// stored is a torrent of n files of which the rows say that all are in the store.
func (r *rig) stored(n int) *collections.Metainfo {
	r.t.Helper()
	files := make([]testFile, n)
	for i := range files {
		files[i] = testFile{fmt.Sprintf("folder %d/file %d.bin", i%100, i), 1}
	}
	m := metainfo(r.t, fmt.Sprint("stored ", n), files...)
	first := r.submit(r.newUser(fmt.Sprint("first", n)), m)
	_, err := r.app.NonconcurrentDB().NewQuery(`UPDATE objects SET state = 'stored', store = 'local', key = 'objects/' || id || '/1-a'`).Execute()
	r.must(err)
	_, err = r.app.NonconcurrentDB().Update("files", dbx.Params{"is_complete": true}, dbx.HashExp{"job_id": first.Id}).Execute()
	r.must(err)
	return m
}

// submit does what the API does with a .torrent.
func (r *rig) submit(user *core.Record, m *collections.Metainfo) (job *core.Record) {
	r.t.Helper()
	jobs, err := r.app.FindCachedCollectionByNameOrId("jobs")
	r.must(err)
	job = core.NewRecord(jobs)
	job.Load(map[string]any{
		"user_id": user.Id, "infohash": string(m.Infohash), "status": "queued", "desired": "run", "size_bytes": dispatch.SelectedSize(m, nil),
		"magnet_uri": "magnet:?xt=urn:btih:" + string(m.Infohash),
	})
	r.must(hooks.InTransaction(r.app, func(tx core.App) error {
		if err := hooks.AdmitJob(tx, job, hooks.Wants{Known: true, SizeBytes: job.GetInt64("size_bytes"), LargestFile: 1, Infohash: m.Infohash}); err != nil {
			return err
		}
		torrent, err := dispatch.SaveMetainfo(tx, user.Id, m)
		if err != nil {
			return err
		}
		job.Set("torrent_id", torrent.Id)
		if err := tx.Save(job); err != nil {
			return err
		}
		return dispatch.AddFiles(tx, job, torrent, m)
	}))
	r.must(dispatch.FillFiles(r.app, job))
	return job
}

func (r *rig) untilCompleted(jobID string) {
	r.t.Helper()
	var status string
	r.until("the job is completed", func() bool {
		r.must(r.app.ConcurrentDB().Select("status").From("jobs").Where(dbx.HashExp{"id": jobID}).Row(&status))
		return status == "completed"
	})
}

// BenchmarkInstantCompletion measures from the submission of a stored torrent of 1,000 files to the job's end.
func BenchmarkInstantCompletion(b *testing.B) {
	r := newRig(b)
	m := r.stored(1000)
	var took []time.Duration
	for b.Loop() {
		b.StopTimer()
		user := r.newUser(fmt.Sprint("user", len(took)))
		b.StartTimer()
		began := time.Now()
		r.untilCompleted(r.submit(user, m).Id)
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
}

// BenchmarkInstantCompletionOfManyFiles does so for 100,000 files, while another writer asks for its turn all the time.
func BenchmarkInstantCompletionOfManyFiles(b *testing.B) {
	r := newRig(b)
	m := r.stored(collections.MaxFiles)
	var longest time.Duration
	n := 0
	for b.Loop() {
		b.StopTimer()
		n++
		user := r.newUser(fmt.Sprint("user", n))
		b.StartTimer()
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.untilCompleted(r.submit(user, m).Id)
		}()
		longest = max(longest, r.longestWait(done))
	}
	b.ReportMetric(float64(longest.Milliseconds()), "ms-longest-wait")
}

// longestWait answers the longest time that a transaction waited for its turn until done.
func (r *rig) longestWait(done <-chan struct{}) (longest time.Duration) {
	for {
		select {
		case <-done:
			return longest
		default:
			began := time.Now()
			r.must(r.app.RunInTransaction(func(core.App) error { return nil }))
			longest = max(longest, time.Since(began))
		}
	}
}
