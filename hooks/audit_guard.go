package hooks

import (
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// bindAppendOnly keeps everybody from changing or removing what the audit says. The table has triggers that hold it against
// SQL too; the collection itself cannot be removed or renamed.
func bindAppendOnly(app core.App) {
	refuse := func(*core.RecordEvent) error { return refuseAuditChange() }
	app.OnRecordUpdate(auditLogs).BindFunc(refuse)
	app.OnRecordDelete(auditLogs).BindFunc(refuse)
	app.OnRecordCreate(auditLogs).BindFunc(refuse) // rows are written by SQL, beside what they tell of
	app.OnCollectionDelete(auditLogs).BindFunc(func(*core.CollectionEvent) error { return refuseAuditChange() })
	app.OnCollectionUpdate().BindFunc(func(e *core.CollectionEvent) error {
		before, err := e.App.FindCachedCollectionByNameOrId(e.Collection.Id)
		if err == nil && before.Name == auditLogs && ActorOf(e.Context).Kind != ActorSystem {
			return refuseAuditChange()
		}
		return e.Next()
	})
}

// bindHidden keeps hashes and keys of tokens out of what PocketBase answers: to superusers it shows hidden fields.
func bindHidden(app core.App) {
	app.OnRecordEnrich().BindFunc(func(e *core.RecordEnrichEvent) error {
		if err := e.Next(); err != nil {
			return err
		}
		for _, field := range e.Record.Collection().Fields {
			if name := field.GetName(); name == core.FieldNameTokenKey || strings.HasSuffix(name, "_hash") {
				e.Record.Hide(name)
			}
		}
		return nil
	})
}
