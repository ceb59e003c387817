package api

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/progress"
)

// usageRoutes tell what a user has used of the plan.
func (a *API) usageRoutes() []route {
	return []route{
		{"GET", "/usage", user, small, "", a.getUsage},
		{"GET", "/usage/history", user, small, "", a.listUsage},
	}
}

// usage is in bytes; a limit that is null is none.
type usage struct {
	Plan           planLimits        `json:"plan"`
	PlanExpiresAt  *string           `json:"plan_expires_at"`
	StorageUsed    int64             `json:"storage_used"`
	StorageLimit   collections.Limit `json:"storage_limit"`
	BandwidthUsed  int64             `json:"bandwidth_used"`
	BandwidthLimit collections.Limit `json:"bandwidth_limit"`
	JobsActive     int64             `json:"jobs_active"`
	JobsLimit      collections.Limit `json:"jobs_limit"`
	PeriodStart    string            `json:"period_start"`
	PeriodEnd      string            `json:"period_end"`
}

func (a *API) getUsage(e *core.RequestEvent) error {
	now := a.Now()
	assigned, err := hooks.AssignmentAt(e.App, e.Auth.Id, now)
	if err != nil {
		return err
	}
	used, err := hooks.UsageOf(e.App, e.Auth.Id)
	if err != nil {
		return err
	}
	served, err := hooks.BandwidthUsed(e.App, e.Auth.Id, now)
	if err != nil {
		return err
	}
	begin, end := hooks.Month(now)
	plan := assigned.Plan
	u := usage{
		Plan: limitsOf(plan), StorageUsed: used.StorageUsed, StorageLimit: plan.StorageBytes(), BandwidthUsed: served, BandwidthLimit: plan.BandwidthBytes(),
		JobsActive: used.JobsActive, JobsLimit: plan.MaxJobs, PeriodStart: progress.FormatTime(begin), PeriodEnd: progress.FormatTime(end),
	}
	if !assigned.Expires.IsZero() {
		at := progress.Timestamp(assigned.Expires)
		u.PlanExpiresAt = &at
	}
	return ok(e, u)
}

const defaultHistoryDays = 30

type usageDay struct {
	Date       string `json:"date"`
	Downloaded int64  `json:"bytes_downloaded"`
	Uploaded   int64  `json:"bytes_uploaded"`
	Served     int64  `json:"bytes_served"`
	Jobs       int64  `json:"jobs_count"`
}

func (a *API) listUsage(e *core.RequestEvent) error {
	days := intOr(e.Request.URL.Query().Get("days"), defaultHistoryDays)
	rows, err := hooks.MetricsOf(e.App, e.Auth.Id, a.Now(), days)
	if err != nil {
		return err
	}
	list := page[usageDay]{Page: 1, PerPage: days, TotalItems: days, TotalPages: 1, Items: make([]usageDay, len(rows))}
	for i, row := range rows {
		list.Items[i] = usageDay{row.Date, row.Downloaded, row.Uploaded, row.Served, row.Jobs}
	}
	return ok(e, list)
}
