package collections

import "slices"

// Status is where a job stands. It follows from facts; the person's wish is Desired.
type Status string

// The states of a job. The last three are terminal.
const (
	StatusQueued            Status = "queued"
	StatusFetchingMetadata  Status = "fetching_metadata"
	StatusAwaitingSelection Status = "awaiting_selection"
	StatusDownloading       Status = "downloading"
	StatusUploading         Status = "uploading"
	StatusPaused            Status = "paused"
	StatusCompleted         Status = "completed"
	StatusFailed            Status = "failed"
	StatusCancelled         Status = "cancelled"
)

// Desired is what the job's owner wants of it.
type Desired string

// The wishes.
const (
	DesiredRun    Desired = "run"
	DesiredPause  Desired = "pause"
	DesiredCancel Desired = "cancel"
)

// Wishes lists every wish.
func Wishes() []Desired { return []Desired{DesiredRun, DesiredPause, DesiredCancel} }

// Statuses lists every status in the order of a job's life.
func Statuses() []Status {
	return []Status{
		StatusQueued, StatusFetchingMetadata, StatusAwaitingSelection, StatusDownloading,
		StatusUploading, StatusPaused, StatusCompleted, StatusFailed, StatusCancelled,
	}
}

// transitions is the whole table of legal edges. Edges to paused, failed and
// cancelled lead from every non-terminal status and are added below.
var transitions = map[Status][]Status{
	StatusQueued:            {StatusFetchingMetadata, StatusDownloading, StatusAwaitingSelection, StatusCompleted},
	StatusFetchingMetadata:  {StatusAwaitingSelection, StatusDownloading, StatusQueued},
	StatusAwaitingSelection: {StatusQueued},
	StatusDownloading:       {StatusUploading, StatusQueued},
	StatusUploading:         {StatusCompleted, StatusQueued},
	StatusPaused:            {StatusQueued},
}

// Terminal says whether the status is an end.
func (s Status) Terminal() bool {
	return s == StatusCompleted || s == StatusFailed || s == StatusCancelled
}

// Running says whether an agent holds the job under a lease.
func (s Status) Running() bool {
	return s == StatusFetchingMetadata || s == StatusDownloading || s == StatusUploading
}

// Makes says whether a job of that status makes objects of its files. No two jobs make the same one.
func (s Status) Makes() bool { return s == StatusDownloading || s == StatusUploading }

// Valid says whether s is a status at all.
func (s Status) Valid() bool { return slices.Contains(Statuses(), s) }

// CanBecome says whether the edge from s to next is in the table.
func (s Status) CanBecome(next Status) bool {
	if s.Terminal() || s == next {
		return false
	}
	switch next {
	case StatusPaused, StatusFailed, StatusCancelled:
		return true
	}
	return slices.Contains(transitions[s], next)
}

// EventType says what a row of job_events tells.
type EventType string

// The events. Status events carry {"from","to","attempt","code"?}; they fold to the row.
const (
	EventCreated        EventType = "created"
	EventStatus         EventType = "status"
	EventDesired        EventType = "desired"
	EventMetadata       EventType = "metadata"
	EventFile           EventType = "file_completed"
	EventRetry          EventType = "retry"
	EventExpired        EventType = "expired"          // the plan's time for keeping its files is over
	EventFileRemoved    EventType = "file_removed"     // by its owner; {"file_id","path"}
	EventUploadsGivenUp EventType = "uploads_given_up" // it was paused for days; {"uploads","bytes"}
)

// EventTypes lists every event.
func EventTypes() []EventType {
	return []EventType{EventCreated, EventStatus, EventDesired, EventMetadata, EventFile, EventRetry, EventExpired, EventFileRemoved, EventUploadsGivenUp}
}
