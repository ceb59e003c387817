package hooks

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
)

// Usage is what a user has now.
type Usage struct {
	JobsActive  int64 `db:"jobs_active"`  // non-terminal
	StorageUsed int64 `db:"storage_used"` // bytes kept and reserved: the sum of what jobs count
}

// UsageOf answers what a user has. It is one row, which triggers keep (pb_migrations/usage_totals.go).
func UsageOf(app core.App, userID string) (Usage, error) {
	var u Usage
	err := app.DB().NewQuery(`SELECT jobs_active, storage_used FROM usage_totals WHERE user_id = {:user}`).Bind(dbx.Params{"user": userID}).One(&u)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return u, err
}

// reserveJob answers quota_jobs when the user has as many jobs as the plan allows.
func reserveJob(tx core.App, job *core.Record, plan collections.Plan) error {
	if plan.MaxJobs == collections.NoLimit {
		return nil
	}
	usage, err := UsageOf(tx, job.GetString("user_id"))
	if err != nil || plan.MaxJobs.Allows(usage.JobsActive+1) {
		return err
	}
	return quota(collections.CodeQuotaJobs, fmt.Sprintf("Your plan %s allows %s at once.", plan.Name, jobsInWords(plan.MaxJobs)), int64(plan.MaxJobs), usage.JobsActive+1)
}

func jobsInWords(n collections.Limit) string {
	if n == 1 {
		return "1 job"
	}
	return fmt.Sprintf("%d jobs", n)
}

// reserveStorage makes the job count the bytes that it wants, or answers quota_file_size or quota_storage and leaves
// what it counts alone. A retry counts from then on what the job counted that it tries again.
func reserveStorage(tx core.App, job *core.Record, w Wants, plan collections.Plan) error {
	if !w.Known || job.GetBool("select_files") { // judged when they are chosen
		return nil
	}
	if limit := plan.FileBytes(); !limit.Allows(w.LargestFile) {
		return quota(collections.CodeQuotaFileSize, fmt.Sprintf("The largest file has %s; your plan %s allows %s.",
			BytesInWords(w.LargestFile), plan.Name, BytesInWords(int64(limit))), int64(limit), w.LargestFile)
	}
	if err := judgeStorage(tx, job, w, plan); err != nil {
		return err
	}
	job.Set("reserved_bytes", w.SizeBytes)
	return yieldTo(tx, job)
}

// judgeStorage answers quota_storage when the job does not fit beside what its user's other jobs count.
func judgeStorage(tx core.App, job *core.Record, w Wants, plan collections.Plan) error {
	if plan.StorageBytes() == collections.NoLimit {
		return nil
	}
	usage, err := UsageOf(tx, job.GetString("user_id"))
	if err != nil {
		return err
	}
	own, err := countedAlready(tx, job)
	if err != nil {
		return err
	}
	return Room{plan, usage.StorageUsed - own}.Judge(w.SizeBytes)
}

// Room is what a user's plan leaves for one more job.
type Room struct {
	Plan collections.Plan
	Used int64 // bytes that other jobs count
}

// RoomOf answers a user's room for another job.
func RoomOf(app core.App, userID string) (Room, error) {
	plan, err := PlanOf(app, userID)
	if err != nil || plan.StorageBytes() == collections.NoLimit {
		return Room{Plan: plan}, err
	}
	usage, err := UsageOf(app, userID)
	return Room{plan, usage.StorageUsed}, err
}

// Judge answers quota_storage when a job of that size does not fit. What needs nothing always does.
func (r Room) Judge(bytes int64) error {
	limit := r.Plan.StorageBytes()
	if bytes == 0 || limit.Allows(r.Used+bytes) {
		return nil
	}
	return quota(collections.CodeQuotaStorage, fmt.Sprintf("This needs %s; of the %s of your plan %s, %s are left.",
		BytesInWords(bytes), BytesInWords(int64(limit)), r.Plan.Name, BytesInWords(max(0, int64(limit)-r.Used))), int64(limit), r.Used+bytes)
}

func quota(code collections.Code, message string, limit, needed int64) error {
	return &collections.Error{Code: code, Message: message, Data: map[string]any{"limit": limit, "needed": needed}}
}

// IsQuota says whether err is of a limit of the user's plan.
func IsQuota(err error) bool {
	switch collections.CodeOf(err) {
	case collections.CodeQuotaJobs, collections.CodeQuotaStorage, collections.CodeQuotaFileSize, collections.CodeQuotaBandwidth:
		return err != nil
	}
	return false
}

// BytesInWords writes an amount in the decimal units of plans, rounded down.
func BytesInWords(n int64) string {
	units := []string{"bytes", "kB", "MB", "GB", "TB", "PB", "EB"}
	unit, whole, rest := 0, n, int64(0)
	for whole >= 1000 && unit < len(units)-1 {
		whole, rest = whole/1000, whole%1000
		unit++
	}
	if unit == 0 || whole >= 100 || rest < 100 {
		return fmt.Sprintf("%d %s", whole, units[unit])
	}
	return fmt.Sprintf("%d.%d %s", whole, rest/100, units[unit])
}

// AwaitsStorage says whether the job stands in the queue without the storage it needs, because its owner asked for
// that. WithStorage is the same for SQL, the other way round.
func AwaitsStorage(job *core.Record) bool {
	return job.GetBool("wait_for_quota") && Unreserved(job)
}

// WithStorage is an SQL condition on rows of jobs: those that do not wait for storage.
const WithStorage = `NOT (wait_for_quota = TRUE AND reserved_bytes = 0 AND size_bytes > 0 AND torrent_id != '' AND select_files = FALSE)`

// Unreserved says whether the sizes of what the job wants are known and it counts nothing of them yet.
func Unreserved(job *core.Record) bool {
	return job.GetInt64("reserved_bytes") == 0 && job.GetInt64("size_bytes") > 0 && job.GetString("torrent_id") != "" && !job.GetBool("select_files")
}

func planOfJob(tx core.App, job *core.Record) (collections.Plan, error) {
	return PlanOf(tx, job.GetString("user_id"))
}
