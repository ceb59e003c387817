package progress

import (
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/longshore-project/longshore/collections"
)

// Time is RFC 3339 in UTC with milliseconds, as the database keeps it.
const timeLayout = "2006-01-02T15:04:05.000Z"

// Job is a job as routes and realtime messages show it.
type Job struct {
	ID          string              `json:"id" db:"id"`
	UserID      string              `json:"user_id" db:"user_id"`
	Infohash    string              `json:"infohash" db:"infohash"`
	Name        string              `json:"name" db:"name"`
	Status      collections.Status  `json:"status" db:"status"`
	Desired     collections.Desired `json:"desired" db:"desired"`
	MagnetURI   string              `json:"magnet_uri" db:"magnet_uri"`
	Engine      string              `json:"engine" db:"engine"`
	AgentID     string              `json:"agent_id" db:"agent_id"`
	Attempt     int64               `json:"attempt" db:"attempt"`
	SizeBytes   int64               `json:"size_bytes" db:"size_bytes"`
	DoneBytes   int64               `json:"done_bytes" db:"done_bytes"`     // live
	StoredBytes int64               `json:"stored_bytes" db:"stored_bytes"` // live
	Error       string              `json:"error" db:"error"`
	ErrorCode   string              `json:"error_code" db:"error_code"`
	Label       string              `json:"label" db:"label"`
	Revision    int64               `json:"revision" db:"revision"`
	CreatedAt   string              `json:"created_at" db:"-"`
	UpdatedAt   string              `json:"updated_at" db:"-"`
	CompletedAt *string             `json:"completed_at" db:"-"`
	ExpiresAt   *string             `json:"expires_at" db:"-"` // of an ended job with files: when they are removed, as things stand
}

// JobRow is a row of jobs as far as a Job is made of it. It is read from JobColumns: for lists, which would spend most
// of their time on records.
type JobRow struct {
	Job
	Reserved  int64  `db:"reserved_bytes"`
	Created   string `db:"created_at"` // times as the database keeps them
	Updated   string `db:"updated_at"`
	Completed string `db:"completed_at"`
	Warned    string `db:"warned_at"`
}

// JobColumns are the columns of a JobRow.
var JobColumns = []string{
	"id", "user_id", "infohash", "name", "status", "desired", "magnet_uri", "engine", "agent_id", "attempt", "size_bytes", "done_bytes", "stored_bytes",
	"error", "error_code", "label", "revision", "reserved_bytes", "created_at", "updated_at", "completed_at", "warned_at",
}

// Job answers the shape of a record of jobs. The bytes of a job that has not ended are the board's, when it knows them.
func (b *Board) Job(r *core.Record) Job {
	return b.JobOf(JobRow{
		Job: Job{
			ID: r.Id, UserID: r.GetString("user_id"), Infohash: r.GetString("infohash"), Name: r.GetString("name"),
			Status: collections.Status(r.GetString("status")), Desired: collections.Desired(r.GetString("desired")),
			MagnetURI: r.GetString("magnet_uri"), Engine: r.GetString("engine"), AgentID: r.GetString("agent_id"),
			Attempt: r.GetInt64("attempt"), SizeBytes: r.GetInt64("size_bytes"), DoneBytes: r.GetInt64("done_bytes"), StoredBytes: r.GetInt64("stored_bytes"),
			Error: r.GetString("error"), ErrorCode: r.GetString("error_code"), Label: r.GetString("label"), Revision: r.GetInt64("revision"),
		},
		Reserved: r.GetInt64("reserved_bytes"), Created: r.GetString("created_at"), Updated: r.GetString("updated_at"),
		Completed: r.GetString("completed_at"), Warned: r.GetString("warned_at"),
	})
}

// JobOf answers the shape of a row of jobs, as Job does.
func (b *Board) JobOf(row JobRow) Job {
	job := row.Job
	job.CreatedAt, job.UpdatedAt = forJSON(row.Created), forJSON(row.Updated)
	if row.Completed != "" {
		completed := forJSON(row.Completed)
		job.CompletedAt = &completed
	}
	if at, leaves := b.expiry(row); leaves {
		s := FormatTime(at)
		job.ExpiresAt = &s
	}
	if p, ok := b.Get(job.ID); ok && !job.Status.Terminal() {
		job.DoneBytes, job.StoredBytes = p.DoneBytes, p.StoredBytes
	}
	return job
}

// forJSON writes a time of the database, which differs in one character from timeLayout.
func forJSON(stored string) string { return strings.Replace(stored, " ", "T", 1) }

// expiry answers when the files of an ended job leave; false for one that has none, and when they never do.
func (b *Board) expiry(row JobRow) (time.Time, bool) {
	if b.Expiry == nil || row.Completed == "" || row.Reserved == 0 {
		return time.Time{}, false
	}
	ended, _ := types.ParseDateTime(row.Completed) // the database holds what PocketBase wrote
	warned, _ := types.ParseDateTime(row.Warned)
	return b.Expiry(row.UserID, ended.Time(), warned.Time())
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
