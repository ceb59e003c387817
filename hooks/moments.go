package hooks

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/longshore-project/longshore/collections"
)

// Moments are our own hooks, for scripts and for Go. None of them runs inside a transaction. A handler calls e.Next()
// to let the next one be heard.
type Moments struct {
	// JobSubmit is before a job is accepted: an error refuses it, and Label, Priority and Engine may be changed.
	JobSubmit hook.Hook[*JobSubmitEvent]
	// JobStatus is after a change of status was committed. An error is logged.
	JobStatus hook.Hook[*JobStatusEvent]
	// FileComplete is after a file became complete. An error is logged.
	FileComplete hook.Hook[*FileCompleteEvent]
	// LinkSign is before a link to a file is signed: an error refuses it.
	LinkSign hook.Hook[*LinkSignEvent]
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
	Job  *core.Record
	From collections.Status // empty for a new job
	To   collections.Status
}

// FileCompleteEvent tells of a file that can be fetched from now on.
type FileCompleteEvent struct {
	hook.Event
	App       core.App
	Job       *core.Record
	FileID    string
	Path      string
	SizeBytes int64
}

// LinkSignEvent tells of a link that is about to be signed.
type LinkSignEvent struct {
	hook.Event
	App       core.App
	User      *core.Record
	Job       *core.Record
	FileID    string
	Path      string
	SizeBytes int64
}

const momentsKey = "longshore.moments"

// MomentsOf answers the moments of an application; Bind makes them.
func MomentsOf(app core.App) *Moments {
	return app.Store().GetOrSet(momentsKey, func() any { return new(Moments) }).(*Moments)
}
