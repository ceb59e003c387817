package hooks

import (
	"cmp"
	"slices"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
)

// namedPerMail is how many jobs a warning names; it counts the others.
const namedPerMail = 50

// warn tells the owner, in one mail, of the jobs that are to be warned of by now or within a day, and answers how many.
func (k *keeper) warn() (warned int, err error) {
	due, err := k.jobs(`warned_at = '' AND completed_at <= {:warn}`)
	if err != nil || len(due) == 0 {
		return 0, err
	}
	err = InTransaction(k.app, func(tx core.App) error {
		var jobs []keptJob
		err := tx.NonconcurrentDB().NewQuery(`UPDATE jobs SET warned_at = {:now}, revision = revision + 1 WHERE user_id = {:user} AND ` + keptJobs +
			` AND warned_at = '' AND completed_at <= {:soon} RETURNING id, name, completed_at, warned_at`).Bind(k.params()).All(&jobs)
		if err != nil || len(jobs) == 0 {
			return err
		}
		warned = len(jobs)
		return QueueMail(tx, k.owner, collections.MailLeaving, "", k.letter(jobs))
	})
	return warned, err
}

// letter is what the mail says: the first jobs to leave, by name.
func (k *keeper) letter(jobs []keptJob) collections.LeavingMail {
	slices.SortFunc(jobs, func(a, b keptJob) int { return cmp.Or(a.Ended.Compare(b.Ended), cmp.Compare(a.ID, b.ID)) })
	named := jobs[:min(len(jobs), namedPerMail)]
	mail := collections.LeavingMail{Jobs: make([]collections.LeavingJob, len(named)), More: len(jobs) - len(named)}
	for i, job := range named {
		leaves, _ := k.Expiry(job.Ended.Time(), job.Warned.Time(), k.now)
		mail.Jobs[i] = collections.LeavingJob{JobID: job.ID, Name: job.Name, LeavesAt: leaves.UTC().Format(time.RFC3339)}
	}
	return mail
}
