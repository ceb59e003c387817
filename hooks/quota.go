package hooks

import (
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
)

// Usage is what a user has now.
type Usage struct {
	JobsActive  int64 `db:"jobs_active"`  // non-terminal
	StorageUsed int64 `db:"storage_used"` // bytes kept and reserved
}

// UsageOf answers what a user has.
func UsageOf(app core.App, userID string) (Usage, error) {
	var u Usage
	err := app.DB().NewQuery(`SELECT COUNT(CASE WHEN status NOT IN ('completed', 'failed', 'cancelled') THEN 1 END) AS jobs_active,
		COALESCE(SUM(reserved_bytes), 0) AS storage_used FROM jobs WHERE user_id = {:user}`).Bind(dbx.Params{"user": userID}).One(&u)
	return u, err
}

// reserveJob answers quota_jobs when the user has as many jobs as the plan allows.
func reserveJob(tx core.App, job *core.Record) error {
	plan, err := PlanOf(tx, job.GetString("user_id"))
	if err != nil {
		return err
	}
	usage, err := UsageOf(tx, job.GetString("user_id"))
	if err != nil || plan.MaxJobs.Allows(usage.JobsActive+1) {
		return err
	}
	return quota(collections.CodeQuotaJobs, fmt.Sprintf("Your plan %s allows %d jobs at once.", plan.Name, plan.MaxJobs), int64(plan.MaxJobs), usage.JobsActive)
}

// reserveStorage sets the job's reserved_bytes, or answers quota_file_size or quota_storage.
func reserveStorage(tx core.App, job *core.Record, w Wants) error {
	if !w.Known {
		return nil
	}
	plan, err := PlanOf(tx, job.GetString("user_id"))
	if err != nil {
		return err
	}
	if limit := plan.FileBytes(); !limit.Allows(w.LargestFile) {
		return quota(collections.CodeQuotaFileSize, fmt.Sprintf("A file may have at most %d MB with your plan %s.", plan.MaxFileSizeMB, plan.Name), int64(limit), w.LargestFile)
	}
	usage, err := UsageOf(tx, job.GetString("user_id"))
	if err != nil {
		return err
	}
	before := int64(0)
	if !job.IsNew() {
		before = job.Original().GetInt64("reserved_bytes")
	}
	limit := plan.StorageBytes()
	if need := usage.StorageUsed - before + w.SizeBytes; !limit.Allows(need) {
		return quota(collections.CodeQuotaStorage, fmt.Sprintf("This needs more storage than your plan %s has left.", plan.Name), int64(limit), need)
	}
	job.Set("reserved_bytes", w.SizeBytes)
	return nil
}

func quota(code collections.Code, message string, limit, needed int64) error {
	return &collections.Error{Code: code, Message: message, Data: map[string]any{"limit": limit, "needed": needed}}
}
