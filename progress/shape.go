package progress

import (
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/longshore-project/longshore/collections"
)

// Time is RFC 3339 in UTC with milliseconds, as the database keeps it.
const timeLayout = "2006-01-02T15:04:05.000Z"

// Job is a job as routes and realtime messages show it.
type Job struct {
	ID          string              `json:"id"`
	UserID      string              `json:"user_id"`
	Infohash    string              `json:"infohash"`
	Name        string              `json:"name"`
	Status      collections.Status  `json:"status"`
	Desired     collections.Desired `json:"desired"`
	MagnetURI   string              `json:"magnet_uri"`
	Engine      string              `json:"engine"`
	AgentID     string              `json:"agent_id"`
	Attempt     int64               `json:"attempt"`
	SizeBytes   int64               `json:"size_bytes"`
	DoneBytes   int64               `json:"done_bytes"`   // live
	StoredBytes int64               `json:"stored_bytes"` // live
	Error       string              `json:"error"`
	ErrorCode   string              `json:"error_code"`
	Label       string              `json:"label"`
	Revision    int64               `json:"revision"`
	CreatedAt   string              `json:"created_at"`
	UpdatedAt   string              `json:"updated_at"`
	CompletedAt *string             `json:"completed_at"`
	ExpiresAt   *string             `json:"expires_at"` // of an ended job with files: when they are removed, as things stand
}

// Job answers the shape of a record of jobs. The bytes of a job that has not ended are the board's, when it knows them.
func (b *Board) Job(r *core.Record) Job {
	job := Job{
		ID: r.Id, UserID: r.GetString("user_id"), Infohash: r.GetString("infohash"), Name: r.GetString("name"),
		Status: collections.Status(r.GetString("status")), Desired: collections.Desired(r.GetString("desired")),
		MagnetURI: r.GetString("magnet_uri"), Engine: r.GetString("engine"), AgentID: r.GetString("agent_id"),
		Attempt: int64(r.GetInt("attempt")), SizeBytes: int64(r.GetInt("size_bytes")),
		DoneBytes: int64(r.GetInt("done_bytes")), StoredBytes: int64(r.GetInt("stored_bytes")),
		Error: r.GetString("error"), ErrorCode: r.GetString("error_code"), Label: r.GetString("label"),
		Revision: int64(r.GetInt("revision")), CreatedAt: Timestamp(r.GetDateTime("created_at")),
		UpdatedAt: Timestamp(r.GetDateTime("updated_at")),
	}
	if at := r.GetDateTime("completed_at"); !at.IsZero() {
		s := Timestamp(at)
		job.CompletedAt = &s
	}
	if at, leaves := b.expiry(r); leaves {
		s := FormatTime(at)
		job.ExpiresAt = &s
	}
	if p, ok := b.Get(r.Id); ok && !job.Status.Terminal() {
		job.DoneBytes, job.StoredBytes = p.DoneBytes, p.StoredBytes
	}
	return job
}

// expiry answers when the files of an ended job leave; false for one that has none, and when they never do.
func (b *Board) expiry(r *core.Record) (time.Time, bool) {
	ended := r.GetDateTime("completed_at")
	if b.Expiry == nil || ended.IsZero() || r.GetInt64("reserved_bytes") == 0 {
		return time.Time{}, false
	}
	return b.Expiry(r.GetString("user_id"), ended.Time(), r.GetDateTime("warned_at").Time())
}

// Timestamp writes a date of a record for JSON.
func Timestamp(d types.DateTime) string { return FormatTime(d.Time()) }

// FormatTime writes a time for JSON: RFC 3339 in UTC with milliseconds.
func FormatTime(t time.Time) string { return t.UTC().Format(timeLayout) }

// File is a file as routes and realtime messages show it. It is read from the columns FileColumns of files f
// joined with objects o.
type File struct {
	ID         string  `json:"id" db:"id"`
	JobID      string  `json:"job_id" db:"job_id"`
	Index      int     `json:"index" db:"file_index"`
	Path       string  `json:"path" db:"path"`
	SizeBytes  int64   `json:"size_bytes" db:"size_bytes"`
	MimeType   string  `json:"mime_type" db:"mime_type"`
	ObjectKey  string  `json:"object_key,omitempty" db:"object_key"` // for admins only
	Selected   bool    `json:"selected" db:"selected"`
	IsComplete bool    `json:"is_complete" db:"is_complete"`
	RemovedAt  *string `json:"removed_at" db:"removed_at"` // it was complete and is gone; nil otherwise
	UpdatedAt  string  `json:"updated_at" db:"updated_at"`
	Revision   int64   `json:"revision" db:"revision"`
}

// FileColumns are the columns of a File, to be selected from "files f LEFT JOIN objects o ON o.id = f.object_id".
var FileColumns = []string{
	"f.id", "f.job_id", "f.file_index", "f.path", "f.size_bytes", "f.mime_type", "COALESCE(o.key, '') AS object_key",
	"f.selected", "f.is_complete", "NULLIF(REPLACE(f.removed_at, ' ', 'T'), '') AS removed_at", "REPLACE(f.updated_at, ' ', 'T') AS updated_at", "f.revision",
}

// For answers the file as somebody of that role may see it.
func (f File) For(role collections.Role) File {
	if role != collections.RoleAdmin {
		f.ObjectKey = ""
	}
	return f
}
