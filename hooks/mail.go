package hooks

import (
	"encoding/json"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/longshore-project/longshore/collections"
)

// QueueMail notes a mail to a user, in the transaction of what it tells of. It is sent after the commit and again until
// the mail server has taken it. An empty address is the account's own at the time of sending; without a user it goes to
// the account that has the address then, if there is one. data must hold no secret: tokens are made when the mail is
// sent. What data holds is told at the kind (collections: JobFinishedMail, LeavingMail, EmailChangedMail; else nil).
func QueueMail(tx core.App, userID string, kind collections.MailKind, address string, data any) error {
	body, err := json.Marshal(data)
	if err != nil {
		return err
	}
	_, err = tx.NonconcurrentDB().NewQuery(`INSERT INTO mails (id, user_id, kind, email, data, next_at, created_at, updated_at)
		VALUES ({:id}, {:user}, {:kind}, {:email}, {:data}, {:now}, {:now}, {:now})`).
		Bind(dbx.Params{
			"id": core.GenerateDefaultRandomId(), "user": userID, "kind": string(kind), "email": address, "data": string(body),
			"now": types.NowDateTime().String(),
		}).Execute()
	if err != nil {
		return err
	}
	wakeMailer(tx)
	return nil
}

const mailsKey = "longshore.mails"

// MailsQueued answers the channel that has something in it when a mail was queued since it was last read.
func MailsQueued(app core.App) chan struct{} {
	return app.Store().GetOrSet(mailsKey, func() any { return make(chan struct{}, 1) }).(chan struct{})
}

// wakeMailer tells of a mail once it is committed.
func wakeMailer(tx core.App) {
	wake := func(err error) error {
		if err == nil {
			select {
			case MailsQueued(tx) <- struct{}{}:
			default: // it was told already
			}
		}
		return nil
	}
	if info := tx.TxInfo(); info != nil {
		info.OnComplete(wake)
		return
	}
	_ = wake(nil)
}

// MailSettings answers a copy of PocketBase's settings, which are changed in place when somebody saves them.
func MailSettings(app core.App) (*core.Settings, error) { return app.Settings().Clone() }

// queueJobFinished tells the owner of a job that it is done, in the transaction in which it is. Without a mail server
// nothing is noted: it would only be news of yesterday once there is one.
func queueJobFinished(tx core.App, job *core.Record, to collections.Status) error {
	if to != collections.StatusCompleted && to != collections.StatusFailed {
		return nil
	}
	if settings, err := MailSettings(tx); err != nil || !settings.SMTP.Enabled {
		return err
	}
	return QueueMail(tx, job.GetString("user_id"), collections.MailJobFinished, "", collections.JobFinishedMail{
		JobID: job.Id, Name: job.GetString("name"), Status: to, Error: job.GetString("error"),
	})
}
