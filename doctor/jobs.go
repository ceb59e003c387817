package doctor

import (
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/longshore-project/longshore/collections"
)

// query names each row of two columns, an id and a detail.
func (x *examination) query(found func(Violation), sql string, params dbx.Params) error {
	rows, err := x.app.ConcurrentDB().NewQuery(sql).WithContext(x).Bind(params).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var v Violation
		if err := rows.Scan(&v.ID, &v.Detail); err != nil {
			return err
		}
		found(v)
	}
	return rows.Err()
}

func (x *examination) queries(found func(Violation), params dbx.Params, sql ...string) error {
	for _, q := range sql {
		if err := x.query(found, q, params); err != nil {
			return err
		}
	}
	return nil
}

func jobsExist(x *examination, found func(Violation)) (string, error) {
	return "", x.queries(found, nil,
		`SELECT MIN(id), COUNT(*) || ' jobs of user ' || user_id || ' have one idempotency key' FROM jobs
			WHERE idempotency_key != '' GROUP BY user_id, idempotency_key HAVING COUNT(*) > 1`,
		`SELECT MIN(id), COUNT(*) || ' live jobs of user ' || user_id || ' have infohash ' || infohash FROM jobs
			WHERE status NOT IN ('completed', 'failed', 'cancelled') GROUP BY user_id, infohash HAVING COUNT(*) > 1`,
		`SELECT job_id, 'has ' || COUNT(*) || ' events but no row' FROM job_events
			WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.id = job_events.job_id)
			AND NOT EXISTS (SELECT 1 FROM removals WHERE removals.job_id = job_events.job_id) GROUP BY job_id`,
		`SELECT job_id, 'has ' || COUNT(*) || ' files but no row' FROM files
			WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.id = files.job_id)
			AND NOT EXISTS (SELECT 1 FROM removals WHERE removals.job_id = files.job_id) GROUP BY job_id`)
}

// leaseSlack is how late a sweep may be on a busy machine.
const leaseSlack = 10 * time.Second

func leasesAreFresh(x *examination, found func(Violation)) (string, error) {
	oldest := x.opts.Now().Add(-collections.LeaseGrace - collections.LeaseSweep - leaseSlack)
	return "", x.queries(found, dbx.Params{"oldest": stamp(oldest)},
		`SELECT id, status || ' on agent ' || agent_id || ', whose lease ended at ' || lease_until FROM jobs
			WHERE status IN ('fetching_metadata', 'downloading', 'uploading')
			AND CASE lease_until WHEN '' THEN updated_at ELSE lease_until END < {:oldest}`,
		`SELECT id, 'is ' || status || ' and waits for job ' || waits_for || ', which makes nothing' FROM jobs
			WHERE waits_for != '' AND (status != 'queued' OR NOT EXISTS
			(SELECT 1 FROM jobs runner WHERE runner.id = jobs.waits_for AND runner.status IN ('downloading', 'uploading')))`)
}

func stamp(t time.Time) string { return t.UTC().Format(types.DefaultDateLayout) }

func edgesAreLegal(x *examination, found func(Violation)) (string, error) {
	return x.tell(2, found)
}

func attemptsGrow(x *examination, found func(Violation)) (string, error) {
	return x.tell(4, found)
}

func eventsFold(x *examination, found func(Violation)) (string, error) {
	return x.tell(6, found)
}

// tell repeats what the reading of all events found out about one invariant.
func (x *examination) tell(number int, found func(Violation)) (string, error) {
	if x.jobs == nil {
		h := &history{broken: map[int][]Violation{}}
		if err := h.read(x); err != nil {
			return "", fmt.Errorf("read the events: %w", err)
		}
		x.jobs = h
	}
	for _, v := range x.jobs.broken[number] {
		found(v)
	}
	return "", nil
}
