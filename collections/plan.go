package collections

import (
	"encoding/json"
	"regexp"
)

// Limit is a quota: a number of what its name says, or NoLimit. In JSON no limit is null.
type Limit int64

// NoLimit is stored as -1: a column left at 0 allows nothing.
const NoLimit Limit = -1

// MaxPlanLimit is the largest limit a plan may have: in bytes it still is an int64.
const MaxPlanLimit Limit = 1_000_000_000

// Allows says whether n is within the limit.
func (l Limit) Allows(n int64) bool { return l == NoLimit || n <= int64(l) }

// Times answers the limit in a smaller unit, of which one of this has n.
func (l Limit) Times(n int64) Limit {
	if l == NoLimit {
		return NoLimit
	}
	return l * Limit(n)
}

// MarshalJSON writes null for no limit.
func (l Limit) MarshalJSON() ([]byte, error) {
	if l == NoLimit {
		return []byte("null"), nil
	}
	return json.Marshal(int64(l))
}

// UnmarshalJSON reads null as no limit.
func (l *Limit) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*l = NoLimit
		return nil
	}
	return json.Unmarshal(b, (*int64)(l))
}

// PlanName names a plan.
type PlanName string

// PlanNamePattern is the shape of a plan's name.
const PlanNamePattern = `^[a-z0-9][a-z0-9_-]{0,63}$`

var planName = regexp.MustCompile(PlanNamePattern)

// Valid says whether a plan may have this name.
func (n PlanName) Valid() bool { return planName.MatchString(string(n)) }

// The seeded plans. Free is that of everybody who has no other.
const (
	PlanFree      PlanName = "free"
	PlanPro       PlanName = "pro"
	PlanUnlimited PlanName = "unlimited"
)

// Units of a plan's limits in bytes.
const (
	BytesPerGB = 1_000_000_000
	BytesPerMB = 1_000_000
)

// Plan is what its users may have.
type Plan struct {
	ID              string   `db:"id"`
	Name            PlanName `db:"name"`
	MaxJobs         Limit    `db:"max_jobs"`         // non-terminal at once
	MaxStorageGB    Limit    `db:"max_storage_gb"`   // kept and reserved
	MaxFileSizeMB   Limit    `db:"max_file_size_mb"` // of a selected file
	BandwidthGB     Limit    `db:"bandwidth_gb"`     // bytes out per UTC month
	RetentionDays   Limit    `db:"retention_days"`   // from a job's completion
	Slots           Limit    `db:"slots"`            // jobs of a user that run at once
	MetadataMinutes Limit    `db:"metadata_minutes"` // a job without metadata then fails
	StallMinutes    Limit    `db:"stall_minutes"`    // a job without new bytes then fails
	Priority        int64    `db:"priority"`         // of its users' jobs; higher runs first
}

// StorageBytes, FileBytes and BandwidthBytes are limits in bytes.
func (p Plan) StorageBytes() Limit { return p.MaxStorageGB.Times(BytesPerGB) }

// FileBytes limits the size of one file.
func (p Plan) FileBytes() Limit { return p.MaxFileSizeMB.Times(BytesPerMB) }

// BandwidthBytes limits the bytes out per UTC month.
func (p Plan) BandwidthBytes() Limit { return p.BandwidthGB.Times(BytesPerGB) }

// PlanLimits lists the columns of a plan that are limits.
func PlanLimits() []string {
	return []string{"max_jobs", "max_storage_gb", "max_file_size_mb", "bandwidth_gb", "retention_days", "slots", "metadata_minutes", "stall_minutes"}
}

// Columns answers the plan's row without its id.
func (p Plan) Columns() map[string]any {
	return map[string]any{
		"name": string(p.Name), "max_jobs": int64(p.MaxJobs), "max_storage_gb": int64(p.MaxStorageGB), "max_file_size_mb": int64(p.MaxFileSizeMB),
		"bandwidth_gb": int64(p.BandwidthGB), "retention_days": int64(p.RetentionDays), "slots": int64(p.Slots),
		"metadata_minutes": int64(p.MetadataMinutes), "stall_minutes": int64(p.StallMinutes), "priority": p.Priority,
	}
}

// SeededPlans are the plans of a new installation. The operator may change them and add others.
func SeededPlans() []Plan {
	return []Plan{
		{Name: PlanFree, MaxJobs: 5, MaxStorageGB: 20, MaxFileSizeMB: 10_000, BandwidthGB: 200, RetentionDays: 30, Slots: 2, MetadataMinutes: 60, StallMinutes: 24 * 60},
		{Name: PlanPro, MaxJobs: 25, MaxStorageGB: 500, MaxFileSizeMB: 100_000, BandwidthGB: 5000, RetentionDays: 365, Slots: 8, MetadataMinutes: 12 * 60, StallMinutes: 7 * 24 * 60, Priority: 10},
		{
			Name: PlanUnlimited, MaxJobs: NoLimit, MaxStorageGB: NoLimit, MaxFileSizeMB: NoLimit, BandwidthGB: NoLimit, RetentionDays: NoLimit,
			Slots: NoLimit, MetadataMinutes: NoLimit, StallMinutes: NoLimit, Priority: 10,
		},
	}
}
