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

// commit makes objects stored and files complete, of all jobs that share them, and then jobs completed that have nothing left
// to store.
func (f *finisher) commit(batch []finished) {
	for len(batch) > 0 {
		var w written
		err := hooks.InTransaction(f.d.App, func(tx core.App) (err error) {
			w, err = f.write(tx, batch)
			return err
		})
		if err != nil {
			f.d.Logger.Error("stored objects could not be recorded; they are checked again", "error", err)
			f.again(batch)
			return
		}
		f.tell(w.files)
		f.drop(w.spare)
		batch = batch[w.objects:]
	}
}

// written is what one transaction made of a batch.
type written struct {
	objects int                     // of the batch
	files   map[string][]storedFile // by job
	spare   []string                // keys that no row is to name: the object was stored twice, or is gone
}

// drop removes what is of no use from the store. What it cannot remove the sweeper does.
func (f *finisher) drop(keys []string) {
	for _, key := range keys {
		if err := f.d.Store.Delete(f.d.ctx, key); err != nil && f.d.ctx.Err() == nil {
			f.d.Logger.Warn("a spare object could not be removed; the sweeper will", "key", key, "error", err)
		}
	}
}

func (f *finisher) tell(files map[string][]storedFile) {
	for jobID, stored := range files {
		hooks.FilesCompleted(f.d.App, jobID, fileIDs(stored))
		f.tellGoesOn(stored[0].Owner, jobID)
		if f.d.mayComplete(jobID) {
			f.d.completeIfStored(jobID)
		}
		f.d.Board.FilesChanged(stored[0].Owner, jobID, fileIDs(stored))
	}
	poke(f.d.wake) // whoever waited for these may have its turn
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

// write records the first objects of the batch: as many as leave the transaction short, however many jobs share them.
func (f *finisher) write(tx core.App, batch []finished) (written, error) {
	w := written{files: map[string][]storedFile{}}
	for rows := 0; w.objects < len(batch) && rows < collections.FileRowsPerTx; w.objects++ {
		done := &batch[w.objects]
		stored, named, err := f.writeObject(tx, done)
		if err != nil {
			return w, err
		}
		if !named {
			w.spare = append(w.spare, done.info.Key)
		}
		for _, file := range stored {
			w.files[file.JobID] = append(w.files[file.JobID], file)
		}
		rows += len(stored)
	}
	for jobID, stored := range w.files {
		if err := tellStored(tx, jobID, stored); err != nil {
			return w, err
		}
	}
	return w, nil
}

// tellStored writes what a job's newly complete files mean for it: an event, and perhaps the end of its waiting.
func tellStored(tx core.App, jobID string, files []storedFile) error {
	if err := addFileEvent(tx, jobID, files); err != nil {
		return err
	}
	return hooks.FreeWaiting(tx, jobID)
}

// writeObject names the object in its row, unless that has another by now or is deleting: false when no row names the key.
func (f *finisher) writeObject(tx core.App, done *finished) (files []storedFile, named bool, err error) {
	params := dbx.Params{"id": done.objectID, "key": done.info.Key, "etag": done.info.ETag, "size": done.info.Size, "store": f.d.Store.Kind(), "now": now()}
	n, err := exec(tx, `UPDATE objects SET state = 'stored', key = {:key}, etag = {:etag}, store = {:store}, updated_at = {:now}
		WHERE id = {:id} AND state = 'uploading' AND size_bytes = {:size}`, params)
	if err != nil {
		return nil, false, err
	}
	if n == 0 {
		same, err := tx.CountRecords("objects", dbx.HashExp{"id": done.objectID, "key": done.info.Key})
		return nil, same > 0, err
	}
	if err := forgetUploadOf(tx, done.objectID); err != nil {
		return nil, true, err
	}
	files, err = all[storedFile](tx, `UPDATE files SET is_complete = TRUE, revision = revision + 1, updated_at = {:now}
		WHERE object_id = {:id} AND is_complete = FALSE RETURNING id, job_id, user_id, file_index`, params)
	return files, true, err
}

func fileIDs(files []storedFile) []string {
	out := make([]string, len(files))
	for i, file := range files {
		out[i] = file.ID
	}
	return out
}

// completeStored completes a job that has all its selected files, if it has nothing else to do: it is uploading, or
// queued. errStale for others.
func completeStored(app core.App, jobID string) error {
	_, err := hooks.ChangeJob(app, jobID, func(tx core.App, job *core.Record) error {
		whole, err := isStored(tx, job)
		if err != nil {
			return err
		}
		if !whole {
			return errStale
		}
		complete(job)
		return nil
	})
	return err
}

func isStored(tx core.App, job *core.Record) (bool, error) {
	switch collections.Status(job.GetString("status")) {
	case collections.StatusUploading:
	case collections.StatusQueued:
		if known, err := filesAreKnown(tx, job); !known || err != nil {
			return false, err
		}
	default:
		return false, nil
	}
	open, err := hasOpenFiles(tx, job.Id)
	return !open, err
}

// filesAreKnown says whether a queued job has all its rows of files, and the person has chosen among them.
func filesAreKnown(tx core.App, job *core.Record) (bool, error) {
	if job.GetString("torrent_id") == "" || job.GetBool("select_files") {
		return false, nil
	}
	row, err := one[struct {
		Known bool `db:"known"`
	}](tx, `SELECT (SELECT COUNT(*) FROM files WHERE job_id = {:job}) = file_count AS known FROM torrents WHERE id = {:torrent}`,
		dbx.Params{"job": job.Id, "torrent": job.GetString("torrent_id")})
	return row.Known, err
}

// mayComplete spares a look at the files of a job that is known to be still downloading.
func (d *Dispatcher) mayComplete(jobID string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.leases[jobID]
	return l == nil || l.status == collections.StatusUploading
}

func (d *Dispatcher) completeIfStored(jobID string) {
	if open, err := hasOpenFiles(d.App, jobID); open && err == nil {
		return
	}
	if err := completeStored(d.App, jobID); err != nil && !isOver(err) {
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
