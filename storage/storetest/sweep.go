package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/longshore-project/longshore/storage"
)

// rows is what a database would know.
type rows struct {
	names map[string]bool
	err   error
}

func (r rows) KnownKeys(_ context.Context, keys []string) (map[string]bool, error) {
	return r.names, r.err
}

func (r rows) KnownUploads(_ context.Context, ids []string) (map[string]bool, error) {
	return r.names, r.err
}

var sweepTests = map[string]func(*testing.T, *bench){
	"a sweep removes what no row names and nothing else": func(t *testing.T, b *bench) {
		kept, orphan := b.put(t, newBytes(10)), b.put(t, newBytes(20))
		needed, idle := b.begin(t, 10), b.begin(t, 10)
		b.sendAll(t, idle)
		foreign := "another/" + newKey()
		if _, err := b.Put(b.ctx, foreign, newBytes(1), storage.Meta{}); err != nil {
			t.Fatal(err)
		}
		known := rows{names: map[string]bool{kept.Key: true, needed.id: true}}
		got, err := storage.Sweep(b.ctx, b.Store, known, time.Now().Add(2*time.Hour), time.Hour)
		want := storage.SweepResult{Objects: 2, Uploads: 2, Deleted: 1, DeletedBytes: 20, Aborted: 1}
		if err != nil || got != want {
			t.Fatalf("%+v, %v; want %+v", got, err, want)
		}
		if left := b.keys(t, ""); len(left) != 2 || left[kept.Key].Size != 10 || left[foreign].Size != 1 {
			t.Errorf("left %v; orphan was %s", left, orphan.Key)
		}
		if left := b.uploads(t); len(left) != 1 || left[needed.id].Key != needed.key {
			t.Errorf("left %v", left)
		}
	},
	"a sweep spares what is young": func(t *testing.T, b *bench) {
		b.put(t, newBytes(10))
		b.begin(t, 10)
		got, err := storage.Sweep(b.ctx, b.Store, rows{}, time.Now(), time.Hour)
		if want := (storage.SweepResult{Objects: 1, Uploads: 1}); err != nil || got != want {
			t.Fatalf("%+v, %v; want %+v", got, err, want)
		}
	},
	"a sweep that cannot ask removes nothing": func(t *testing.T, b *bench) {
		info, u := b.put(t, newBytes(10)), b.begin(t, 10)
		lost := errors.New("no database")
		if _, err := storage.Sweep(b.ctx, b.Store, rows{err: lost}, time.Now().Add(2*time.Hour), time.Hour); !errors.Is(err, lost) {
			t.Fatalf("Sweep: %v", err)
		}
		if _, err := b.Head(b.ctx, info.Key); err != nil {
			t.Error(err)
		}
		if _, err := b.ListParts(b.ctx, u.key, u.id); err != nil {
			t.Error(err)
		}
	},
}
