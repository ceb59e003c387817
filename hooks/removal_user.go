package hooks

import (
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// beginUserRemoval does the first step in the transaction that deletes the user.
func beginUserRemoval(tx core.App, userID string) error {
	r := removal{ID: core.GenerateDefaultRandomId(), UserID: userID, After: -1}
	more, err := r.stepUser(tx)
	if err != nil || !more {
		return err
	}
	return execAll(tx, r.params(), `INSERT INTO removals (id, user_id, after_index) VALUES ({:id}, {:user}, {:after})`)
}

const (
	removedAtOnce = 50
	removingTime  = 15 * time.Millisecond // after which a step ends: others wait as long
)

// stepUser deletes jobs as a person would, live ones first, so that agents stop and objects go; then what is left of links. More
// says that there may be others.
func (r *removal) stepUser(tx core.App) (more bool, err error) {
	begun := time.Now()
	jobs, err := r.nextJobs(tx)
	if err != nil {
		return false, err
	}
	for i, job := range jobs {
		if i > 0 && time.Since(begun) > removingTime {
			return true, nil
		}
		if err := tx.Delete(job); err != nil {
			return false, err
		}
	}
	if len(jobs) > 0 {
		return true, nil
	}
	result, err := tx.NonconcurrentDB().NewQuery(`DELETE FROM link_grants WHERE rowid IN (SELECT rowid FROM link_grants WHERE user_id = {:user} LIMIT {:limit})`).
		Bind(r.params()).Execute()
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

func (r *removal) nextJobs(tx core.App) (jobs []*core.Record, err error) {
	for _, status := range []dbx.Expression{dbx.NewExp("status NOT IN ('completed', 'failed', 'cancelled')"), nil} {
		query := tx.RecordQuery("jobs").AndWhere(dbx.HashExp{"user_id": r.UserID}).Limit(removedAtOnce)
		if status != nil {
			query.AndWhere(status)
		}
		if err = query.All(&jobs); err != nil || len(jobs) > 0 {
			return jobs, err
		}
	}
	return nil, nil
}
