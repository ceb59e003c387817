package api

import (
	"database/sql"
	"errors"
	"net/http"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/api/wire"
	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/dispatch"
	"github.com/longshore-project/longshore/progress"
)

// jobRoutes are those of a job.
func (a *API) jobRoutes() []route {
	return []route{
		{"GET", "/jobs", user, small, "", a.listJobs},
		{"POST", "/jobs", user, large, "job.submit", a.createJob},
		{"POST", "/jobs/bulk", user, large, "job.bulk", a.changeJobs},
		{"GET", "/jobs/{id}", user, small, "", a.getJob},
		{"PATCH", "/jobs/{id}", user, small, "job.update", a.updateJob},
		{"DELETE", "/jobs/{id}", user, small, "job.delete", a.deleteJob},
		{"POST", "/jobs/{id}/pause", user, small, "job.pause", a.pauseJob},
		{"POST", "/jobs/{id}/resume", user, small, "job.resume", a.resumeJob},
		{"POST", "/jobs/{id}/cancel", user, small, "job.cancel", a.cancelJob},
		{"POST", "/jobs/{id}/retry", user, small, "job.retry", a.retryJob},
		{"POST", "/jobs/{id}/select", user, large, "job.select", a.selectFiles},
		{"GET", "/jobs/{id}/files", user, small, "", a.listJobFiles},
		{"GET", "/jobs/{id}/events", user, small, "", a.listJobEvents},
	}
}

// lastEvents is how many events GET /jobs/{id} answers.
const lastEvents = 20

// findJob answers the job of the path if it is the caller's.
func findJob(e *core.RequestEvent) (*core.Record, error) {
	return findJobOf(e.App, e.Auth.Id, e.Request.PathValue("id"))
}

// findJobOf answers a job of a user. Another user's job is as unknown as one that never was.
func findJobOf(app core.App, owner, id string) (*core.Record, error) {
	job, err := app.FindRecordById("jobs", id, ownedBy(owner))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, collections.Errorf(collections.CodeNotFound, "There is no such job.")
	}
	return job, err
}

func ownedBy(userID string) func(*dbx.SelectQuery) error {
	return func(q *dbx.SelectQuery) error {
		q.AndWhere(dbx.HashExp{"user_id": userID})
		return nil
	}
}

type jobDetail struct {
	Job        progress.Job          `json:"job"`
	Progress   *collections.Progress `json:"progress"`
	Verdict    *progress.Verdict     `json:"verdict"`
	FileCounts fileCounts            `json:"file_counts"`
	Events     []jobEvent            `json:"events"`
}

type fileCounts struct {
	Total    int `json:"total" db:"total"`
	Complete int `json:"complete" db:"complete"`
	Selected int `json:"selected" db:"selected"`
}

func (a *API) getJob(e *core.RequestEvent) error {
	job, err := findJob(e)
	if err != nil {
		return err
	}
	detail := jobDetail{Job: a.Board.Job(job)}
	if p, runs := a.Board.Get(job.Id); runs {
		detail.Progress = &p
	}
	if v, stands := a.Board.VerdictOf(job); stands {
		detail.Verdict = &v
	}
	if detail.FileCounts, err = countFiles(e.App, job.Id); err != nil {
		return err
	}
	if detail.Events, err = findEvents(e.App, job.Id, lastEvents, 0); err != nil {
		return err
	}
	return ok(e, detail)
}

func countFiles(app core.App, jobID string) (counts fileCounts, err error) {
	err = app.DB().Select("COUNT(*) AS total", "COALESCE(SUM(is_complete), 0) AS complete", "COALESCE(SUM(selected), 0) AS selected").
		From("files").Where(dbx.HashExp{"job_id": jobID}).One(&counts)
	return counts, err
}

func (a *API) updateJob(e *core.RequestEvent) error {
	var in wire.UpdateJobJSONBody
	if err := readBody(e, &in); err != nil {
		return err
	}
	if err := checkLabel(in.Label); err != nil {
		return err
	}
	return a.changeJob(e, labelled(in.Label))
}

// deleteJob: what belongs to the job goes with it, in hooks.
func (a *API) deleteJob(e *core.RequestEvent) error {
	job, err := findJob(e)
	if err != nil {
		return err
	}
	if _, err := removeJob(acts(e), e.App, job.Id); err != nil {
		return err
	}
	return e.NoContent(http.StatusNoContent)
}

func (a *API) pauseJob(e *core.RequestEvent) error { return a.changeJob(e, paused) }

func (a *API) resumeJob(e *core.RequestEvent) error { return a.changeJob(e, resumed) }

func (a *API) cancelJob(e *core.RequestEvent) error { return a.changeJob(e, cancelled) }

func (a *API) retryJob(e *core.RequestEvent) error {
	job, err := findJob(e)
	if err != nil {
		return err
	}
	made, err := dispatch.RetryJob(acts(e), e.App, job.Id)
	if err != nil {
		return asInvalidInput(err)
	}
	e.Response.Header().Set("Location", prefix+"/jobs/"+made.Id)
	return e.JSON(http.StatusCreated, a.Board.Job(made))
}

// changeJob carries out a wish for the job of the path.
func (a *API) changeJob(e *core.RequestEvent, w wish) error {
	job, err := findJob(e)
	if err != nil {
		return err
	}
	job, err = w.carryOut(acts(e), e.App, job)
	return a.answerJob(e, job, err)
}

func (a *API) answerJob(e *core.RequestEvent, job *core.Record, err error) error {
	if err != nil {
		return asInvalidInput(err)
	}
	return ok(e, a.Board.Job(job))
}
