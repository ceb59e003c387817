package e2e

import (
	"testing"
	"time"
)

// TestPauseAndResumeLoseNothing pauses twice on the way: pieces that are verified and parts that are stored stay.
func TestPauseAndResumeLoseNothing(t *testing.T) {
	for name, store := range map[string]func(testing.TB) []string{"local": localDisk, "s3": s3} {
		t.Run(name, func(t *testing.T) {
			i := newInterrupted(t, store(t))
			for _, share := range []float64{0.3, 0.6} {
				before := i.user.waitDone(i.job.ID, share, time.Minute)
				i.user.mustJSON("POST", "/jobs/"+i.job.ID+"/pause", nil, 200, nil)
				paused := i.user.waitStatus(i.job.ID, "paused", 30*time.Second)
				if paused.DoneBytes < before.DoneBytes {
					t.Errorf("%d of %d verified bytes are left", paused.DoneBytes, before.DoneBytes)
				}
				i.user.mustJSON("POST", "/jobs/"+i.job.ID+"/resume", nil, 200, nil)
			}
			i.finishes(t)
			if j, _ := i.user.job(i.job.ID); j.Attempt != 3 {
				t.Errorf("attempt %d", j.Attempt)
			}
		})
	}
}
