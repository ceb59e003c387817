package api

import (
	"encoding/json"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/progress"
)

type jobEvent struct {
	ID        string                `json:"id"`
	JobID     string                `json:"job_id"`
	Seq       int64                 `json:"seq"`
	EventType collections.EventType `json:"event_type"`
	Payload   json.RawMessage       `json:"payload"`
	CreatedAt string                `json:"created_at"`
}

func (a *API) listJobEvents(e *core.RequestEvent) error {
	job, err := findJob(e)
	if err != nil {
		return err
	}
	query := e.Request.URL.Query()
	list := page[jobEvent]{Page: intOr(query.Get("page"), 1), PerPage: intOr(query.Get("perPage"), defaultPerPage), TotalItems: -1, TotalPages: -1}
	if list.Items, err = findEvents(e.App, job.Id, list.PerPage, (list.Page-1)*list.PerPage); err != nil {
		return err
	}
	if !isTrue(query.Get("skipTotal")) {
		err = e.App.DB().Select("COUNT(*)").From("job_events").Where(dbx.HashExp{"job_id": job.Id}).Row(&list.TotalItems)
		list.TotalPages = pages(list.TotalItems, list.PerPage)
	}
	if err != nil {
		return err
	}
	return ok(e, list)
}

// findEvents answers events of a job, newest first.
func findEvents(app core.App, jobID string, limit, offset int) ([]jobEvent, error) {
	var rows []struct {
		ID        string         `db:"id"`
		Seq       int64          `db:"seq"`
		EventType string         `db:"event_type"`
		Payload   types.JSONRaw  `db:"payload"`
		CreatedAt types.DateTime `db:"created_at"`
	}
	err := app.DB().Select("id", "seq", "event_type", "payload", "created_at").From("job_events").
		Where(dbx.HashExp{"job_id": jobID}).OrderBy("seq DESC").Limit(int64(limit)).Offset(int64(offset)).All(&rows)
	events := make([]jobEvent, len(rows))
	for i, r := range rows {
		events[i] = jobEvent{
			ID: r.ID, JobID: jobID, Seq: r.Seq, EventType: collections.EventType(r.EventType), CreatedAt: progress.Timestamp(r.CreatedAt),
			Payload: json.RawMessage(r.Payload),
		}
	}
	return events, err
}
