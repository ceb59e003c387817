package collections

import "time"

// ReportRequest is the body of POST /api/v1/jobs/callback: facts from one agent.
// (StartID, Seq) makes it idempotent: an entry of a report not above the last one
// taken of that start changes nothing.
type ReportRequest struct {
	StartID string `json:"start_id"` // new at each start of the agent
	Seq     int64  `json:"seq"`      // from 1
	// Answered is the Seq of the newest report whose reply was read; a reply that carried
	// Stored is repeated until then.
	Answered int64 `json:"answered,omitempty"`
	// Advertise is the base URL of the agent's API now; it replaces that of enrolment
	// (a local agent may get another free port at each start).
	Advertise string      `json:"advertise,omitempty"`
	Health    AgentHealth `json:"health"`
	Jobs      []JobReport `json:"jobs"`
}

// AgentState is where an attempt stands by its agent's account.
type AgentState string

// The states an agent reports. Held is scratch data of a job that does not run here now.
const (
	AgentFetchingMetadata AgentState = "fetching_metadata"
	AgentDownloading      AgentState = "downloading"
	AgentUploading        AgentState = "uploading" // every wanted piece is verified
	AgentFailed           AgentState = "failed"
	AgentStopped          AgentState = "stopped"
	AgentHeld             AgentState = "held"
)

// JobReport is one job's facts. Byte counts concern wanted files only; rates are bytes per second.
type JobReport struct {
	JobID        string     `json:"id"`
	Attempt      int64      `json:"attempt"`
	State        AgentState `json:"state"`
	SizeBytes    int64      `json:"size_bytes"`
	DoneBytes    int64      `json:"done_bytes"`   // verified
	StoredBytes  int64      `json:"stored_bytes"` // uploaded
	DownloadRate int64      `json:"download_rate"`
	UploadRate   int64      `json:"upload_rate"` // to peers
	ETASeconds   int64      `json:"eta_seconds"` // -1 when unknown
	Peers        int        `json:"peers"`
	Seeds        int        `json:"seeds"`
	Downloaded   int64      `json:"downloaded_bytes"` // from the swarm since this attempt began, wasted bytes too
	Uploaded     int64      `json:"uploaded_bytes"`   // to the swarm since this attempt began
	Parts        []PartDone `json:"parts,omitempty"`  // uploaded since the last report that was answered
	Code         Code       `json:"code,omitempty"`   // with failed, or the reason for standing still
	Message      string     `json:"message,omitempty"`
	Final        bool       `json:"final,omitempty"` // with failed: trying again elsewhere is of no use
}

// PartDone says that a part was PUT and how the store answered.
type PartDone struct {
	File   int    `json:"file"`
	Number int    `json:"number"` // from 1
	Size   int64  `json:"size"`
	ETag   string `json:"etag"`          // as the store sent it
	Key    string `json:"key,omitempty"` // of a whole-file PUT or link: the key that came with the URL
}

// ReportReply answers a report, one entry per job of it.
type ReportReply struct {
	Jobs []JobReply `json:"jobs"`
}

// JobReply says what the control plane wants of a job now. With Code attempt_stale
// the agent stops the attempt and keeps its data; with job_ended it stops and
// removes the data.
type JobReply struct {
	JobID   string  `json:"id"`
	Desired Desired `json:"desired"`
	Attempt int64   `json:"attempt"`
	Code    Code    `json:"code,omitempty"`
	Stored  *Stored `json:"stored,omitempty"` // replaces the agent's account when set
}

// Progress is the live state of a job as browsers see it.
type Progress struct {
	JobID        string    `json:"job_id"`
	Version      int64     `json:"version"` // grows with every change
	Status       Status    `json:"status"`
	DoneBytes    int64     `json:"done_bytes"`
	SizeBytes    int64     `json:"size_bytes"`
	StoredBytes  int64     `json:"stored_bytes"`
	DownloadRate int64     `json:"download_rate"`
	UploadRate   int64     `json:"upload_rate"`
	ETASeconds   int64     `json:"eta_seconds"` // -1 when unknown
	Peers        int       `json:"peers"`
	Seeds        int       `json:"seeds"`
	At           time.Time `json:"at"`
}
