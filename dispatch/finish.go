package dispatch

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/progress"
	"github.com/longshore-project/longshore/storage"
)

const (
	finishWorkers  = 8
	finishBatch    = 100 // objects that become stored in one transaction
	finishPatience = 2 * time.Minute
	finishRetryMax = time.Minute
)

// finisher makes objects of uploads whose parts are all on record: it completes them at the store, checks them there, and
// writes many in one transaction. It holds nothing that a crash could lose.
type finisher struct {
	d     *Dispatcher
	wake  chan struct{}
	ready chan finished

	mu      sync.Mutex
	pending map[string]*finishing // by upload row, or by object for one without bytes
	running int
	waiting map[string]bool // jobs whose verdict says that they wait for the store
}

type finishing struct {
	id      string
	empty   bool // the id is of an object of 0 bytes
	tries   int
	after   time.Time
	working bool
	again   bool // it was added while it was worked on
}

// finished is an object in the store that no row names yet.
type finished struct {
	objectID, uploadID string // rows
	info               storage.Info
}

func newFinisher(d *Dispatcher) *finisher {
	return &finisher{d: d, wake: make(chan struct{}, 1), ready: make(chan finished, finishBatch), pending: map[string]*finishing{}, waiting: map[string]bool{}}
}

// add takes uploads whose parts are all recorded.
func (f *finisher) add(uploads ...string) { f.enqueue(false, uploads) }

func (f *finisher) enqueue(empty bool, ids []string) {
	f.mu.Lock()
	for _, id := range ids {
		if item := f.pending[id]; item != nil {
			item.again = item.working
		} else {
			f.pending[id] = &finishing{id: id, empty: empty}
		}
	}
	f.mu.Unlock()
	poke(f.wake)
}

type idRow struct {
	ID string `db:"id"`
}

func ids(rows []idRow) []string {
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = r.ID
	}
	return out
}

// resume takes up what an earlier process left.
func (f *finisher) resume() error {
	whole, err := all[idRow](f.d.App, `SELECT u.id FROM uploads u JOIN objects o ON o.id = u.object_id WHERE o.state = 'uploading' AND u.part_size > 0
		AND (SELECT COUNT(*) FROM upload_parts p WHERE p.upload = u.id) = (u.size_bytes + u.part_size - 1) / u.part_size`, nil)
	if err != nil {
		return err
	}
	empty, err := all[idRow](f.d.App, `SELECT DISTINCT o.id FROM objects o JOIN files f ON f.object_id = o.id JOIN jobs j ON j.id = f.job_id
		WHERE o.state = 'uploading' AND o.size_bytes = 0 AND j.status IN ('downloading', 'uploading')`, nil)
	if err != nil {
		return err
	}
	f.add(ids(whole)...)
	f.enqueue(true, ids(empty))
	return nil
}

// putEmpty makes the job's objects of 0 bytes: no agent has anything to upload for them.
func (f *finisher) putEmpty(jobID string) error {
	empty, err := all[idRow](f.d.App, `SELECT o.id FROM objects o JOIN files f ON f.object_id = o.id
		WHERE f.job_id = {:job} AND f.size_bytes = 0 AND o.state = 'uploading'`, dbx.Params{"job": jobID})
	if err == nil {
		f.enqueue(true, ids(empty))
	}
	return err
}

func (f *finisher) loop() {
	f.d.work.Go(f.commitLoop)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-f.d.ctx.Done():
			return
		case <-f.wake:
		case <-timer.C:
		}
		for next := f.next(); next != nil; next = f.next() {
			f.d.work.Go(func() { f.work(next) })
		}
		timer.Reset(time.Second)
	}
}

// next picks something due while a worker is free.
func (f *finisher) next() *finishing {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.running >= finishWorkers {
		return nil
	}
	for _, item := range f.pending {
		if !item.working && !item.after.After(time.Now()) {
			item.working = true
			f.running++
			return item
		}
	}
	return nil
}

func (f *finisher) work(item *finishing) {
	ctx, cancel := context.WithTimeout(f.d.ctx, finishPatience)
	defer cancel()
	err := f.finish(ctx, item)
	f.mu.Lock()
	f.running--
	item.working = false
	switch {
	case err == nil && !item.again:
		delete(f.pending, item.id)
	case err == nil:
		item.again = false
	default:
		item.after = time.Now().Add(min(finishRetryMax, time.Second<<min(item.tries, 10)))
		item.tries++
	}
	f.mu.Unlock()
	if err != nil && f.d.ctx.Err() == nil {
		f.d.Logger.Warn("an object could not be finished yet", "upload", item.id, "tries", item.tries, "error", err)
		f.tellWaiting(item)
	}
	poke(f.wake)
}

// finish answers nil when the item needs no more work.
func (f *finisher) finish(ctx context.Context, item *finishing) error {
	if item.empty {
		return f.finishEmpty(ctx, item.id)
	}
	u, err := f.d.App.FindRecordById("uploads", item.id)
	if isNoRows(err) {
		return nil
	}
	if err != nil {
		return err
	}
	parts, err := recordedParts(f.d.App, item.id)
	if err != nil {
		return err
	}
	if len(parts) < collections.PartCount(u.GetInt64("size_bytes"), u.GetInt64("part_size")) {
		return nil // some were forgotten: it is added again when they have come anew
	}
	info, err := f.check(ctx, u, parts)
	switch {
	case err == nil:
		return f.deliver(ctx, finished{objectID: u.GetString("object_id"), uploadID: u.Id, info: info})
	case errors.Is(err, storage.ErrInvalidPart):
		return f.forgetDiffering(ctx, u, parts)
	case errors.Is(err, storage.ErrNoUpload), errors.Is(err, storage.ErrNotFound), errors.Is(err, errDiffers):
		return f.forget(u)
	}
	return err
}

var errDiffers = errors.New("dispatch: the store has other bytes than were recorded")

// check completes the upload if it has parts, and compares what the store then has with the record.
func (f *finisher) check(ctx context.Context, u *core.Record, parts []storage.Part) (storage.Info, error) {
	key, etag := u.GetString("key"), parts[0].ETag // "" of a link: only the size is known
	if id := u.GetString("upload_id"); id != "" {
		done, err := f.d.Store.Complete(ctx, key, id, parts)
		if err != nil {
			return done, err
		}
		etag = done.ETag
	}
	info, err := f.d.Store.Head(ctx, key)
	if err != nil {
		return info, err
	}
	if info.Size != u.GetInt64("size_bytes") || etag != "" && !storage.SameETag(info.ETag, etag) {
		return info, errDiffers
	}
	info.Key = key
	return info, nil
}

func (f *finisher) finishEmpty(ctx context.Context, objectID string) error {
	row, err := one[struct {
		State string `db:"state"`
		Path  string `db:"path"`
	}](f.d.App, `SELECT o.state, f.path FROM objects o JOIN files f ON f.object_id = o.id WHERE o.id = {:id}`, dbx.Params{"id": objectID})
	if isNoRows(err) || err == nil && row.State != string(collections.ObjectUploading) {
		return nil
	}
	if err != nil {
		return err
	}
	t := target{Path: row.Path, Mime: collections.MimeType(row.Path)}
	key := keyPrefix(objectID, 0) + randomKey()
	info, err := f.d.Store.Put(ctx, key, nil, t.meta())
	if err != nil {
		return err
	}
	info.Key = key
	return f.deliver(ctx, finished{objectID: objectID, info: info})
}

func (f *finisher) deliver(ctx context.Context, done finished) error {
	select {
	case f.ready <- done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func recordedParts(app core.App, upload string) ([]storage.Part, error) {
	rows, err := all[struct {
		Number int    `db:"number"`
		Size   int64  `db:"size_bytes"`
		ETag   string `db:"etag"`
	}](app, `SELECT number, size_bytes, etag FROM upload_parts WHERE upload = {:upload} ORDER BY number`, dbx.Params{"upload": upload})
	parts := make([]storage.Part, len(rows))
	for i, r := range rows {
		parts[i] = storage.Part(r)
	}
	return parts, err
}

// tellWaiting notes on the board that a job's files wait for the store.
func (f *finisher) tellWaiting(item *finishing) {
	objectID := item.id
	if !item.empty {
		u, err := f.d.App.FindRecordById("uploads", item.id)
		if err != nil {
			return
		}
		objectID = u.GetString("object_id")
	}
	jobs, err := jobsOf(f.d.App, objectID)
	if err != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, job := range jobs {
		f.waiting[job.ID] = true
		f.d.Board.SetVerdict(job.Owner, job.ID, progress.Verdict{Code: collections.CodeUploadFailed, Message: "The object store does not answer; trying again."})
	}
}

// tellGoesOn takes the note back.
func (f *finisher) tellGoesOn(owner, jobID string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.waiting[jobID] {
		delete(f.waiting, jobID)
		f.d.Board.SetVerdict(owner, jobID, noVerdict)
	}
}
