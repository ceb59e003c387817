package storage_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/longshore-project/longshore/storage"
)

// knowsAll is a database that names everything, and remembers the largest question.
type knowsAll struct{ most *int }

func (k knowsAll) KnownKeys(_ context.Context, ids []string) (map[string]bool, error) {
	known := map[string]bool{}
	for _, id := range ids {
		known[id] = true
	}
	if k.most != nil {
		*k.most = max(*k.most, len(ids))
	}
	return known, nil
}

func (k knowsAll) KnownUploads(ctx context.Context, ids []string) (map[string]bool, error) {
	return k.KnownKeys(ctx, ids)
}

func TestSweepAsksInBatches(t *testing.T) {
	l := newLocal(t, nil)
	const many = 1001
	for i := range many {
		mustLink(t, l, fmt.Sprintf("objects/%d", i))
	}
	most := 0
	got, err := storage.Sweep(t.Context(), l, knowsAll{&most}, time.Now().Add(2*time.Hour), time.Hour)
	if err != nil || got.Objects != many || got.Deleted != 0 || most != 500 {
		t.Fatalf("%+v, %v, at most %d at once", got, err, most)
	}
}

// brokenList is a store whose listing fails in the middle.
type brokenList struct{ storage.Store }

var errBroken = errors.New("the listing broke")

func (b brokenList) ListUploads(ctx context.Context, fn func(storage.Unfinished) error) error {
	return errors.Join(b.Store.ListUploads(ctx, fn), errBroken)
}

func TestSweepRemovesNothingAfterABrokenListing(t *testing.T) {
	l := newLocal(t, nil)
	mustLink(t, l, "objects/orphan")
	got, err := storage.Sweep(t.Context(), brokenList{l}, nobody{}, time.Now().Add(2*time.Hour), time.Hour)
	if !errors.Is(err, errBroken) || got.Deleted != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := l.Head(t.Context(), "objects/orphan"); err != nil {
		t.Fatal(err)
	}
}

type nobody struct{}

func (nobody) KnownKeys(context.Context, []string) (map[string]bool, error)    { return nil, nil }
func (nobody) KnownUploads(context.Context, []string) (map[string]bool, error) { return nil, nil }
