package doctor

import (
	"encoding/json"
	"fmt"

	"github.com/longshore-project/longshore/collections"
)

// history folds the events of each job and notes what breaks invariants 2, 4 and 6, by number.
type history struct {
	broken map[int][]Violation
	job    eventRow // the job that is being folded
	fold   fold
}

// eventRow is a job with one of its events; a job without events has one row without.
type eventRow struct {
	Job     string
	Status  collections.Status
	Attempt int64
	Seq     *int64
	Type    *string
	Payload *string
}

// fold is what a job's events tell so far.
type fold struct {
	seq     int64
	status  collections.Status
	attempt int64
	ends    int
}

const jobsWithEvents = `SELECT jobs.id, jobs.status, CAST(jobs.attempt AS INTEGER), CAST(job_events.seq AS INTEGER), job_events.event_type, job_events.payload
	FROM jobs LEFT JOIN job_events ON job_events.job_id = jobs.id ORDER BY jobs.id, job_events.seq`

// read is one statement: it sees rows and events of one moment.
func (h *history) read(x *examination) error {
	rows, err := x.app.ConcurrentDB().NewQuery(jobsWithEvents).WithContext(x).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var r eventRow
		if err := rows.Scan(&r.Job, &r.Status, &r.Attempt, &r.Seq, &r.Type, &r.Payload); err != nil {
			return err
		}
		if r.Job != h.job.Job {
			h.finish()
			h.job, h.fold = r, fold{}
		}
		if r.Seq != nil {
			h.event(*r.Seq, collections.EventType(*r.Type), []byte(*r.Payload))
		}
	}
	h.finish()
	return rows.Err()
}

func (h *history) note(number int, format string, args ...any) {
	h.broken[number] = append(h.broken[number], Violation{ID: h.job.Job, Detail: fmt.Sprintf(format, args...)})
}

// finish compares the fold of a job with its row.
func (h *history) finish() {
	if h.job.Job == "" {
		return
	}
	if h.fold.ends > 1 {
		h.note(2, "ended %d times", h.fold.ends)
	}
	if h.fold.attempt > h.job.Attempt {
		h.note(4, "has attempt %d in its row and %d in its events", h.job.Attempt, h.fold.attempt)
	}
	if h.fold.status != h.job.Status {
		h.note(6, "is %s by its row and %q by its events", h.job.Status, h.fold.status)
	}
}

func (h *history) event(seq int64, kind collections.EventType, payload []byte) {
	if h.fold.seq++; seq != h.fold.seq {
		h.note(6, "has event %d where %d belongs", seq, h.fold.seq)
		h.fold.seq = seq
	}
	if first := kind == collections.EventCreated; first != (seq == 1) {
		h.note(6, "has the event %s as number %d", kind, seq)
	}
	switch kind {
	case collections.EventCreated:
		h.created(payload)
	case collections.EventStatus:
		h.changed(payload)
	}
}

func (h *history) created(payload []byte) {
	var p struct {
		Status collections.Status `json:"status"`
	}
	if err := json.Unmarshal(payload, &p); err != nil || !p.Status.Valid() {
		h.note(6, "was created as %.40q", payload)
		return
	}
	h.become(p.Status)
}

func (h *history) changed(payload []byte) {
	var p struct {
		From    collections.Status `json:"from"`
		To      collections.Status `json:"to"`
		Attempt int64              `json:"attempt"`
	}
	if err := json.Unmarshal(payload, &p); err != nil {
		h.note(6, "has the malformed event %.80q", payload)
		return
	}
	if p.From != h.fold.status {
		h.note(6, "went from %s to %s when it was %q", p.From, p.To, h.fold.status)
	}
	if !p.From.CanBecome(p.To) {
		h.note(2, "went from %s to %s", p.From, p.To)
	}
	if p.Attempt < h.fold.attempt {
		h.note(4, "went back from attempt %d to %d", h.fold.attempt, p.Attempt)
	}
	h.fold.attempt = max(h.fold.attempt, p.Attempt)
	h.become(p.To)
}

func (h *history) become(s collections.Status) {
	h.fold.status = s
	if s.Terminal() {
		h.fold.ends++
	}
}
