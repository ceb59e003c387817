package api

import (
	"database/sql"
	"errors"
	"net/http"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/progress"
)

// adminPlanRoutes are those of the plans that users may have.
func (a *API) adminPlanRoutes() []route {
	return []route{
		{"GET", "/admin/plans", admin, small, "", a.listPlans},
		{"POST", "/admin/plans", admin, small, "plan.create", a.createPlan},
		{"PATCH", "/admin/plans/{id}", admin, small, "plan.update", a.updatePlan},
		{"DELETE", "/admin/plans/{id}", admin, small, "plan.delete", a.deletePlan},
	}
}

// planLimits are a plan's name and limits as everybody may see them; null is no limit.
type planLimits struct {
	Name            collections.PlanName `json:"name"`
	MaxJobs         collections.Limit    `json:"max_jobs"`
	MaxStorageGB    collections.Limit    `json:"max_storage_gb"`
	MaxFileSizeMB   collections.Limit    `json:"max_file_size_mb"`
	BandwidthGB     collections.Limit    `json:"bandwidth_gb"`
	RetentionDays   collections.Limit    `json:"retention_days"`
	Slots           collections.Limit    `json:"slots"`
	MetadataMinutes collections.Limit    `json:"metadata_minutes"`
	StallMinutes    collections.Limit    `json:"stall_minutes"`
	Priority        int64                `json:"priority"`
}

func limitsOf(p collections.Plan) planLimits {
	return planLimits{p.Name, p.MaxJobs, p.MaxStorageGB, p.MaxFileSizeMB, p.BandwidthGB, p.RetentionDays, p.Slots, p.MetadataMinutes, p.StallMinutes, p.Priority}
}

type plan struct {
	ID string `json:"id"`
	planLimits
	Users     int64  `json:"users"` // who have it now; everybody else has free
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
}

func (a *API) listPlans(e *core.RequestEvent) error {
	records, err := e.App.FindAllRecords("plans")
	if err != nil {
		return err
	}
	list := page[plan]{Page: 1, PerPage: len(records), TotalItems: len(records), TotalPages: 1, Items: make([]plan, len(records))}
	for i, record := range records {
		if list.Items[i], err = a.planOf(e.App, record); err != nil {
			return err
		}
	}
	return ok(e, list)
}

func (a *API) planOf(app core.App, r *core.Record) (plan, error) {
	limit := func(name string) collections.Limit { return collections.Limit(r.GetInt64(name)) }
	users, err := hooks.PlanUsers(app, r.Id)
	return plan{
		ID: r.Id, Users: users, CreatedAt: progress.Timestamp(r.GetDateTime("created_at")), UpdatedAt: progress.Timestamp(r.GetDateTime("updated_at")),
		planLimits: planLimits{
			collections.PlanName(r.GetString("name")), limit("max_jobs"), limit("max_storage_gb"), limit("max_file_size_mb"), limit("bandwidth_gb"),
			limit("retention_days"), limit("slots"), limit("metadata_minutes"), limit("stall_minutes"), r.GetInt64("priority"),
		},
	}, err
}

func (a *API) createPlan(e *core.RequestEvent) error {
	plans, err := e.App.FindCachedCollectionByNameOrId("plans")
	if err != nil {
		return err
	}
	return a.savePlan(e, core.NewRecord(plans), http.StatusCreated)
}

func (a *API) updatePlan(e *core.RequestEvent) error {
	record, err := findPlan(e)
	if err != nil {
		return err
	}
	return a.savePlan(e, record, http.StatusOK)
}

// savePlan sets what the body names. openapi.yaml has judged its values already.
func (a *API) savePlan(e *core.RequestEvent, record *core.Record, status int) error {
	var in map[string]any
	if err := readBody(e, &in); err != nil {
		return err
	}
	for _, name := range collections.PlanLimits() {
		if value, there := in[name]; there && value == nil {
			in[name] = int64(collections.NoLimit)
		}
	}
	record.IgnoreUnchangedFields(!record.IsNew())
	record.Load(in)
	if err := e.App.SaveWithContext(acts(e), record); err != nil {
		return asInvalidInput(err)
	}
	answer, err := a.planOf(e.App, record)
	if err != nil {
		return err
	}
	return e.JSON(status, answer)
}

func (a *API) deletePlan(e *core.RequestEvent) error {
	record, err := findPlan(e)
	if err != nil {
		return err
	}
	if err := e.App.DeleteWithContext(acts(e), record); err != nil {
		return err
	}
	return e.NoContent(http.StatusNoContent)
}

// findPlan answers the plan that the path names, by its name or its id.
func findPlan(e *core.RequestEvent) (*core.Record, error) {
	named := e.Request.PathValue("id")
	record, err := e.App.FindFirstRecordByFilter("plans", "name = {:named} || id = {:named}", dbx.Params{"named": named})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, collections.Errorf(collections.CodeNotFound, "There is no such plan.")
	}
	return record, err
}
