package hooks

import (
	"context"
	"log/slog"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
)

// noteStatus holds what a save of a job inside tx means for the JobStatus moment. It is called for every save, with the
// status that the row had before.
func noteStatus(tx core.App, job *core.Record, from collections.Status) {
	m := MomentsOf(tx)
	if m.JobStatus.Length() == 0 {
		return
	}
	revision, to := job.GetInt64("revision"), collections.Status(job.GetString("status"))
	m.after.settle(job.Id, revision, tx.TxInfo())
	if from == to {
		return
	}
	event := &JobStatusEvent{App: m.app, Job: job.Clone(), From: from, To: to}
	m.hold(tx, job.Id, revision, func() { m.failed("JobStatus", job.Id, m.JobStatus.Trigger(event)) })
}

// hold has something told after the commit of tx.
func (m *Moments) hold(tx core.App, jobID string, revision int64, tell func()) {
	info := tx.TxInfo()
	held, ok := m.after.hold(jobID, revision, info, tell)
	if !ok {
		m.lost(jobID)
		return
	}
	info.OnComplete(func(err error) error {
		m.after.resolve(held, err == nil)
		return nil
	})
}

// FilesCompleted tells the FileComplete moment of files of a job that became complete, after the commit when app is in a
// transaction, else at once. What is not complete by then is not told.
func FilesCompleted(app core.App, jobID string, fileIDs []string) {
	m := MomentsOf(app)
	if m.FileComplete.Length() == 0 || len(fileIDs) == 0 {
		return
	}
	tell := func() { m.failed("FileComplete", jobID, m.tellFiles(jobID, fileIDs)) }
	if app.IsTransactional() {
		m.hold(app, jobID, 0, tell)
	} else if !m.after.add(jobID, tell) {
		m.lost(jobID)
	}
}

// tellFiles tells of those files that are complete and still there.
func (m *Moments) tellFiles(jobID string, ids []string) error {
	job, err := m.app.FindRecordById("jobs", jobID)
	if err != nil {
		return err
	}
	for len(ids) > 0 {
		n := min(len(ids), collections.FileRowsPerTx)
		files, err := m.files(ids[:n])
		if err != nil {
			return err
		}
		for _, file := range files {
			event := &FileCompleteEvent{App: m.app, Job: job, File: file}
			m.failed("FileComplete", jobID, m.FileComplete.Trigger(event))
		}
		ids = ids[n:]
	}
	return nil
}

func (m *Moments) files(ids []string) ([]MomentFile, error) {
	in := make([]any, len(ids))
	for i, id := range ids {
		in[i] = id
	}
	var files []MomentFile
	err := m.app.DB().Select("id", "path", "size_bytes").From("files").Where(dbx.HashExp{"id": in, "is_complete": true}).OrderBy("file_index").All(&files)
	return files, err
}

func (m *Moments) failed(moment, jobID string, err error) {
	if err != nil {
		slog.Error("a moment was told with an error", "moment", moment, "job", jobID, "error", err)
	}
}

func (m *Moments) lost(jobID string) {
	m.after.mu.Lock()
	n := m.after.dropped
	m.after.mu.Unlock()
	if n%1000 == 1 {
		slog.Error("too many moments wait for the scripts: some are not told", "job", jobID, "not_told", n, "waiting", maxAfter)
	}
}

// Drain waits until all moments after commits are told, or ctx ends. It answers how many were not.
func (m *Moments) Drain(ctx context.Context) int { return m.after.drain(ctx) }
