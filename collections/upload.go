package collections

import "time"

// URLsRequest is the body of POST /api/v1/jobs/{id}/uploads: an agent asks for URLs of at most 100 parts.
type URLsRequest struct {
	Attempt int64     `json:"attempt"`
	Parts   []PartRef `json:"parts"`
	// CanLink says that the agent shares a file system with the control plane and may
	// be given LinkPath. Honoured for the control plane's own local agent only.
	CanLink bool `json:"can_link,omitempty"`
}

// PartRef names a part of a file of the job. Number 0 is the whole file, to be linked.
type PartRef struct {
	File   int `json:"file"`
	Number int `json:"number"`
}

// URLsReply is the answer.
type URLsReply struct {
	URLs []URL `json:"urls"`
}

// URL is a presigned PUT for one part.
type URL struct {
	File      int               `json:"file"`
	Number    int               `json:"number"`
	URL       string            `json:"url,omitempty"`
	Headers   map[string]string `json:"headers,omitempty"` // to be sent as they are
	Key       string            `json:"key,omitempty"`     // of a whole-file PUT; goes back in PartDone
	LinkPath  string            `json:"link_path,omitempty"`
	ExpiresAt time.Time         `json:"expires_at"`
}

// MetainfoReply answers PUT /api/v1/jobs/{id}/metainfo: how the job goes on.
type MetainfoReply struct {
	Selection []int  `json:"selection,omitempty"` // nil means all
	Stored    Stored `json:"stored"`
	// Code is attempt_stale, job_ended or "" to go on. awaiting selection is job_ended
	// for the attempt: the job comes back with a new one.
	Code Code `json:"code,omitempty"`
}
