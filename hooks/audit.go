package hooks

import (
	"context"
	"encoding/json"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

// Audit writes the audit row of a mutation. It must run inside the mutation's transaction. The actor is that of ctx, and
// so is the action when the actor names one, for the kind of target that the request changes first. Record hooks write the
// rows of audited collections: this is for what is changed by SQL. Metadata must hold no secret.
func Audit(ctx context.Context, tx core.App, action, targetType, targetID string, metadata map[string]any) error {
	actor := ActorOf(ctx)
	if actor.Action != "" && actor.subject.is(targetType) {
		action = actor.Action
	}
	body, err := json.Marshal(metadata)
	if err != nil {
		return err
	}
	_, err = tx.NonconcurrentDB().NewQuery(`INSERT INTO audit_logs (id, actor_id, actor_kind, action, target_type, target_id, metadata, request_id, address, created_at, updated_at)
		VALUES ({:id}, {:actor}, {:kind}, {:action}, {:type}, {:target}, {:metadata}, {:request}, {:address}, {:now}, {:now})`).
		Bind(dbx.Params{
			"id": core.GenerateDefaultRandomId(), "actor": actor.ID, "kind": string(actor.Kind), "action": action, "type": targetType, "target": targetID,
			"metadata": string(body), "request": actor.RequestID, "address": actor.Address, "now": types.NowDateTime().String(),
		}).Execute()
	return err
}
