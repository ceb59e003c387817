package dispatch_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// events counts a job's events of one kind.
func (r *rig) events(jobID string, event collections.EventType) int64 {
	r.t.Helper()
	n, err := r.app.CountRecords("job_events", dbx.HashExp{"job_id": jobID, "event_type": string(event)})
	r.must(err)
	return n
}

func (r *rig) sweepStore() {
	r.t.Helper()
	_, err := r.RunSweep(r.t.Context())
	r.must(err)
}

// TestUploadsOfAJobPausedForDaysAreGivenUp: the first file is whole, of the second one part of two is there.
func TestUploadsOfAJobPausedForDaysAreGivenUp(t *testing.T) {
	r, a, start := running(t)
	r.clock.Advance(30 * 24 * time.Hour) // the upload is old, but the job was not paused
	a.report(downloading(start))
	_, err := hooks.Pause(t.Context(), r.app, start.JobID)
	r.must(err)
	a.report(in(collections.AgentStopped, start))
	stored := r.find("jobs", start.JobID).GetInt64("stored_bytes")
	r.clock.Advance(6*24*time.Hour - time.Minute)
	r.sweepStore()
	if _, uploads := r.inStore(); uploads != 1 || r.events(start.JobID, collections.EventUploadsGivenUp) != 0 {
		t.Fatalf("%d uploads are left before the six days are over", uploads)
	}
	r.clock.Advance(2 * time.Minute)
	for range 2 {
		r.sweepStore()
	}
	row := r.find("jobs", start.JobID)
	if want := "Paused for more than six days: what was uploaded of unfinished files will be uploaded again."; row.GetString("error") != want {
		t.Errorf("the job says %q", row.GetString("error"))
	}
	partSize := collections.PartSize(twoParts)
	if got := row.GetInt64("stored_bytes"); got != max(0, stored-partSize) || r.events(start.JobID, collections.EventUploadsGivenUp) != 1 {
		t.Errorf("%d of %d bytes are stored", got, stored)
	}
	if objects, uploads := r.inStore(); objects != 1 || uploads != 0 {
		t.Fatalf("%d objects and %d uploads are in the store", objects, uploads)
	}
	_, err = hooks.Resume(t.Context(), r.app, start.JobID)
	r.must(err)
	a.report()
	again := a.started(2)
	if len(again.Stored.Files) != 1 || len(again.Stored.Parts) != 0 || r.find("jobs", start.JobID).GetString("error") != "" {
		t.Fatalf("got %+v", again.Stored)
	}
	a.report(in(collections.AgentUploading, again, a.upload(again, 1, twoParts)...))
	r.untilStatus(start.JobID, collections.StatusCompleted)
	if !bytes.Equal(r.content(start.JobID, 1), body(1, twoParts)) {
		t.Fatal("the file has other bytes")
	}
	r.mustFold(start.JobID)
}

// TestPausingAgainAndAgainUploadsOnlyOpenPartsAgain pauses at every part: one that was PUT but not told is all that is PUT twice.
func TestPausingAgainAndAgainUploadsOnlyOpenPartsAgain(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	const size = 5 * 8 << 20
	job := r.addTorrent(r.user, metainfo(t, "t", testFile{"a", size}), nil)
	whole, partSize, put, open := body(0, size), collections.PartSize(size), 0, 0
	for attempt := 1; r.status(job.Id) != collections.StatusCompleted; attempt++ {
		start := a.started(attempt)
		var recorded []int
		for _, f := range start.Stored.Parts {
			recorded = append(recorded, f.Numbers...)
		}
		if len(recorded) != attempt-1 {
			t.Fatalf("attempt %d: %d parts are known", attempt, len(recorded))
		}
		var refs []collections.PartRef
		for n := len(recorded) + 1; n <= min(len(recorded)+2, 5); n++ {
			refs = append(refs, collections.PartRef{File: 0, Number: n})
		}
		var done []collections.PartDone
		for _, url := range a.urls(start, false, refs...) {
			offset, length := collections.PartRange(size, partSize, url.Number)
			done = append(done, a.put(url, whole[offset:offset+length]))
			put++
		}
		if len(done) == 1 {
			a.report(in(collections.AgentUploading, start, done...))
			r.untilStatus(job.Id, collections.StatusCompleted)
			break
		}
		a.report(downloading(start, done[0]))
		open++ // the second was PUT, and the agent never comes to tell it
		_, err := hooks.Pause(t.Context(), r.app, job.Id)
		r.must(err)
		a.report(in(collections.AgentStopped, start))
		_, err = hooks.Resume(t.Context(), r.app, job.Id)
		r.must(err)
	}
	if put > 5+open {
		t.Errorf("%d parts of 5 were PUT with %d open ones", put, open)
	}
	if !bytes.Equal(r.content(job.Id, 0), whole) {
		t.Error("the file has other bytes")
	}
	r.mustFold(job.Id)
}
