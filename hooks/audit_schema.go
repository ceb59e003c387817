package hooks

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// bindAuditOfSchema audits PocketBase's own records that are none: collections and settings.
func bindAuditOfSchema(app core.App) {
	for verb, h := range map[string]*hook.TaggedHook[*core.CollectionEvent]{
		"create": app.OnCollectionCreateExecute(), "update": app.OnCollectionUpdateExecute(), "delete": app.OnCollectionDeleteExecute(),
	} {
		h.BindFunc(auditCollection(verb))
	}
	app.OnModelUpdateExecute(paramsTable).BindFunc(auditSettings)
	app.OnModelCreateExecute(paramsTable).BindFunc(auditSettings)
}

// paramsTable is where PocketBase keeps its settings.
const paramsTable = "_params"

func auditCollection(verb string) func(e *core.CollectionEvent) error {
	return func(e *core.CollectionEvent) error {
		if ActorOf(e.Context).Kind == ActorSystem || !canAudit(e.App) { // a release's migrations
			return e.Next()
		}
		outer := e.App
		defer func() { e.App = outer }()
		return InTransaction(outer, func(tx core.App) error {
			e.App = tx
			before, err := storedCollection(tx, e.Collection, verb)
			if err != nil {
				return err
			}
			if err := e.Next(); err != nil {
				return err
			}
			return Audit(e.Context, tx, "collections."+verb, "collections", e.Collection.Name, map[string]any{"changed": differing(before, e.Collection)})
		})
	}
}

func storedCollection(tx core.App, c *core.Collection, verb string) (*core.Collection, error) {
	if verb == "create" {
		return nil, nil
	}
	return tx.FindCollectionByNameOrId(c.Id)
}

// auditSettings names the sections that changed, not what is in them: passwords of the mail server and keys of buckets.
func auditSettings(e *core.ModelEvent) error {
	settings, ok := e.Model.(*core.Settings)
	if !ok || !canAudit(e.App) {
		return e.Next()
	}
	outer := e.App
	defer func() { e.App = outer }()
	return InTransaction(outer, func(tx core.App) error {
		e.App = tx
		changed := differing(outer.Settings(), settings)
		if err := e.Next(); err != nil {
			return err
		}
		return Audit(e.Context, tx, "settings.update", "settings", "pocketbase", map[string]any{"changed": changed})
	})
}

// differing lists the parts of two values that are not equal in JSON.
func differing(a, b any) []string {
	was, now := parts(a), parts(b)
	names := []string{}
	for name := range now {
		if name != "updated" && !bytes.Equal(was[name], now[name]) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func parts(v any) map[string]json.RawMessage {
	var out map[string]json.RawMessage
	_ = json.Unmarshal(encode(v), &out) // what is no object has no parts
	return out
}
