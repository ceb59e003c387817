package hooks

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/longshore-project/longshore/collections"
)

// auditing says which changes of a collection write an audit row.
type auditing struct {
	quiet    []string // columns of bookkeeping: they are not told, and a change of nothing else writes no row
	byPeople bool     // the system's own changes write none unless its actor names an action: events tell of them
}

// audited lists the collections whose changes are audited, whoever makes them. A superuser's changes of any other one are too.
var audited = map[string]auditing{
	"users": {}, core.CollectionNameSuperusers: {}, "plans": {}, "user_plan_assignments": {}, "invites": {}, "blocklist": {}, "settings": {},
	"agent_tokens": {},
	"api_keys":     {quiet: []string{"last_used_at"}},
	"sessions":     {quiet: []string{"last_seen_at", "expires_at"}},
	"agents":       {quiet: []string{"health", "last_seen_at", "report_seq", "start_id"}},
	"jobs":         {byPeople: true, quiet: []string{"revision"}},
	"schedules":    {byPeople: true},
}

// Audited lists the collections every record of which has an audit row of its making, whoever made it.
func Audited() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(audited)) {
		if !audited[name].byPeople {
			names = append(names, name)
		}
	}
	return names
}

// signInMarks are written by PocketBase at each sign-in of a superuser.
const signInMarks = core.CollectionNameAuthOrigins

func isAudited(ctx context.Context, collection string) bool {
	actor := ActorOf(ctx)
	if rule, listed := audited[collection]; listed {
		return !rule.byPeople || actor.Kind != ActorSystem || actor.Action != ""
	}
	return actor.Kind == ActorSuperuser && collection != auditLogs && collection != signInMarks
}

// bindAudit is called last: what other hooks set on a record is seen.
func bindAudit(app core.App) {
	for verb, h := range map[string]*hook.TaggedHook[*core.RecordEvent]{
		"create": app.OnRecordCreateExecute(), "update": app.OnRecordUpdateExecute(), "delete": app.OnRecordDeleteExecute(),
	} {
		h.BindFunc(func(e *core.RecordEvent) error {
			if !isAudited(e.Context, e.Record.Collection().Name) || !canAudit(e.App) {
				return e.Next()
			}
			return inTransaction(auditRecord(verb))(e)
		})
	}
	bindAuditOfSchema(app)
	bindAppendOnly(app)
	bindHidden(app)
}

// canAudit: while the first migrations run there is no table yet.
func canAudit(app core.App) bool {
	_, err := app.FindCachedCollectionByNameOrId(auditLogs)
	return err == nil
}

func auditRecord(verb string) func(e *core.RecordEvent) error {
	return func(e *core.RecordEvent) error {
		name := e.Record.Collection().Name
		changes, err := changesOf(e.App, e.Record, verb)
		if err != nil {
			return err
		}
		if err := e.Next(); err != nil || verb == "update" && len(changes) == 0 {
			return err
		}
		return Audit(e.Context, e.App, name+"."+verb, name, e.Record.Id, map[string]any{"changes": changes})
	}
}

// change is what became of one field. What was or is empty is left out.
type change struct {
	Old any `json:"old,omitempty"`
	New any `json:"new,omitempty"`
}

// changesOf compares what is about to be written with the row.
func changesOf(tx core.App, record *core.Record, verb string) (map[string]change, error) {
	var before, after map[string]any
	var err error
	if verb != "delete" {
		if after, err = record.DBExport(tx); err != nil {
			return nil, err
		}
	}
	if verb != "create" {
		stored, err := tx.FindRecordById(record.Collection(), record.Id)
		if err != nil {
			return nil, err
		}
		if before, err = stored.DBExport(tx); err != nil {
			return nil, err
		}
	}
	changes := compare(record.Collection().Fields, before, after, verb)
	for _, name := range audited[record.Collection().Name].quiet {
		delete(changes, name)
	}
	return changes, nil
}

func compare(fields core.FieldsList, before, after map[string]any, verb string) map[string]change {
	changes := map[string]change{}
	for _, field := range fields {
		name := field.GetName()
		now, written := after[name]
		was := before[name]
		if name == core.FieldNameId || field.Type() == core.FieldTypeAutodate || verb == "update" && !written || same(was, now) {
			continue
		}
		if isSecret(field) {
			was, now = mask(was), mask(now)
		}
		changes[name] = change{Old: bounded(was), New: bounded(now)}
	}
	return changes
}

// isSecret says whether a field's value never leaves its table. A magnet may carry a person's key to a tracker.
func isSecret(field core.Field) bool {
	name := field.GetName()
	return field.Type() == core.FieldTypePassword || field.GetHidden() || name == core.FieldNameTokenKey || name == "magnet_uri" || strings.HasSuffix(name, "_hash")
}

// auditLogs is the table that is only ever added to.
const auditLogs = "audit_logs"

func refuseAuditChange() error {
	return collections.Errorf(collections.CodeForbidden, "The audit is only ever added to.")
}
