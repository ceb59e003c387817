package hooks

import (
	"context"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

type keptSessionKey struct{}

// KeepSession answers a context with which a save of a user's new password leaves this session and the API keys alone.
func KeepSession(ctx context.Context, sessionID string) context.Context {
	return context.WithValue(ctx, keptSessionKey{}, sessionID)
}

// EndAccess removes a user's sessions and API keys, with a context of KeepSession only the other sessions. It must run
// inside the transaction of what ends the access, and is audited as part of that. Saving a user as disabled or with
// another password does it already.
func EndAccess(ctx context.Context, tx core.App, userID string) error {
	params := dbx.Params{"user": userID}
	if kept, ok := ctx.Value(keptSessionKey{}).(string); ok {
		params["kept"] = kept
		return execAll(tx, params, `DELETE FROM sessions WHERE user_id = {:user} AND id != {:kept}`)
	}
	return execAll(tx, params, `DELETE FROM sessions WHERE user_id = {:user}`, `DELETE FROM api_keys WHERE user_id = {:user}`)
}
