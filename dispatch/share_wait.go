package dispatch

import (
	"time"

	"github.com/pocketbase/dbx"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/progress"
)

var waitsForContent = progress.Verdict{
	Code: collections.CodeWaitsForContent, Message: "Waiting: these files are being fetched already. They arrive here as they are stored.",
}

// arrivingJob is a job that waits for another's content.
type arrivingJob struct {
	ID    string `db:"id"`
	Owner string `db:"user_id"`
	Size  int64  `db:"size_bytes"`
}

// arrived is what the store has by now of the files of a waiting job. It goes from the uploads, which are few, to the files.
const arrived = `SELECT j.id,
	(SELECT COALESCE(SUM(size_bytes), 0) FROM files WHERE job_id = j.id AND selected = TRUE AND is_complete = TRUE)
	+ (SELECT COALESCE(SUM(p.size_bytes), 0) FROM uploads u CROSS JOIN files f ON f.object_id = u.object_id AND f.job_id = j.id
		CROSS JOIN upload_parts p ON p.upload = u.id) AS stored
	FROM jobs j WHERE j.waits_for != ''`

const (
	arrivalInterval = time.Second
	arrivalShare    = 20 // of the time, one part may go into counting what arrived
)

// tellWaiting notes why jobs wait that another one makes the files of, and how far those are. Nothing of the other job or its
// owner is told: the figures are of the waiting job's own files.
func (d *Dispatcher) tellWaiting(notes map[string]note) error {
	stored, err := d.countArrived()
	if err != nil {
		return err
	}
	d.mu.Lock() // who ends meanwhile is forgotten after this
	defer d.mu.Unlock()
	jobs, err := all[arrivingJob](d.App, `SELECT id, user_id, size_bytes FROM jobs WHERE waits_for != '' AND status = 'queued'`, nil)
	for _, job := range jobs {
		notes[job.ID] = note{job.Owner, waitsForContent}
		d.Board.SetVerdict(job.Owner, job.ID, waitsForContent)
		if n, counted := stored[job.ID]; counted {
			d.tellArrived(&job, n)
		}
	}
	return err
}

// countArrived answers the stored bytes by job, and nothing when it did so a moment ago.
func (d *Dispatcher) countArrived() (map[string]int64, error) {
	began := time.Now()
	if began.Before(d.counts) {
		return nil, nil
	}
	rows, err := all[struct {
		ID     string `db:"id"`
		Stored int64  `db:"stored"`
	}](d.App, arrived, nil)
	stored := make(map[string]int64, len(rows))
	for _, row := range rows {
		stored[row.ID] = row.Stored
	}
	d.counts = began.Add(max(arrivalInterval, arrivalShare*time.Since(began)))
	return stored, err
}

func (d *Dispatcher) tellArrived(job *arrivingJob, stored int64) {
	last, known := d.Board.Get(job.ID)
	if known && last.Status == collections.StatusQueued && last.StoredBytes == stored && last.SizeBytes == job.Size {
		return
	}
	d.Board.Report(job.Owner, collections.Progress{
		JobID: job.ID, Status: collections.StatusQueued, SizeBytes: job.Size, DoneBytes: stored, StoredBytes: stored, ETASeconds: -1, At: d.Now(),
	})
}

// passTurns ends the turn of jobs that have got nowhere for TurnPatience while others wait for the same content: those may have
// trackers and peers that these lack.
func (d *Dispatcher) passTurns() error {
	stuck, err := all[heldRow](d.App, `SELECT id, attempt, agent_id, agent_start FROM jobs
		WHERE id IN (SELECT waits_for FROM jobs WHERE waits_for != '' AND next_attempt_at <= {:now})
		AND status = 'downloading' AND status_since <= {:since} AND progressed_at <= {:since}`,
		dbx.Params{"since": stamp(d.Now().Add(-collections.TurnPatience)), "now": stamp(d.Now())})
	for _, job := range stuck {
		d.endAttempt(d.App, job.ID, job.Attempt, ending{
			code: collections.CodeStalled, message: "Nothing new came for " + span(collections.TurnPatience) + ". Another job for the same content has its turn.", later: true,
		})
	}
	return err
}
