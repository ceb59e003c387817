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
	if err := readBody(e, &in); err != nil {
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

// choose gives a waiting job its selection, reserves what that needs and puts it into the queue: with quota_storage it
// stays as it is, unless its owner would rather have it wait there.
func choose(tx core.App, job *core.Record, selection []int) error {
	if status := job.GetString("status"); status != string(collections.StatusAwaitingSelection) {
		return collections.Errorf(collections.CodeIllegalTransition, "The job does not wait for a selection: it is %s.", status)
	}
	job.Set("select_files", false)
	job.Set("status", string(collections.StatusQueued))
	job.Set("desired", string(collections.DesiredRun))
	job.Set("next_attempt_at", "")
	chosen, err := sizesOf(tx, job.Id, selection)
	if err != nil {
		return err
	}
	job.Set("size_bytes", chosen.Bytes)
	if selection != nil {
		job.Set("selection", selection)
		if err := narrow(tx, job.Id, selection); err != nil {
			return err
		}
	}
	err = hooks.AdmitMetadata(tx, job, hooks.Wants{
		Known: true, SizeBytes: chosen.Bytes, LargestFile: chosen.Largest,
		Infohash: collections.Infohash(job.GetString("infohash")), InfohashV2: job.GetString("infohash_v2"),
	})
	if collections.CodeOf(err) == collections.CodeQuotaStorage && job.GetBool("wait_for_quota") {
		return nil
	}
	return err
}

type sizes struct {
	Files   int   `db:"files"`
	Bytes   int64 `db:"bytes"`
	Largest int64 `db:"largest"`
}

// sizesOf answers the sizes of the chosen files, of all when selection is nil; invalid_input when the job lacks one.
func sizesOf(tx core.App, jobID string, selection []int) (sizes, error) {
	query := tx.DB().Select("COUNT(*) AS files", "COALESCE(SUM(size_bytes), 0) AS bytes", "COALESCE(MAX(size_bytes), 0) AS largest").
		From("files").Where(dbx.HashExp{"job_id": jobID})
	if selection != nil {
		query.AndWhere(dbx.NewExp("file_index IN (SELECT value FROM json_each({:chosen}))", dbx.Params{"chosen": asJSON(selection)}))
	}
	var s sizes
	if err := query.One(&s); err != nil {
		return s, err
	}
	if selection != nil && s.Files != len(selection) {
		return s, invalid("selection", "The selection names files that the job does not have.")
	}
	return s, nil
}

func asJSON(selection []int) string {
	b, _ := json.Marshal(selection) // numbers
	return string(b)
}

// narrow makes only the selected files wanted. The others lose their objects, if they have any: those of a job of an earlier release.
func narrow(tx core.App, jobID string, selection []int) error {
	const others = `file_index NOT IN (SELECT value FROM json_each({:chosen}))`
	params := dbx.Params{"job": jobID, "chosen": asJSON(selection)}
	if err := hooks.ReleaseFiles(tx, jobID, others, params); err != nil {
		return err
	}
	_, err := tx.NonconcurrentDB().NewQuery(`UPDATE files SET selected = FALSE, revision = revision + 1 WHERE job_id = {:job} AND ` + others).Bind(params).Execute()
	return err
}
