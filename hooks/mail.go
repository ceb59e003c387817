package hooks

import (
	"encoding/json"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/longshore-project/longshore/collections"
)

// QueueMail notes a mail to a user, in the transaction of what it tells of. It is sent after the commit and again until
// the mail server has taken it. An empty address is the account's own at the time of sending. data must hold no secret:
// tokens are made when the mail is sent.
func QueueMail(tx core.App, userID string, kind collections.MailKind, address string, data map[string]any) error {
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
	return err
}
