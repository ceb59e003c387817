package dispatch_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/storage"
)

// faulty is a store of which single calls fail as a test says; all else is the real one.
type faulty struct {
	*storage.Local
	down     atomic.Bool
	deletes  atomic.Int64
	complete func(key, uploadID string, parts []storage.Part) // before the real call
}

var errDown = errors.New("the store is down")

func (f *faulty) Complete(ctx context.Context, key, uploadID string, parts []storage.Part) (storage.Info, error) {
	if f.complete != nil {
		f.complete(key, uploadID, parts)
	}
	if f.down.Load() {
		return storage.Info{}, errDown
	}
	return f.Local.Complete(ctx, key, uploadID, parts)
}

func (f *faulty) Head(ctx context.Context, key string) (storage.Info, error) {
	if f.down.Load() {
		return storage.Info{}, errDown
	}
	return f.Local.Head(ctx, key)
}

func (f *faulty) Delete(ctx context.Context, key string) error {
	f.deletes.Add(1)
	if f.down.Load() {
		return errDown
	}
	return f.Local.Delete(ctx, key)
}

func newFaultyRig(t *testing.T) (*rig, *faulty) {
	f := &faulty{}
	return newRigWith(t, time.Hour, func(s storage.Store) storage.Store {
		f.Local = s.(*storage.Local)
		return f
	}), f
}

func TestTheStoreComesBack(t *testing.T) {
	r, store := newFaultyRig(t)
	store.down.Store(true)
	a := r.newAgent(false)
	a.report()
	job := r.addTorrent(r.user, metainfo(t, "t", testFile{"a", 1000}), nil)
	start := a.started(1)
	a.report(in(collections.AgentUploading, start, a.upload(start, 0, 1000)...))
	r.until("the job says what it waits for", func() bool {
		v, _ := r.board.Verdict(job.Id)
		return v.Code == collections.CodeUploadFailed
	})
	store.down.Store(false)
	r.untilStatus(job.Id, collections.StatusCompleted)
	r.until("the verdict is gone", func() bool { _, stands := r.board.Verdict(job.Id); return !stands })
}

func TestACrashBeforeTheObjectIsOnRecordLosesNothing(t *testing.T) {
	r, store := newFaultyRig(t)
	store.down.Store(true)
	a := r.newAgent(false)
	a.report()
	const size = 20 << 20
	job := r.addTorrent(r.user, metainfo(t, "t", testFile{"small", 1000}, testFile{"large", size}, testFile{"empty", 0}), nil)
	start := a.started(1)
	a.report(in(collections.AgentUploading, start, append(a.upload(start, 0, 1000), a.upload(start, 1, size)...)...))
	store.down.Store(false)
	r.restart() // all parts are on record, nobody tells of them again
	r.untilStatus(job.Id, collections.StatusCompleted)
	if !bytes.Equal(r.content(job.Id, 1), body(1, size)) {
		t.Fatal("the file differs")
	}
	r.mustFold(job.Id)
}

func TestPartsThatTheStoreDoesNotHaveAreAskedForAgain(t *testing.T) {
	const size = 20 << 20
	for name, spoil := range map[string]func(r *rig, key, uploadID string, parts []storage.Part){
		"a part differs": func(r *rig, _, _ string, parts []storage.Part) {
			parts[1].ETag = `"0123456789abcdef0123456789abcdef"`
			_, err := r.app.NonconcurrentDB().Update("upload_parts", dbx.Params{"etag": parts[1].ETag}, dbx.HashExp{"number": 2}).Execute()
			r.must(err)
		},
		"the store lost the upload": func(r *rig, key, uploadID string, _ []storage.Part) {
			r.must(r.store.Abort(context.Background(), key, uploadID))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, store := newFaultyRig(t)
			var once sync.Once
			store.complete = func(key, uploadID string, parts []storage.Part) {
				once.Do(func() { spoil(r, key, uploadID, parts) })
			}
			a := r.newAgent(false)
			a.report()
			job := r.addTorrent(r.user, metainfo(t, "t", testFile{"a", size}), nil)
			start := a.started(1)
			stored := a.report(in(collections.AgentUploading, start, a.upload(start, 0, size)...)).Jobs[0].Stored // of a quick finisher
			r.until("the agent is told what is stored", func() bool {
				if stored == nil {
					stored = a.report(in(collections.AgentUploading, start)).Jobs[0].Stored
				}
				return stored != nil
			})
			kept := map[int]bool{}
			for _, p := range stored.Parts {
				for _, n := range p.Numbers {
					kept[n] = true
				}
			}
			if len(stored.Files) != 0 || kept[2] {
				t.Fatalf("got %+v", stored)
			}
			var again []collections.PartDone
			for n := 1; n <= 3; n++ {
				if kept[n] {
					continue
				}
				offset, length := collections.PartRange(size, collections.PartSize(size), n)
				url := a.urls(start, false, collections.PartRef{File: 0, Number: n})[0]
				again = append(again, a.put(url, body(0, size)[offset:offset+length]))
			}
			a.report(in(collections.AgentUploading, start, again...))
			r.untilStatus(job.Id, collections.StatusCompleted)
			if !bytes.Equal(r.content(job.Id, 0), body(0, size)) {
				t.Fatal("the file differs")
			}
		})
	}
}

func TestAWholeFileThatIsNotInTheStoreIsAskedForAgain(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	job := r.addTorrent(r.user, metainfo(t, "t", testFile{"a", 1000}), nil)
	start := a.started(1)
	url := a.urls(start, false, collections.PartRef{File: 0, Number: 1})[0]
	reply := a.report(in(collections.AgentUploading, start, collections.PartDone{Number: 1, Size: 1000, ETag: `"x"`, Key: url.Key})) // never PUT
	r.until("the agent is told that nothing is stored", func() bool {
		if stored := reply.Jobs[0].Stored; stored != nil && len(stored.Files)+len(stored.Parts) == 0 {
			return true // a quick finisher has told it with the first answer
		}
		reply = a.report(in(collections.AgentUploading, start))
		return false
	})
	a.report(in(collections.AgentUploading, start, a.upload(start, 0, 1000)...))
	r.untilStatus(job.Id, collections.StatusCompleted)
}

func TestAJobThatIsStoredAlreadyNeedsNoAgent(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	job := r.addTorrent(r.user, metainfo(t, "t", testFile{"a", 1000}), nil)
	start := a.started(1)
	a.report(downloading(start, a.upload(start, 0, 1000)...))
	r.untilComplete(job.Id, 0)
	_, err := hooks.Pause(t.Context(), r.app, job.Id)
	r.must(err)
	a.stopped(1)
	_, err = hooks.Resume(t.Context(), r.app, job.Id)
	r.must(err)
	r.untilStatus(job.Id, collections.StatusCompleted)
	if got := r.find("jobs", job.Id).GetInt("attempt"); got != 1 {
		t.Fatalf("attempt %d", got)
	}
}

func TestACrashBetweenTheLastFileAndTheJobsEndIsHealed(t *testing.T) {
	r := newSweepingRig(t)
	a := r.newAgent(false)
	a.report()
	job := r.addTorrent(r.user, metainfo(t, "t", testFile{"a", 1000}), nil)
	start := a.started(1)
	a.report(downloading(start, a.upload(start, 0, 1000)...))
	r.untilComplete(job.Id, 0)
	r.Stop()
	_, err := hooks.ChangeJob(r.app, job.Id, status(collections.StatusUploading)) // what a report committed just before the crash
	r.must(err)
	r.start()
	r.untilStatus(job.Id, collections.StatusCompleted)
}

func TestTheSweepRemovesWhatNoRowNames(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	ctx := context.Background()
	job := r.addTorrent(r.user, metainfo(t, "t", testFile{"a", 1000}, testFile{"b", 20 << 20}), nil)
	start := a.started(1)
	a.report(downloading(start, a.upload(start, 0, 1000)...))
	r.untilComplete(job.Id, 0)
	a.urls(start, false, collections.PartRef{File: 1, Number: 1})
	_, err := r.store.Put(ctx, "objects/orphan/1-a", []byte("x"), storage.Meta{})
	r.must(err)
	_, err = r.store.CreateUpload(ctx, "objects/orphan/1-b", 20<<20, 8<<20, storage.Meta{})
	r.must(err)
	if result, err := r.RunSweep(ctx); err != nil || result.Deleted+result.Aborted != 0 {
		t.Fatalf("young ones: %+v, %v", result, err)
	}
	r.clock.Advance(2 * time.Hour)
	result, err := r.RunSweep(ctx)
	if err != nil || result.Deleted != 1 || result.Aborted != 1 {
		t.Fatalf("got %+v, %v", result, err)
	}
	if !bytes.Equal(r.content(job.Id, 0), body(0, 1000)) {
		t.Fatal("a stored file was swept")
	}
}

func TestUploadsOfALongPauseAreGivenUp(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	const size = 20 << 20
	job := r.addTorrent(r.user, metainfo(t, "t", testFile{"a", size}), nil)
	start := a.started(1)
	a.report(downloading(start, a.upload(start, 0, size)[:2]...))
	_, err := hooks.Pause(t.Context(), r.app, job.Id)
	r.must(err)
	r.clock.Advance(6*24*time.Hour + time.Hour)
	_, err = r.RunSweep(context.Background())
	r.must(err)
	if row := r.find("jobs", job.Id); row.GetString("error") == "" || row.GetString("status") != "paused" {
		t.Fatalf("got %v", row.PublicExport())
	}
	open := 0
	r.must(r.store.ListUploads(context.Background(), func(storage.Unfinished) error { open++; return nil }))
	if n, _ := r.app.CountRecords("upload_parts"); n != 0 || open != 0 {
		t.Fatalf("%d parts on record, %d uploads at the store", n, open)
	}
}

func TestAPartThatComesAnewWhileItsUploadIsCompleted(t *testing.T) {
	r, store := newFaultyRig(t)
	a := r.newAgent(false)
	a.report()
	const size = 20 << 20
	job := r.addTorrent(r.user, metainfo(t, "t", testFile{"a", size}), nil)
	start := a.started(1)
	_, length := collections.PartRange(size, collections.PartSize(size), 1)
	url := a.urls(start, false, collections.PartRef{File: 0, Number: 1})[0]
	bad := a.put(url, make([]byte, length))
	parts := a.upload(start, 0, size)
	var once sync.Once
	store.complete = func(string, string, []storage.Part) {
		once.Do(func() { a.report(in(collections.AgentUploading, start, a.put(url, body(0, size)[:length]))) })
	}
	a.report(in(collections.AgentUploading, start, bad, parts[1], parts[2])) // part 1 is not on record as the store has it
	r.untilStatus(job.Id, collections.StatusCompleted)
	if !bytes.Equal(r.content(job.Id, 0), body(0, size)) {
		t.Fatal("the file differs")
	}
}

func TestAStoreThatRefusesIsLeftAloneUntilTheNextSweep(t *testing.T) {
	r, store := newFaultyRig(t)
	_, err := r.app.NonconcurrentDB().NewQuery(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
		INSERT INTO objects (id, torrent_id, file_index, scope, key, state) SELECT 'o' || i, 't', i, 's', 'objects/o' || i || '/1-a', 'deleting' FROM n`).Execute()
	r.must(err)
	store.down.Store(true)
	if _, err := r.RunSweep(context.Background()); !errors.Is(err, errDown) || store.deletes.Load() > 200 { // the start looks once too
		t.Fatalf("%d objects were tried: %v", store.deletes.Load(), err)
	}
	store.down.Store(false)
	_, err = r.RunSweep(context.Background())
	r.must(err)
	if n, err := r.app.CountRecords("objects"); n != 0 || err != nil {
		t.Fatalf("%d objects are left, %v", n, err)
	}
}
