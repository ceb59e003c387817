package collections

// StartRequest is the body of the agent's POST /start: one attempt at one job.
// Start is idempotent by (job, attempt); a higher attempt replaces a lower one, a
// lower one is answered attempt_stale.
type StartRequest struct {
	JobID     string `json:"job_id"`
	Attempt   int64  `json:"attempt"`
	Infohash  string `json:"infohash"`           // v1, 40 hex digits
	Magnet    string `json:"magnet,omitempty"`   // used while Metainfo is empty
	Metainfo  []byte `json:"metainfo,omitempty"` // a .torrent, once known
	Private   bool   `json:"private,omitempty"`
	Engine    string `json:"engine,omitempty"`    // "" for the agent's default
	Selection []int  `json:"selection,omitempty"` // file indexes; nil means all
	Stored    Stored `json:"stored"`              // what the store has already
	URLs      []URL  `json:"urls,omitempty"`      // first part URLs, may be empty
	// Inherit is a job of the same torrent that runs no more: its data, if they are here, become this one's.
	Inherit   string `json:"inherit,omitempty"`
	RequestID string `json:"request_id,omitempty"`
}

// StopRequest is the body of the agent's POST /stop; idempotent.
type StopRequest struct {
	JobID     string `json:"job_id"`
	Attempt   int64  `json:"attempt"`
	KeepData  bool   `json:"keep_data"`
	RequestID string `json:"request_id,omitempty"`
}

// Stored is the control plane's account of a job's content in the store. What it
// does not name is still to be uploaded.
type Stored struct {
	Files []int         `json:"files,omitempty"` // indexes of files stored whole
	Parts []StoredParts `json:"parts,omitempty"` // files stored in part
}

// StoredParts names the recorded parts of one file.
type StoredParts struct {
	File    int   `json:"file"`
	Numbers []int `json:"numbers"` // from 1
}

// AgentStatus is the body of the agent's GET /status/{jobId}: the last report's entry.
type AgentStatus = JobReport

// AgentFile is one entry of the agent's GET /files/{jobId}.
type AgentFile struct {
	Index     int    `json:"index"`
	Path      string `json:"path"`
	SizeBytes int64  `json:"size_bytes"`
	DoneBytes int64  `json:"done_bytes"`
	Wanted    bool   `json:"wanted"`
}

// AgentHealth is the body of the agent's GET /health.
type AgentHealth struct {
	AgentID              string         `json:"agent_id"`
	StartID              string         `json:"start_id"`
	Version              string         `json:"version"`
	Slots                int            `json:"slots"`
	SlotsUsed            int            `json:"slots_used"`
	ScratchFreeBytes     int64          `json:"scratch_free_bytes"`
	ScratchReservedBytes int64          `json:"scratch_reserved_bytes"`
	Engines              []EngineHealth `json:"engines"`
	Draining             bool           `json:"draining"`
}

// EngineHealth names an engine an agent offers.
type EngineHealth struct {
	Name         string   `json:"name"`
	Version      string   `json:"version"`
	Capabilities []string `json:"capabilities"`
}
