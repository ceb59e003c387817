package hooks

import (
	"context"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
)

const (
	liveJobs = `SELECT id FROM jobs WHERE status NOT IN ('completed', 'failed', 'cancelled') AND `
	// liveJobsOf are those of one infohash, blockedJobs those of every infohash on the blocklist. By OR, not UNION, which
	// would find all before it answers the first.
	liveJobsOf = liveJobs + `(infohash = {:infohash} OR infohash_v2 = {:infohash} OR
		infohash IN (SELECT infohash_v1 FROM torrents WHERE infohash_v2 = {:infohash})) LIMIT {:limit}`
	blockedJobs = liveJobs + `(infohash IN (SELECT infohash FROM blocklist) OR infohash_v2 IN (SELECT infohash FROM blocklist WHERE infohash != '') OR
		infohash IN (SELECT infohash_v1 FROM torrents WHERE infohash_v2 IN (SELECT infohash FROM blocklist))) LIMIT {:limit}`
)

const (
	endedAtOnce = 50                    // jobs of one step
	endingTime  = 20 * time.Millisecond // after which a step ends: others wait as long
)

// EnforceBlocklist ends every job that has not ended and whose torrent is on the blocklist, whoever put it there: another
// process too. It works in steps that let others write in between, and may be repeated at will.
func EnforceBlocklist(ctx context.Context, app core.App) error {
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := InTransaction(app, func(tx core.App) (err error) {
			more, err = endBlocked(context.WithoutCancel(ctx), tx, blockedJobs, dbx.Params{})
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// endBlocked fails the first of the jobs that query names, by the actor of ctx; more says that there may be others.
func endBlocked(ctx context.Context, tx core.App, query string, params dbx.Params) (more bool, err error) {
	begun := time.Now()
	params["limit"] = endedAtOnce
	var ids []string
	if err := tx.NonconcurrentDB().NewQuery(query).Bind(params).Column(&ids); err != nil {
		return false, err
	}
	actor := ActorOf(ctx)
	actor.Action = "job.block"
	ctx = WithActor(ctx, actor)
	for i, id := range ids {
		if i > 0 && time.Since(begun) > endingTime {
			return true, nil
		}
		if _, err := ChangeJobAs(ctx, tx, id, failBlocked); err != nil {
			return false, err
		}
	}
	return len(ids) == endedAtOnce, nil
}

func failBlocked(_ core.App, job *core.Record) error {
	why := infohashBlocked()
	job.Set("status", string(collections.StatusFailed))
	job.Set("error_code", string(why.Code))
	job.Set("error", why.Message)
	return nil
}
