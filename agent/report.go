package agent

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/longshore-project/longshore/collections"
)

const (
	reportTimeout = 5 * time.Second // well below collections.Lease
	lastReport    = 3 * time.Second
	maxReportWait = 5 * time.Second // between two tries while the control plane is away
	failureLogged = time.Minute     // between two lines of log about that
)

// reporter tells the control plane of all jobs: at once when something changed, else
// once a second. What was told is forgotten only when it was answered.
type reporter struct {
	agent  *Agent
	urgent chan struct{}

	mu      sync.Mutex
	entries map[string]*reportEntry
	seq     int64
	read    int64     // seq of the newest report that was answered
	held    time.Time // when scratch without a job was last told
	logged  time.Time // when a failure last was
}

// reportEntry is what there is to tell of a job.
type reportEntry struct {
	job   collections.JobReport // without Parts
	parts []collections.PartDone
	last  bool // to be forgotten once answered
}

func newReporter(a *Agent) *reporter {
	return &reporter{agent: a, urgent: make(chan struct{}, 1), entries: map[string]*reportEntry{}}
}

// begin makes room for a new attempt; what was not told of an older one no longer counts.
func (r *reporter) begin(job collections.JobReport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries[job.JobID] = &reportEntry{job: job}
	r.hurry()
}

// put replaces what is to be told of a job, unless a newer attempt is there.
func (r *reporter) put(job collections.JobReport, last bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.entry(job.JobID, job.Attempt); e != nil {
		e.job, e.last = job, last
	}
}

// add notes an uploaded part.
func (r *reporter) add(j *job, done collections.PartDone) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.entry(j.req.JobID, j.req.Attempt); e != nil {
		e.parts = append(e.parts, done)
	}
}

// forget drops an attempt of which nothing is to be told any more.
func (r *reporter) forget(jobID string, attempt int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.entry(jobID, attempt) != nil {
		delete(r.entries, jobID)
	}
}

func (r *reporter) entry(jobID string, attempt int64) *reportEntry {
	e := r.entries[jobID]
	if e == nil || e.job.Attempt != attempt {
		return nil
	}
	return e
}

// status answers what would be told of a job now.
func (r *reporter) status(jobID string) (collections.AgentStatus, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.entries[jobID]
	if e == nil {
		return collections.AgentStatus{}, notFound("This job does not run here.")
	}
	status := e.job
	status.Parts = append(status.Parts, e.parts...)
	return status, nil
}

// reserved answers the bytes that running jobs will still write.
func (r *reporter) reserved() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	var bytes int64
	for _, e := range r.entries {
		if e.job.State == collections.AgentDownloading {
			bytes += e.job.SizeBytes - e.job.DoneBytes
		}
	}
	return bytes
}

// hurry makes the next report come at once.
func (r *reporter) hurry() {
	select {
	case r.urgent <- struct{}{}:
	default:
	}
}

// run reports until ctx ends.
func (r *reporter) run(ctx context.Context) {
	wait := newBackOff(r.agent.limits.retry)
	wait.MaxInterval = maxReportWait
	for ctx.Err() == nil {
		if err := r.tellAll(ctx); err == nil {
			wait.Reset()
			r.logged = time.Time{}
			r.rest(ctx)
		} else if ctx.Err() == nil {
			r.logFailure(err)
			sleep(ctx, wait.NextBackOff())
		}
	}
}

// rest waits until the next report is due.
func (r *reporter) rest(ctx context.Context) {
	due := time.NewTimer(collections.ReportInterval)
	defer due.Stop()
	select {
	case <-ctx.Done():
	case <-due.C:
	case <-r.urgent:
		sleep(ctx, collections.ReportCoalesce)
	}
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func (r *reporter) logFailure(err error) {
	if time.Since(r.logged) < failureLogged {
		return
	}
	r.logged = time.Now()
	if unrecognised(err) {
		r.agent.log.Error("the control plane does not know this agent: is its clock right, was the agent removed there? To enrol again, "+
			"start it with a new token", "agent", r.agent.identity.AgentID, "error", err)
		return
	}
	r.agent.log.Warn("the control plane did not take the report, trying again", "error", err)
}

// last tells what is still to be told when the agent ends.
func (r *reporter) last(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lastReport)
	defer cancel()
	if err := r.tellAll(ctx); err != nil {
		r.agent.log.Warn("the last report was not taken", "error", err)
	}
}

// tellAll sends one report, or several when there is too much for one.
func (r *reporter) tellAll(ctx context.Context) error {
	head := collections.ReportRequest{
		StartID: r.agent.startID, Advertise: r.agent.advertise(r.agent.identity.Listen),
		Health: r.agent.health(), Jobs: []collections.JobReport{},
	}
	held := time.Since(r.held) >= r.agent.limits.held
	entries := r.snapshot()
	if held {
		entries = r.appendHeld(entries)
	}
	for _, jobs := range split(head, entries, collections.MaxReportBytes) {
		if err := r.tell(ctx, head, jobs); err != nil {
			return err
		}
	}
	if held {
		r.held = time.Now()
	}
	return nil
}

// appendHeld adds the scratch that no entry tells of.
func (r *reporter) appendHeld(entries []collections.JobReport) []collections.JobReport {
	for _, held := range r.agent.heldReports() {
		if !slices.ContainsFunc(entries, func(e collections.JobReport) bool { return e.JobID == held.JobID }) {
			entries = append(entries, held)
		}
	}
	return entries
}

func (r *reporter) snapshot() []collections.JobReport {
	r.mu.Lock()
	defer r.mu.Unlock()
	entries := make([]collections.JobReport, 0, len(r.entries))
	for _, e := range r.entries {
		job := e.job
		job.Parts = append([]collections.PartDone(nil), e.parts...)
		entries = append(entries, job)
	}
	return entries
}

// tell sends one report and does what is answered. An answer attempt_stale to the whole report goes for all its entries.
func (r *reporter) tell(ctx context.Context, head collections.ReportRequest, jobs []collections.JobReport) error {
	r.seq++
	head.Seq, head.Answered, head.Jobs = r.seq, r.read, jobs
	body, err := json.Marshal(head)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	reply, err := r.agent.control.report(ctx, body)
	if collections.CodeOf(err) == collections.CodeAttemptStale {
		reply, err = allStale(jobs), nil
	}
	if err != nil {
		return err
	}
	r.read = head.Seq
	replies := map[string]collections.JobReply{}
	for _, answered := range reply.Jobs {
		replies[answered.JobID] = answered
	}
	for _, sent := range jobs {
		if answered, ok := replies[sent.JobID]; ok {
			r.told(sent)
			r.agent.handleReply(sent, answered)
		}
	}
	return nil
}

func allStale(jobs []collections.JobReport) (reply collections.ReportReply) {
	for _, job := range jobs {
		reply.Jobs = append(reply.Jobs, collections.JobReply{JobID: job.JobID, Attempt: job.Attempt, Code: collections.CodeAttemptStale})
	}
	return reply
}

// told forgets what a report that was answered carried.
func (r *reporter) told(sent collections.JobReport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.entry(sent.JobID, sent.Attempt)
	if e == nil || sent.State == collections.AgentHeld {
		return
	}
	e.parts = e.parts[len(sent.Parts):]
	if e.last && len(e.parts) == 0 && sent.State == e.job.State {
		delete(r.entries, sent.JobID)
	}
}

// notify logs failures of something that is tried again.
func (a *Agent) notify(message string) backoff.Notify {
	return func(err error, wait time.Duration) { a.log.Warn(message, "error", err, "wait", wait) }
}

func (a *Agent) retries() *backoff.ExponentialBackOff { return newBackOff(a.limits.retry) }
