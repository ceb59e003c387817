// Package progress keeps the live state of running jobs in memory and owns all
// realtime traffic: what reaches whose browser.
//
// Browsers listen through PocketBase's /api/realtime. Users' connections are hidden
// from PocketBase's broadcaster, which would check a rule by SQL per client and change; what
// they hear comes from a Board, by an index from owner to connections. Superusers' connections are
// PocketBase's own.
package progress

import (
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
)

// Verdict says why a job stands where it stands.
type Verdict struct {
	Code    collections.Code `json:"code"`
	Message string           `json:"message"`
}

// Board holds the latest progress of every running job. Its methods never block on a client.
type Board struct {
	// Expiry answers when the files of an owner's job leave that ended then and was warned of then, or never; false for
	// never. It is set before Bind; nil knows of no expiry.
	Expiry func(owner string, ended, warned time.Time) (at time.Time, leaves bool)

	app core.App // set by Bind

	mu       sync.Mutex
	version  int64
	latest   map[string]collections.Progress // by job
	verdicts map[string]Verdict              // by job
	explain  func(job *core.Record) Verdict

	conns      *connections
	guestLimit time.Duration // until a connection must have subscribed
	writeLimit time.Duration // for one message to one reader
	checkEvery time.Duration // how soon a change of another process ends a connection
}

// NewBoard answers an empty board.
func NewBoard() *Board {
	return &Board{
		latest:   map[string]collections.Progress{},
		verdicts: map[string]Verdict{},
		conns:    newConnections(), guestLimit: 10 * time.Second, writeLimit: 10 * time.Second, checkEvery: 3 * time.Second,
	}
}

// Report takes a job's newest figures, gives them the next version and sends them to the owner's browsers.
func (b *Board) Report(owner string, p collections.Progress) {
	b.mu.Lock()
	p.Version = b.nextVersion()
	b.latest[p.JobID] = p
	b.mu.Unlock()
	b.publish(owner, message{topics: []string{topicProgress}, adminTopic: topicProgressAll, id: p.JobID, version: p.Version, body: p})
}

// nextVersion lies above those of an earlier process and below 2^53. The caller holds mu.
func (b *Board) nextVersion() int64 {
	b.version = max(b.version+1, time.Now().UnixMicro())
	return b.version
}

// Get answers the latest figures of a job, if it runs.
func (b *Board) Get(jobID string) (collections.Progress, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, ok := b.latest[jobID]
	return p, ok
}

// SetVerdict notes why a job stands still and tells the owner's browsers; an empty code removes the note.
func (b *Board) SetVerdict(owner, jobID string, v Verdict) {
	b.mu.Lock()
	if v == b.verdicts[jobID] {
		b.mu.Unlock()
		return
	}
	told := verdictMessage{JobID: jobID, Version: b.nextVersion()}
	if v.Code == "" {
		delete(b.verdicts, jobID)
	} else {
		b.verdicts[jobID], told.Verdict = v, &v
	}
	b.mu.Unlock()
	b.publish(owner, message{topics: []string{topicVerdicts}, id: jobID, version: told.Version, body: told})
}

// Explain has fn answer why a job stands still of which no note was made; an empty code when it does not.
func (b *Board) Explain(fn func(job *core.Record) Verdict) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.explain = fn
}

// VerdictOf answers why the job stands still.
func (b *Board) VerdictOf(job *core.Record) (Verdict, bool) {
	if v, ok := b.Verdict(job.Id); ok {
		return v, true
	}
	b.mu.Lock()
	explain := b.explain
	b.mu.Unlock()
	if explain == nil {
		return Verdict{}, false
	}
	v := explain(job)
	return v, v.Code != ""
}

// Verdict answers the note.
func (b *Board) Verdict(jobID string) (Verdict, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	v, ok := b.verdicts[jobID]
	return v, ok
}

// Forget drops what is known of a job that ended or no longer runs.
func (b *Board) Forget(jobID string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.latest, jobID)
	delete(b.verdicts, jobID)
}
