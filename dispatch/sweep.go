package dispatch

import (
	"context"
	"errors"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/storage"
)

const sweepInterval = 10 * time.Minute

// RunSweep removes deleting objects, unfinished uploads and objects that no row names, and enrolment tokens out of date.
func (d *Dispatcher) RunSweep(ctx context.Context) (storage.SweepResult, error) {
	reaped := errors.Join(d.finishRemovals(), d.reapDeleting(ctx))
	_, tokens := exec(d.App, `DELETE FROM agent_tokens WHERE expires_at < {:now}`, dbx.Params{"now": stamp(d.Now())})
	result, swept := storage.Sweep(ctx, d.Store, known{d}, d.Now(), storage.SweepAge)
	return result, errors.Join(reaped, tokens, d.giveUpPaused(ctx), swept)
}

// known answers the sweeper which keys and uploads rows name.
type known struct{ d *Dispatcher }

// KnownKeys answers which of the keys belong to an object or to an upload on its way.
func (k known) KnownKeys(_ context.Context, keys []string) (map[string]bool, error) {
	found := map[string]bool{}
	return found, errors.Join(
		k.find(found, "key", "objects", keys, dbx.Not(dbx.HashExp{"state": string(collections.ObjectDeleting)})),
		k.find(found, "key", "uploads", keys, nil))
}

// KnownUploads answers which of the store's uploads are on record.
func (k known) KnownUploads(_ context.Context, uploadIDs []string) (map[string]bool, error) {
	found := map[string]bool{}
	return found, k.find(found, "upload_id", "uploads", uploadIDs, nil)
}

func (k known) find(found map[string]bool, column, table string, values []string, also dbx.Expression) error {
	in := make([]any, len(values))
	for i, v := range values {
		in[i] = v
	}
	var rows []string
	err := k.d.App.ConcurrentDB().Select(column).From(table).Where(dbx.In(column, in...)).AndWhere(also).Column(&rows)
	for _, row := range rows {
		found[row] = true
	}
	return err
}
