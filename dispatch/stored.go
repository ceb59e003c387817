package dispatch

import (
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
)

// storedAccount lists what the store has of a job's selected files: those stored whole, and recorded parts.
func storedAccount(app core.App, jobID string) (collections.Stored, error) {
	params := dbx.Params{"job": jobID}
	files, err := all[struct {
		Index int `db:"file_index"`
	}](app, `SELECT file_index FROM files WHERE job_id = {:job} AND is_complete = TRUE ORDER BY file_index`, params)
	if err != nil {
		return collections.Stored{}, err
	}
	parts, err := all[recordedPart](app, `SELECT f.file_index, f.size_bytes, u.upload_id, p.number
		FROM files f JOIN uploads u ON u.object_id = f.object_id JOIN upload_parts p ON p.upload = u.id
		WHERE f.job_id = {:job} AND f.is_complete = FALSE AND f.object_id != '' ORDER BY f.file_index, p.number`, params)
	if err != nil {
		return collections.Stored{}, err
	}
	var stored collections.Stored
	for _, f := range files {
		stored.Files = append(stored.Files, f.Index)
	}
	for _, p := range parts {
		stored.Parts = p.addTo(stored.Parts)
	}
	return stored, nil
}

type recordedPart struct {
	Index    int    `db:"file_index"`
	Size     int64  `db:"size_bytes"`
	UploadID string `db:"upload_id"`
	Number   int    `db:"number"`
}

// addTo appends the part to the account of its file. A whole-file PUT or link stands for every part.
func (p *recordedPart) addTo(account []collections.StoredParts) []collections.StoredParts {
	if n := len(account); n == 0 || account[n-1].File != p.Index {
		account = append(account, collections.StoredParts{File: p.Index})
	}
	last := &account[len(account)-1]
	if p.UploadID != "" {
		last.Numbers = append(last.Numbers, p.Number)
		return account
	}
	for n := range collections.PartCount(p.Size, collections.PartSize(p.Size)) {
		last.Numbers = append(last.Numbers, n+1)
	}
	return account
}

// current answers the job that the agent runs in that attempt. attempt_stale, not_found.
func (d *Dispatcher) current(agentID, jobID string, attempt int64) (*core.Record, error) {
	job, err := d.App.FindRecordById("jobs", jobID)
	if isNoRows(err) {
		return nil, collections.Errorf(collections.CodeNotFound, "There is no such job.")
	}
	if err != nil {
		return nil, err
	}
	if job.GetString("agent_id") != agentID || !runs(job, attempt) {
		return nil, collections.Errorf(collections.CodeAttemptStale, "This attempt at the job is over.")
	}
	return job, nil
}
