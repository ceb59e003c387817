package hooks

import (
	"encoding/json"

	"github.com/pocketbase/dbx"
	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
)

const blocklist = "blocklist"

func bindBlocklist(app core.App) {
	app.OnRecordValidate(blocklist).BindFunc(normaliseBlocked)
	app.OnRecordCreateExecute(blocklist).BindFunc(inTransaction(block))
	app.OnRecordUpdateExecute(blocklist).BindFunc(inTransaction(block))
}

// normaliseBlocked lets one torrent stand under one name only, whoever adds it.
func normaliseBlocked(e *core.RecordEvent) error {
	infohash, err := collections.ParseAnyInfohash(e.Record.GetString("infohash"))
	if err != nil {
		return validation.Errors{"infohash": validation.NewError(string(collections.CodeInvalidInput), err.Error())}
	}
	e.Record.Set("infohash", infohash)
	if e.Record.IsNew() {
		e.Record.Set("created_by", ActorOf(e.Context).ID)
	}
	return e.Next()
}

// block ends jobs of the torrent in the transaction that blocks it. Of many, the others follow in steps.
func block(e *core.RecordEvent) error {
	if err := e.Next(); err != nil {
		return err
	}
	_, err := endBlocked(e.Context, e.App, liveJobsOf, dbx.Params{"infohash": e.Record.GetString("infohash")})
	return err
}

// refuseBlocked answers infohash_blocked when one of the torrent's infohashes is on the blocklist.
func refuseBlocked(tx core.App, w Wants) error {
	blocked, err := Blocked(tx, string(w.Infohash), w.InfohashV2)
	if err != nil || !blocked {
		return err
	}
	return infohashBlocked()
}

func infohashBlocked() *collections.Error {
	return collections.Errorf(collections.CodeInfohashBlocked, "The operator has blocked this torrent.")
}

// Blocked says whether one of these infohashes, v1 or v2 in lower-case hexadecimal, is on the blocklist, or the v2 one of a
// torrent that is known by its v1.
func Blocked(app core.App, infohashes ...string) (blocked bool, err error) {
	list, err := json.Marshal(infohashes)
	if err != nil {
		return false, err
	}
	err = app.DB().NewQuery(`SELECT EXISTS (SELECT 1 FROM blocklist WHERE infohash IN (SELECT value FROM json_each({:list})
		UNION SELECT infohash_v2 FROM torrents WHERE infohash_v1 IN (SELECT value FROM json_each({:list}))))`).Bind(dbx.Params{"list": string(list)}).Row(&blocked)
	return blocked, err
}

// RefuseBlocked answers infohash_blocked when the job's torrent is on the blocklist: what it stored is not handed out.
func RefuseBlocked(app core.App, jobID string) error {
	var w Wants
	err := app.DB().NewQuery(`SELECT infohash, infohash_v2 FROM jobs WHERE id = {:job}`).Bind(dbx.Params{"job": jobID}).One(&w)
	if err != nil {
		return err
	}
	return refuseBlocked(app, w)
}
