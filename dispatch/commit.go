package dispatch

import (
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

func randomKey() string { return security.RandomStringWithAlphabet(keyRandom, keyAlphabet) }

// commitLoop writes checked objects, as many at once as have come while the last transaction ran.
func (f *finisher) commitLoop() {
	for {
		select {
		case <-f.d.ctx.Done():
			return
		case first := <-f.ready:
			f.commit(f.gather(first))
		}
	}
}

func (f *finisher) gather(first finished) []finished {
	batch := []finished{first}
	for len(batch) < finishBatch {
		select {
		case more := <-f.ready:
			batch = append(batch, more)
		default:
			return batch
		}
	}
	return batch
}

// storedFile is a file that became complete.
type storedFile struct {
	ID    string `db:"id"`
	JobID string `db:"job_id"`
	Owner string `db:"user_id"`
	Index int    `db:"file_index"`
}

// commit makes objects stored and files complete, and then jobs completed that have nothing left to store.
func (f *finisher) commit(batch []finished) {
	var files map[string][]storedFile
	err := hooks.InTransaction(f.d.App, func(tx core.App) (err error) {
		files, err = f.write(tx, batch)
		return err
	})
	if err != nil {
		f.d.Logger.Error("stored objects could not be recorded; they are checked again", "error", err)
		f.again(batch)
		return
	}
	for jobID, stored := range files {
		f.tellGoesOn(stored[0].Owner, jobID)
		if f.d.mayComplete(jobID) {
			f.d.completeIfStored(jobID)
		}
		f.d.Board.FilesChanged(stored[0].Owner, jobID, fileIDs(stored))
	}
}

// again puts a batch back whose transaction failed.
func (f *finisher) again(batch []finished) {
	for _, done := range batch {
		id := done.uploadID
		if id == "" {
			id = done.objectID
		}
		f.mu.Lock()
		f.pending[id] = &finishing{id: id, empty: done.uploadID == "", tries: 1, after: time.Now().Add(time.Second)}
		f.mu.Unlock()
	}
}

func (f *finisher) write(tx core.App, batch []finished) (map[string][]storedFile, error) {
	files := map[string][]storedFile{}
	for _, done := range batch {
		stored, err := f.writeObject(tx, &done)
		if err != nil {
			return nil, err
		}
		for _, file := range stored {
			files[file.JobID] = append(files[file.JobID], file)
		}
	}
	for jobID, stored := range files {
		indexes := make([]int, len(stored))
		for i, file := range stored {
			indexes[i] = file.Index
		}
		if err := hooks.AddEvent(tx, jobID, collections.EventFile, map[string]any{"files": indexes}); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// writeObject names the object in its row, unless the row is deleting by now: then the sweeper removes both.
func (f *finisher) writeObject(tx core.App, done *finished) ([]storedFile, error) {
	params := dbx.Params{"id": done.objectID, "key": done.info.Key, "etag": done.info.ETag, "size": done.info.Size, "store": f.d.Store.Kind(), "now": now()}
	n, err := exec(tx, `UPDATE objects SET state = 'stored', key = {:key}, etag = {:etag}, store = {:store}, updated_at = {:now}
		WHERE id = {:id} AND state = 'uploading' AND size_bytes = {:size}`, params)
	if err != nil || n == 0 {
		return nil, err
	}
	if done.uploadID != "" {
		if err := forgetUpload(tx, done.uploadID); err != nil {
			return nil, err
		}
	}
	return all[storedFile](tx, `UPDATE files SET is_complete = TRUE, revision = revision + 1, updated_at = {:now}
		WHERE object_id = {:id} AND is_complete = FALSE RETURNING id, job_id, user_id, file_index`, params)
}

func fileIDs(files []storedFile) []string {
	out := make([]string, len(files))
	for i, file := range files {
		out[i] = file.ID
	}
	return out
}

// completeUploading completes a job that is uploading and has all its selected files; errStale for others.
func completeUploading(app core.App, jobID string) error {
	_, err := hooks.ChangeJob(app, jobID, func(tx core.App, job *core.Record) error {
		if job.GetString("status") != string(collections.StatusUploading) {
			return errStale
		}
		open, err := hasOpenFiles(tx, jobID)
		if err != nil {
			return err
		}
		if open {
			return errStale
		}
		complete(job)
		return nil
	})
	return err
}

// mayComplete spares a look at the files of a job that is known to be still downloading.
func (d *Dispatcher) mayComplete(jobID string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.leases[jobID]
	return l == nil || l.status == collections.StatusUploading
}

func (d *Dispatcher) completeIfStored(jobID string) {
	if err := completeUploading(d.App, jobID); err != nil && !isOver(err) {
		d.Logger.Error("a job could not be completed", "job", jobID, "error", err)
	}
}

// completeUploaded finds jobs that a crash kept from being completed.
func (d *Dispatcher) completeUploaded() error {
	jobs, err := all[idRow](d.App, `SELECT id FROM jobs WHERE status = 'uploading'
		AND NOT EXISTS (SELECT 1 FROM files WHERE job_id = jobs.id AND selected = TRUE AND is_complete = FALSE)`, nil)
	for _, job := range jobs {
		d.completeIfStored(job.ID)
	}
	return err
}
