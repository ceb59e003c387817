package dispatch

import (
	"cmp"
	"errors"
	"log/slog"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// lease is an attempt that an agent holds. Dispatcher.mu guards it.
type lease struct {
	jobID, owner, infohash string
	torrentID              string // "" while unknown
	agentID, agentStart    string
	attempt                int64
	requestID              string // of the submission
	status                 collections.Status
	until                  time.Time
	written                time.Time // the row's figures
	counted                time.Time // the owner's usage
	size                   int64     // of the selected files, 0 while unknown
	bestDone               int64     // the most done bytes on record
	knownDone, knownStored int64     // figures at its begin, below which an agent that still looks at its data does not bring them
	retries                int
	needStored             bool      // the next reply carries the whole account of the store
	storedSeq              int64     // of the last report whose reply did
	standing               bool      // a verdict of this attempt is on the board
	progressed             time.Time // when something new last came, less the time that it did not run
	seen                   sighting
	last                   collections.Progress
}

func leaseOf(job *core.Record, until time.Time) *lease {
	l := &lease{
		jobID: job.Id, owner: job.GetString("user_id"), infohash: job.GetString("infohash"),
		agentID: job.GetString("agent_id"), agentStart: job.GetString("agent_start"), attempt: job.GetInt64("attempt"),
		requestID: job.GetString("request_id"), until: until, knownDone: job.GetInt64("done_bytes"), knownStored: job.GetInt64("stored_bytes"),
	}
	l.follow(job)
	return l
}

// log says in every line which attempt it is about, and which request asked for the job.
func (d *Dispatcher) log(l *lease) *slog.Logger {
	return d.Logger.With("job", l.jobID, "attempt", l.attempt, "agent", l.agentID, "infohash", l.infohash, "request_id", l.requestID)
}

// follow takes over what a newer row says.
func (l *lease) follow(job *core.Record) {
	l.status = collections.Status(job.GetString("status"))
	l.torrentID = job.GetString("torrent_id")
	l.size, l.retries = job.GetInt64("size_bytes"), job.GetInt("retries")
	l.bestDone = max(l.bestDone, job.GetInt64("done_bytes"))
	if at := job.GetDateTime("progressed_at").Time(); at.After(l.progressed) {
		l.progressed = at
	}
}

// live answers the figures for browsers.
func (l *lease) live(r *collections.JobReport, at time.Time) collections.Progress {
	return collections.Progress{
		JobID: l.jobID, Status: l.status, SizeBytes: cmp.Or(l.size, r.SizeBytes),
		DoneBytes: max(r.DoneBytes, l.knownDone), StoredBytes: max(r.StoredBytes, l.knownStored),
		DownloadRate: r.DownloadRate, UploadRate: r.UploadRate, ETASeconds: r.ETASeconds, Peers: r.Peers, Seeds: r.Seeds, At: at,
	}
}

// of says whether the lease is for this attempt of the row.
func (l *lease) of(job *core.Record) bool {
	return collections.Status(job.GetString("status")).Running() && l.attempt == job.GetInt64("attempt") &&
		l.agentID == job.GetString("agent_id") && l.agentStart == job.GetString("agent_start")
}

// reviveLeases gives every running job's agent its full time, because it was the control plane that was away. That time is no
// time without progress either: what the rows say of it is moved on.
func (d *Dispatcher) reviveLeases() error {
	jobs, err := d.runningJobs()
	if err != nil {
		return err
	}
	if err := hooks.InTransaction(d.App, func(tx core.App) error { return d.skipAbsence(tx, jobs) }); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, job := range jobs {
		d.adopt(job)
	}
	return nil
}

func (d *Dispatcher) skipAbsence(tx core.App, jobs []*core.Record) error {
	for _, job := range jobs {
		until, progressed := job.GetDateTime("lease_until").Time(), job.GetDateTime("progressed_at").Time()
		absent := d.Now().Sub(until.Add(-d.Lease))
		if until.IsZero() || progressed.IsZero() || absent <= 0 {
			continue
		}
		job.Set("progressed_at", progressed.Add(absent))
		_, err := exec(tx, `UPDATE jobs SET progressed_at = {:progressed}, lease_until = {:until} WHERE id = {:id} AND attempt = {:attempt} AND lease_until != ''`,
			dbx.Params{"id": job.Id, "attempt": job.GetInt64("attempt"), "progressed": job.GetString("progressed_at"), "until": stamp(d.Now().Add(d.Lease))})
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *Dispatcher) runningJobs() ([]*core.Record, error) {
	return d.App.FindAllRecords("jobs", inStatus(collections.StatusFetchingMetadata, collections.StatusDownloading, collections.StatusUploading))
}

// adopt makes a lease for a running row that has none. The caller holds mu.
func (d *Dispatcher) adopt(job *core.Record) *lease {
	l := leaseOf(job, d.Now().Add(d.Lease+d.Grace))
	l.needStored = true
	d.leases[job.Id] = l
	return l
}

// sweepLeases makes memory and rows agree, ends the attempts of agents that fell silent and completes what has nothing left to store.
func (d *Dispatcher) sweepLeases() error {
	if err := d.loadAgents(); err != nil {
		return err
	}
	if err := d.lookAtBlocklist(); err != nil {
		return err
	}
	if err := d.reconcile(); err != nil {
		return err
	}
	d.endOrphans()
	for _, l := range d.silent() {
		d.endAttempt(d.App, l.jobID, l.attempt, ending{code: collections.CodeAgentLost, message: "The agent fell silent.", counted: true})
	}
	return errors.Join(d.enforceLimits(), d.endSelections(), d.passTurns(), d.completeUploaded())
}

func (d *Dispatcher) silent() []lease {
	d.mu.Lock()
	defer d.mu.Unlock()
	var ended []lease
	for _, l := range d.leases {
		if l.until.Before(d.Now()) {
			ended = append(ended, *l)
		}
	}
	return ended
}

// heldRow is a running row as far as leases go.
type heldRow struct {
	ID      string `db:"id"`
	Attempt int64  `db:"attempt"`
	Agent   string `db:"agent_id"`
	Start   string `db:"agent_start"`
}

// reconcile heals what no hook told of: another process's changes, races of a hook with a placement.
func (d *Dispatcher) reconcile() error {
	rows, err := all[heldRow](d.App, `SELECT id, attempt, agent_id, agent_start FROM jobs
		WHERE status IN ('fetching_metadata', 'downloading', 'uploading')`, nil)
	if err != nil {
		return err
	}
	for _, id := range d.doubtful(rows) {
		d.recheck(id)
	}
	return nil
}

// doubtful lists the jobs of which row and memory say different things.
func (d *Dispatcher) doubtful(rows []heldRow) (ids []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	running := map[string]bool{}
	for _, row := range rows {
		l := d.leases[row.ID]
		if l == nil || l.attempt != row.Attempt || l.agentID != row.Agent || l.agentStart != row.Start {
			ids = append(ids, row.ID)
		}
		running[row.ID] = true
	}
	for id := range d.leases {
		if !running[id] {
			ids = append(ids, id)
		}
	}
	return ids
}

// recheck reads one row anew and does what its hook would have done.
func (d *Dispatcher) recheck(jobID string) {
	job, err := d.App.FindRecordById("jobs", jobID)
	if isNoRows(err) {
		d.jobDeleted(jobID)
		return
	}
	if err != nil {
		d.Logger.Error("a job could not be read", "job", jobID, "error", err)
		return
	}
	d.jobChanged(job)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.leases[jobID] == nil && collections.Status(job.GetString("status")).Running() {
		d.adopt(job)
	}
}
