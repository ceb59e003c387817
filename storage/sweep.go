package storage

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// SweepAge is the usual olderThan of Sweep: what is younger may be about to get its row.
const SweepAge = time.Hour

const sweepBatch = 500

// Known answers which keys and upload ids rows still name; it is asked in batches of at most
// 500. A batch that it cannot answer ends the sweep.
type Known interface {
	KnownKeys(ctx context.Context, keys []string) (map[string]bool, error)
	KnownUploads(ctx context.Context, uploadIDs []string) (map[string]bool, error)
}

// SweepResult counts what a sweep saw and did.
type SweepResult struct {
	Objects      int   // seen
	Uploads      int   // seen, unfinished
	Deleted      int   // objects that no row names
	DeletedBytes int64 // of them
	Aborted      int   // uploads that no row needs
}

// Sweep removes objects that no row names and aborts unfinished uploads that no row needs,
// where both are older than olderThan by the store's clock, below KeyPrefix only. It
// removes nothing unless the whole listing succeeded; a failed removal does not stop the others.
func Sweep(ctx context.Context, store Store, known Known, now time.Time, olderThan time.Duration) (SweepResult, error) {
	s := sweep{store: store, known: known, cutoff: now.Add(-olderThan)}
	if err := s.find(ctx); err != nil {
		return s.result, fmt.Errorf("storage: nothing swept: %w", err)
	}
	err := errors.Join(s.abort(ctx), s.remove(ctx))
	if t, ok := store.(tidier); ok {
		err = errors.Join(err, t.tidy(ctx, now, s.cutoff))
	}
	return s.result, err
}

// tidier has more to remove than it lists.
type tidier interface {
	tidy(ctx context.Context, now, cutoff time.Time) error
}

type sweep struct {
	store   Store
	known   Known
	cutoff  time.Time
	result  SweepResult
	orphans []Info
	idle    []Unfinished
}

func (s *sweep) find(ctx context.Context) error {
	return errors.Join(s.findOrphans(ctx), s.findIdle(ctx))
}

func (s *sweep) findOrphans(ctx context.Context) error {
	old := batch[Info]{id: func(o Info) string { return o.Key }, known: s.known.KnownKeys}
	err := s.store.List(ctx, KeyPrefix, func(o Info) error {
		s.result.Objects++
		if !o.Modified.Before(s.cutoff) {
			return nil
		}
		return old.add(ctx, o)
	})
	if err == nil {
		err = old.flush(ctx)
	}
	s.orphans = old.unknown
	return err
}

func (s *sweep) findIdle(ctx context.Context) error {
	old := batch[Unfinished]{id: func(u Unfinished) string { return u.UploadID }, known: s.known.KnownUploads}
	err := s.store.ListUploads(ctx, func(u Unfinished) error {
		if !strings.HasPrefix(u.Key, KeyPrefix) {
			return nil
		}
		s.result.Uploads++
		if !u.Initiated.Before(s.cutoff) {
			return nil
		}
		return old.add(ctx, u)
	})
	if err == nil {
		err = old.flush(ctx)
	}
	s.idle = old.unknown
	return err
}

func (s *sweep) abort(ctx context.Context) (errs error) {
	for _, u := range s.idle {
		if err := s.store.Abort(ctx, u.Key, u.UploadID); err != nil {
			errs = errors.Join(errs, err)
			continue
		}
		s.result.Aborted++
	}
	return errs
}

func (s *sweep) remove(ctx context.Context) (errs error) {
	for _, o := range s.orphans {
		if err := s.store.Delete(ctx, o.Key); err != nil {
			errs = errors.Join(errs, err)
			continue
		}
		s.result.Deleted++
		s.result.DeletedBytes += o.Size
	}
	return errs
}

// batch asks about many things at a time and keeps those that are unknown.
type batch[T any] struct {
	id      func(T) string
	known   func(context.Context, []string) (map[string]bool, error)
	pending []T
	unknown []T
}

func (b *batch[T]) add(ctx context.Context, v T) error {
	b.pending = append(b.pending, v)
	if len(b.pending) < sweepBatch {
		return nil
	}
	return b.flush(ctx)
}

func (b *batch[T]) flush(ctx context.Context) error {
	if len(b.pending) == 0 {
		return nil
	}
	ids := make([]string, len(b.pending))
	for i, v := range b.pending {
		ids[i] = b.id(v)
	}
	known, err := b.known(ctx, ids)
	if err != nil {
		return err
	}
	for i, v := range b.pending {
		if !known[ids[i]] {
			b.unknown = append(b.unknown, v)
		}
	}
	b.pending = b.pending[:0]
	return nil
}
