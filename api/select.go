package api

import (
	"encoding/json"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/dispatch"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/progress"
)

func (a *API) selectFiles(e *core.RequestEvent) error {
	var in struct {
		Selection json.RawMessage `json:"selection"`
	}
	if err := e.BindBody(&in); err != nil {
		return err
	}
	selection, err := parseSelection(in.Selection)
	if err != nil {
		return err
	}
	job, err := findJob(e)
	if err != nil {
		return err
	}
	if job.GetString("torrent_id") != "" {
		if err := dispatch.FillFiles(e.App, job); err != nil {
			return err
		}
	}
	job, err = hooks.ChangeJobAs(acts(e), e.App, job.Id, func(tx core.App, job *core.Record) error {
		return choose(tx, job, selection)
	})
	if err == nil {
		a.tellFiles(e.App, job)
	}
	return a.answerJob(e, job, err)
}

// tellFiles has the owner's browsers hear of the job's files. More than a few are told as one.
func (a *API) tellFiles(app core.App, job *core.Record) {
	var ids []string
	err := app.DB().Select("id").From("files").Where(dbx.HashExp{"job_id": job.Id}).Limit(progress.MaxFileMessages + 1).Column(&ids)
	if err != nil {
		a.Logger.Warn("changed files could not be told", "job", job.Id, "error", err)
	}
	a.Board.FilesChanged(job.GetString("user_id"), job.Id, ids)
}

// choose gives a waiting job its selection and puts it into the queue.
func choose(tx core.App, job *core.Record, selection []int) error {
	if status := job.GetString("status"); status != string(collections.StatusAwaitingSelection) {
		return collections.Errorf(collections.CodeIllegalTransition, "The job does not wait for a selection: it is %s.", status)
	}
	job.Set("select_files", false)
	job.Set("status", string(collections.StatusQueued))
	job.Set("desired", string(collections.DesiredRun))
	job.Set("next_attempt_at", "")
	if selection == nil {
		return nil
	}
	job.Set("selection", selection)
	size, err := narrow(tx, job.Id, selection)
	job.Set("size_bytes", size)
	return err
}

// narrow makes only the selected files wanted and answers their bytes. Objects of the others were not begun: the job
// has not run since its files are known.
func narrow(tx core.App, jobID string, selection []int) (size int64, err error) {
	chosen, err := json.Marshal(selection)
	if err != nil {
		return 0, err
	}
	params := dbx.Params{"job": jobID, "chosen": string(chosen)}
	var known int
	err = tx.DB().NewQuery(`SELECT COUNT(*), COALESCE(SUM(size_bytes), 0) FROM files WHERE job_id = {:job}
		AND file_index IN (SELECT value FROM json_each({:chosen}))`).Bind(params).Row(&known, &size)
	if err != nil {
		return 0, err
	}
	if known != len(selection) {
		return 0, invalid("selection", "The selection names files that the job does not have.")
	}
	for _, sql := range []string{
		`UPDATE objects SET state = 'deleting' WHERE state = 'uploading' AND id IN (SELECT object_id FROM files
			WHERE job_id = {:job} AND file_index NOT IN (SELECT value FROM json_each({:chosen})))`,
		`UPDATE files SET selected = FALSE, object_id = '', revision = revision + 1
			WHERE job_id = {:job} AND file_index NOT IN (SELECT value FROM json_each({:chosen}))`,
	} {
		if _, err := tx.NonconcurrentDB().NewQuery(sql).Bind(params).Execute(); err != nil {
			return 0, err
		}
	}
	return size, nil
}
