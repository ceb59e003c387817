package api

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/api/wire"
	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/dispatch"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/progress"
)

// adminJobRoutes are about everybody's jobs.
func (a *API) adminJobRoutes() []route {
	return []route{
		{"GET", "/admin/jobs", admin, small, "", a.listAllJobs},
		{"PATCH", "/admin/jobs/{id}", admin, small, "job.prioritise", a.prioritiseJob},
		{"POST", "/admin/jobs/{id}/terminate", admin, small, "job.terminate", a.terminateJob},
		{"POST", "/admin/jobs/{id}/requeue", admin, small, "job.requeue", a.requeueJob},
	}
}

// adminJob is a job as admins see it.
type adminJob struct {
	progress.Job
	UserEmail  string            `json:"user_email"`
	AgentName  string            `json:"agent_name"`
	Priority   int64             `json:"priority"`
	Retries    int64             `json:"retries"`
	DeadLetter bool              `json:"dead_letter"`
	RetryOf    string            `json:"retry_of"`
	Verdict    *progress.Verdict `json:"verdict"`
}

// adminJobColumns are those of an adminJob.
var adminJobColumns = append(slices.Clone(progress.JobColumns), "priority", "retries", "dead_letter", "retry_of")

func (a *API) listAllJobs(e *core.RequestEvent) error {
	v := e.Request.URL.Query()
	l, err := readListing(v, jobSorts, "-created_at")
	if err != nil {
		return err
	}
	where := dbx.And(adminJobFilters(v)...)
	rows, err := l.records(e.App, "jobs", where, adminJobColumns...)
	if err != nil {
		return err
	}
	rows, next := cutPage(l, rows, l.placeOfRecord)
	jobs, err := a.adminJobs(e.App, rows)
	if err != nil {
		return err
	}
	total, err := l.total(e.App.RecordQuery("jobs").AndWhere(where))
	if err != nil {
		return err
	}
	return ok(e, cursorPage[adminJob]{page: envelope(l, jobs, total), Next: next})
}

// deadLetter is a job that failed after its last retry and of which nobody has made a new one.
const deadLetter = `dead_letter = TRUE AND NOT EXISTS (SELECT 1 FROM jobs retries WHERE retries.retry_of != '' AND retries.retry_of = jobs.id)`

func adminJobFilters(v url.Values) []dbx.Expression {
	search := v.Get("search")
	v.Del("search")                                      // ours looks at e-mail addresses, too
	filters := append(jobFilters(v), dbx.NewExp("TRUE")) // a list of none cannot be joined
	for name, column := range map[string]string{"user": "user_id", "agent": "agent_id"} {
		if v.Has(name) {
			filters = append(filters, dbx.HashExp{column: v.Get(name)})
		}
	}
	if v.Has("dead_letter") {
		condition := deadLetter
		if !isTrue(v.Get("dead_letter")) {
			condition = "NOT (" + deadLetter + ")"
		}
		filters = append(filters, dbx.NewExp(condition))
	}
	if search != "" {
		owners := dbx.NewExp(`user_id IN (SELECT id FROM users WHERE INSTR(LOWER(email), LOWER({:searched})) > 0)`, dbx.Params{"searched": search})
		filters = append(filters, dbx.Or(contains("name", search), contains("infohash", search), owners))
	}
	return filters
}

// adminJobs adds what others than the job's row know.
func (a *API) adminJobs(app core.App, rows []*core.Record) ([]adminJob, error) {
	emails, err := namesOf(app, "users", "email", column(rows, "user_id"))
	if err != nil {
		return nil, err
	}
	agents, err := namesOf(app, "agents", "name", column(rows, "agent_id"))
	if err != nil {
		return nil, err
	}
	jobs := make([]adminJob, len(rows))
	for i, row := range rows {
		jobs[i] = adminJob{
			Job: a.Board.Job(row), UserEmail: emails[row.GetString("user_id")], AgentName: agents[row.GetString("agent_id")],
			Priority: row.GetInt64("priority"), Retries: row.GetInt64("retries"), DeadLetter: row.GetBool("dead_letter"), RetryOf: row.GetString("retry_of"),
		}
		if v, stands := a.Board.Verdict(row.Id); stands {
			jobs[i].Verdict = &v
		}
	}
	return jobs, nil
}

func column(rows []*core.Record, name string) []any {
	values := make([]any, len(rows))
	for i, row := range rows {
		values[i] = row.GetString(name)
	}
	return values
}

// namesOf answers one column of the records with these ids, by id.
func namesOf(app core.App, table, column string, ids []any) (map[string]string, error) {
	var rows []struct {
		ID   string `db:"id"`
		Name string `db:"name"`
	}
	err := app.DB().Select("id", column+" AS name").From(table).Where(dbx.In("id", ids...)).All(&rows)
	names := map[string]string{}
	for _, row := range rows {
		names[row.ID] = row.Name
	}
	return names, err
}

// answerAdminJob answers what an admin made of a job.
func (a *API) answerAdminJob(e *core.RequestEvent, status int, job *core.Record, err error) error {
	if err != nil {
		return asInvalidInput(err)
	}
	jobs, err := a.adminJobs(e.App, []*core.Record{job})
	if err != nil {
		return err
	}
	return e.JSON(status, jobs[0])
}

func (a *API) prioritiseJob(e *core.RequestEvent) error {
	var in wire.PrioritiseJobJSONBody
	if err := readBody(e, &in); err != nil {
		return err
	}
	job, err := hooks.ChangeJobAs(acts(e), e.App, e.Request.PathValue("id"), func(_ core.App, job *core.Record) error {
		job.Set("priority", in.Priority)
		return nil
	})
	return a.answerAdminJob(e, http.StatusOK, job, err)
}

func (a *API) terminateJob(e *core.RequestEvent) error {
	var in wire.TerminateJobJSONBody
	if err := readBody(e, &in); err != nil {
		return err
	}
	reason := ""
	if in.Reason != nil {
		reason = *in.Reason
	}
	id := e.Request.PathValue("id")
	job, err := hooks.Terminate(acts(e), e.App, id, reason)
	if collections.CodeOf(err) == collections.CodeIllegalTransition {
		now, findErr := e.App.FindRecordById("jobs", id)
		if findErr == nil && now.GetString("error_code") == string(collections.CodeTerminated) {
			job, err = now, nil
		}
	}
	return a.answerAdminJob(e, http.StatusOK, job, err)
}

func (a *API) requeueJob(e *core.RequestEvent) error {
	job, err := dispatch.RetryJob(acts(e), e.App, e.Request.PathValue("id"))
	return a.answerAdminJob(e, http.StatusCreated, job, err)
}
