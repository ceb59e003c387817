package dispatch

import (
	"errors"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// place gives a queued job to an agent: rows first, then attempt and lease, then the call.
func (d *Dispatcher) place(a *agent, queued queuedJob) {
	defer d.unreserve(a, queued.ID)
	log := d.Logger.With("job", queued.ID, "agent", a.id, "infohash", queued.Infohash)
	info, err := d.prepare(queued.ID)
	if isOver(err) {
		return
	}
	if err != nil {
		log.Error("a job could not be prepared", "error", err)
		d.postpone(queued.ID, err)
		return
	}
	job, err := d.lend(a, queued.ID, info != nil)
	if isOver(err) {
		return
	}
	if err != nil {
		log.Error("a job could not be given to an agent", "error", err)
		d.rest(unableRest)
		return
	}
	if err := d.start(a, job, info); err != nil && d.ctx.Err() == nil {
		log.Warn("an agent did not start a job", "attempt", job.GetInt64("attempt"), "request_id", job.GetString("request_id"), "error", err)
		d.endAttempt(d.App, job.Id, job.GetInt64("attempt"), startFailure(err))
	}
}

// unableRest keeps a database that refuses writes from being tried all the time.
const unableRest = time.Second

// rest waits, but not beyond the dispatcher's end.
func (d *Dispatcher) rest(pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-d.ctx.Done():
	}
}

func (d *Dispatcher) unreserve(a *agent, jobID string) {
	d.mu.Lock()
	delete(a.starting, jobID)
	d.mu.Unlock()
	poke(d.wake)
}

// startFailure says how a job goes on that an agent did not start. An agent without room is nobody's failure.
func startFailure(err error) ending {
	why := ending{code: collections.CodeOf(err), message: err.Error(), counted: true}
	switch why.code {
	case collections.CodeUnavailable:
		why.code, why.counted, why.later = collections.CodeNoAgent, false, true
	case collections.CodeUnauthorized, collections.CodeAttemptStale, collections.CodeInternal:
		why.code = collections.CodeAgentLost
	}
	return why
}

// prepare makes a job ready to run while it is still queued. It answers the metainfo when it is known, and
// errStale when the job is not to run: it waits for a selection or another job, or has all it wants.
func (d *Dispatcher) prepare(jobID string) (*collections.Metainfo, error) {
	job, err := d.settle(jobID)
	if err != nil || job.GetString("torrent_id") == "" {
		return nil, err
	}
	return metainfoOfJob(d.App, job)
}

func (d *Dispatcher) awaitSelection(jobID string) error {
	_, err := hooks.ChangeJob(d.App, jobID, func(_ core.App, job *core.Record) error {
		if job.GetString("status") != string(collections.StatusQueued) || !job.GetBool("select_files") {
			return errStale
		}
		job.Set("status", string(collections.StatusAwaitingSelection))
		return nil
	})
	if err != nil {
		return err
	}
	return errStale
}

// postpone keeps a job that cannot be prepared from being tried at every look.
func (d *Dispatcher) postpone(jobID string, cause error) {
	_, err := hooks.ChangeJob(d.App, jobID, func(_ core.App, job *core.Record) error {
		if job.GetString("status") != string(collections.StatusQueued) {
			return errStale
		}
		retries := job.GetInt("retries") + 1
		job.Set("retries", retries)
		job.Set("error", "The job could not be prepared.")
		job.Set("error_code", string(collections.CodeInternal))
		job.Set("next_attempt_at", stamp(d.Now().Add(d.backoff(retries))))
		if retries > d.MaxRetries {
			job.Set("status", string(collections.StatusFailed))
			job.Set("dead_letter", true)
		}
		return nil
	})
	if err != nil && !isOver(err) {
		d.Logger.Error("a job could not be postponed", "job", jobID, "error", errors.Join(err, cause))
		d.rest(unableRest)
	}
}

// lend opens the next attempt of a queued job and its lease.
func (d *Dispatcher) lend(a *agent, jobID string, metainfo bool) (*core.Record, error) {
	d.mu.Lock()
	start, until, holds := a.startID, d.Now().Add(d.Lease), a.held[jobID]
	known := d.agents[a.id] == a
	d.mu.Unlock()
	if !known { // removed meanwhile
		return nil, errStale
	}
	waits := false
	job, err := hooks.ChangeJob(d.App, jobID, func(tx core.App, job *core.Record) (err error) {
		if job.GetString("status") != string(collections.StatusQueued) || job.GetString("desired") != string(collections.DesiredRun) {
			return errStale
		}
		if waits, err = waitForRunner(tx, job); waits || err != nil {
			return err
		}
		job.Set("status", string(collections.StatusFetchingMetadata))
		if metainfo {
			job.Set("status", string(collections.StatusDownloading))
		}
		job.Set("attempt", job.GetInt64("attempt")+1)
		job.Set("agent_id", a.id)
		job.Set("agent_start", start)
		job.Set("lease_until", stamp(until))
		d.setKnown(job, holds)
		if job.GetString("progressed_at") == "" {
			job.Set("progressed_at", stamp(d.Now()))
		}
		job.Set("error", "")
		job.Set("error_code", "")
		return nil
	})
	if err != nil {
		return nil, err
	}
	if waits {
		return nil, errStale
	}
	l := leaseOf(job, until)
	l.written = d.Now()
	l.last = l.live(&collections.JobReport{ETASeconds: -1}, d.Now())
	d.mu.Lock()
	defer d.mu.Unlock()
	d.leases[job.Id] = l
	d.log(l).Info("a job was given to an agent", "status", string(l.status))
	d.Board.Report(l.owner, l.last)
	return job, nil
}

// setKnown sets the figures that an attempt begins with: all that is known, but of an agent without the
// job's data only what is stored.
func (d *Dispatcher) setKnown(job *core.Record, holds bool) {
	live, _ := d.Board.Get(job.Id)
	stored := max(job.GetInt64("stored_bytes"), live.StoredBytes)
	done := stored
	if holds {
		done = max(job.GetInt64("done_bytes"), live.DoneBytes)
	}
	job.Set("done_bytes", done)
	job.Set("stored_bytes", stored)
}

// start posts /start.
func (d *Dispatcher) start(a *agent, job *core.Record, info *collections.Metainfo) error {
	stored, err := storedAccount(d.App, job.Id)
	if err != nil {
		return err
	}
	req := collections.StartRequest{
		JobID: job.Id, Attempt: job.GetInt64("attempt"), Infohash: job.GetString("infohash"),
		Magnet: job.GetString("magnet_uri"), Engine: job.GetString("engine"),
		Selection: selectionOf(job), Stored: stored, RequestID: job.GetString("request_id"),
		Inherit: d.inherit(a, job),
	}
	if info != nil {
		req.Private = info.Private
		req.Metainfo = d.metainfoOf(job, info)
	}
	return d.post(d.ctx, a, "/start", req)
}

// metainfoOf joins the torrent's info dictionary with this job's own trackers.
func (d *Dispatcher) metainfoOf(job *core.Record, info *collections.Metainfo) []byte {
	magnet, err := collections.ParseMagnet(job.GetString("magnet_uri"))
	if err != nil {
		d.Logger.Warn("a job's magnet cannot be read", "job", job.Id, "request_id", job.GetString("request_id"), "error", err)
		magnet = &collections.Magnet{}
	}
	return collections.BuildMetainfo(info.InfoBytes, magnet.Trackers, magnet.Webseeds)
}

func hasOpenFiles(app core.App, jobID string) (bool, error) {
	row, err := one[struct {
		Open bool `db:"open"`
	}](app, `SELECT EXISTS (SELECT 1 FROM files WHERE job_id = {:job} AND selected = TRUE AND is_complete = FALSE) AS open`, dbx.Params{"job": jobID})
	return row.Open, err
}

// complete sets the fields of a job whose selected files are all stored; for use inside ChangeJob.
func complete(job *core.Record) {
	job.Set("status", string(collections.StatusCompleted))
	job.Set("done_bytes", job.GetInt64("size_bytes"))
	job.Set("stored_bytes", job.GetInt64("size_bytes"))
	job.Set("retries", 0)
	job.Set("error", "")
	job.Set("error_code", "")
}
