package hooks

import (
	"context"

	"github.com/pocketbase/dbx"
	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
)

// admission is the mark on a job that AdmitJob has let in. A script can set a value of that name, but none of this type.
type admission struct{}

const admissionKey = "@admitted"

func admitted(job *core.Record) bool {
	_, is := job.GetRaw(admissionKey).(admission)
	return is
}

// guardForeignCreate judges a new job that no route has judged. One from the dashboard is held to all that a submission is held
// to; what a script saves is the operator's own doing, but a blocked torrent stays blocked.
func guardForeignCreate(ctx context.Context, tx core.App, job *core.Record) error {
	if admitted(job) || collections.Status(job.GetString("status")).Terminal() {
		return nil
	}
	if ActorOf(ctx).Kind == ActorSuperuser {
		return submitFromDashboard(tx, job)
	}
	return refuseBlocked(tx, Wants{Infohash: collections.Infohash(job.GetString("infohash")), InfohashV2: job.GetString("infohash_v2")})
}

// submitFromDashboard takes owner, magnet and what belongs to a person's choice; the rest is as for any new job.
func submitFromDashboard(tx core.App, job *core.Record) error {
	magnet, err := collections.ParseMagnet(job.GetString("magnet_uri"))
	if err != nil {
		return fieldError("magnet_uri", err)
	}
	owner, err := tx.FindRecordById("users", job.GetString("user_id"))
	if err != nil || owner.GetBool("disabled") {
		return fieldError("user_id", collections.Errorf(collections.CodeInvalidInput, "There is no such user, or it is disabled."))
	}
	if job.GetString("status") != string(collections.StatusQueued) {
		return fieldError("status", collections.Errorf(collections.CodeIllegalTransition, "A new job is queued."))
	}
	for _, name := range dispatchFields {
		if name != "user_id" && name != "infohash" {
			job.Set(name, nil)
		}
	}
	job.Load(map[string]any{
		"infohash": string(magnet.Infohash), "infohash_v2": magnet.InfohashV2, "magnet_uri": magnet.String(), "torrent_id": "",
		"desired": string(collections.DesiredRun), "revision": 1, "next_attempt_at": Now(tx),
	})
	if job.GetString("name") == "" {
		job.Set("name", magnet.Name)
	}
	if err := AdmitJob(tx, job, Wants{Infohash: magnet.Infohash, InfohashV2: magnet.InfohashV2}); err != nil {
		return fieldError("magnet_uri", err)
	}
	return AddMetrics(tx, owner.Id, Now(tx), Metrics{Jobs: 1})
}

// fieldError makes an error that people may read one of a field, as PocketBase's dashboard shows them.
func fieldError(field string, err error) error {
	code := collections.CodeOf(err)
	if code == collections.CodeInternal {
		return err
	}
	return validation.Errors{field: validation.NewError(string(code), err.Error())}
}

// refuseGone answers forbidden for a user that was disabled or deleted while the request was on its way.
func refuseGone(tx core.App, userID string) error {
	n, err := tx.CountRecords("users", dbx.HashExp{"id": userID, "disabled": false})
	if err != nil || n > 0 {
		return err
	}
	return collections.Errorf(collections.CodeForbidden, "This account cannot use the app.")
}
