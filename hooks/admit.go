package hooks

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
)

// Wants is what a job asks for, as far as it is known: Known says whether the sizes are.
type Wants struct {
	Known       bool
	SizeBytes   int64 // of the selected files
	LargestFile int64 // of the selected ones
	Infohash    collections.Infohash
	InfohashV2  string
}

// AdmitJob judges a new job of its user inside the transaction that stores it, before it is saved: the user's address,
// blocklist, then quotas. It sets what the job reserves. email_unverified, infohash_blocked, quota_jobs, quota_file_size, quota_storage. A job with
// wait_for_quota is admitted without a reservation when only its storage does not fit.
func AdmitJob(tx core.App, job *core.Record, w Wants) error {
	if err := refuseGone(tx, job.GetString("user_id")); err != nil {
		return err
	}
	if err := refuseUnverified(tx, job.GetString("user_id")); err != nil {
		return err
	}
	if err := refuseBlocked(tx, w); err != nil {
		return err
	}
	plan, err := planOfJob(tx, job)
	if err != nil {
		return err
	}
	if err := reserveJob(tx, job, plan); err != nil {
		return err
	}
	err = reserveStorage(tx, job, w, plan)
	if collections.CodeOf(err) == collections.CodeQuotaStorage && job.GetBool("wait_for_quota") {
		err = nil
	}
	if err == nil {
		job.SetRaw(admissionKey, admission{})
	}
	return err
}

// AdmitMetadata judges a job whose metadata became known, inside ChangeJob and before anything is fetched. The codes
// are those of AdmitJob without quota_jobs. Again for a job that waited: it answers quota_storage while there is no room.
func AdmitMetadata(tx core.App, job *core.Record, w Wants) error {
	if err := refuseBlocked(tx, w); err != nil {
		return err
	}
	plan, err := planOfJob(tx, job)
	if err != nil {
		return err
	}
	return reserveStorage(tx, job, w, plan)
}
