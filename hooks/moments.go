package hooks

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/longshore-project/longshore/collections"
)

// Moments are our own hooks, for scripts and for Go. None of them runs inside a transaction. A handler calls e.Next()
// to let the next one be heard.
//
// JobSubmit and LinkSign decide: they run before, and an error refuses. JobStatus and FileComplete tell: they run
// after the commit in the background, those of one job one after the other in the order of the commits, each once.
// What waits when the process dies is not told any more.
type Moments struct {
	// JobSubmit is before a job is accepted: an error refuses it, and Label, Priority and Engine may be changed.
	JobSubmit hook.Hook[*JobSubmitEvent]
	// JobStatus is after a change of status was committed. An error is logged.
	JobStatus hook.Hook[*JobStatusEvent]
	// FileComplete is after a file became complete. An error is logged.
	FileComplete hook.Hook[*FileCompleteEvent]
	// LinkSign is before links to files are signed, once for all files of a request: an error refuses them.
	LinkSign hook.Hook[*LinkSignEvent]

	app   core.App
	after afterQueue
}

// JobSubmitEvent tells of a job that is about to be accepted.
type JobSubmitEvent struct {
	hook.Event
	App       core.App
	User      *core.Record
	Name      string
	Infohash  string
	Magnet    string
	Trackers  []string
	SizeBytes int64    // 0 while unknown
	Files     []string // paths; empty while unknown
	Label     string   // may be changed
	Priority  int64    // may be changed
	Engine    string   // may be changed
}

// JobStatusEvent tells of a job whose status has changed.
type JobStatusEvent struct {
	hook.Event
	App  core.App
	Job  *core.Record       // as committed
	From collections.Status // empty for a new job
	To   collections.Status
}

// MomentFile is a file that a moment is about.
type MomentFile struct {
	ID        string `db:"id"`
	Path      string `db:"path"`
	SizeBytes int64  `db:"size_bytes"`
}

// FileCompleteEvent tells of a file that can be fetched from now on.
type FileCompleteEvent struct {
	hook.Event
	App  core.App
	Job  *core.Record
	File MomentFile
}

// LinkSignEvent tells of links that are about to be signed, to files of one job.
type LinkSignEvent struct {
	hook.Event
	App   core.App
	User  *core.Record
	Job   *core.Record
	Files []MomentFile
}

// Submission is a job that a script asks for in a user's name.
type Submission struct {
	Magnet    string
	Selection []int // indexes from 0; nil means all
	Engine    string
	Label     string
	Priority  int64
}

const momentsKey = "longshore.moments"

// MomentsOf answers the moments of an application.
func MomentsOf(app core.App) *Moments {
	return app.Store().GetOrSet(momentsKey, func() any { return new(Moments) }).(*Moments)
}
