package hooks

import "github.com/pocketbase/pocketbase/core"

// ChangeJob makes every change of a job's state. In one transaction it loads the
// row, lets fn set fields on it (status, desired, attempt, lease, error …), checks the edge
// against the table (illegal_transition), raises the revision, saves the
// record once with only the changed columns and writes the event. fn may write other records through tx but must not save job
// itself, must not touch the outer app and must make no network call. An error of fn rolls all back and comes back as it is.
// It answers the record as committed. not_found when there is no such job.
func ChangeJob(app core.App, id string, fn func(tx core.App, job *core.Record) error) (*core.Record, error) {
	panic("unwritten")
}
