package api

import (
	"context"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/hooks"
)

// acting is the application as one request sees it. PocketBase's own routes save and delete without a context: here all of
// that is done by the request's actor.
type acting struct {
	core.App
	request *core.RequestEvent
}

// by answers a context with an actor: the one that was named in it, else the request's.
func (a acting) by(ctx context.Context) context.Context {
	if hooks.HasActor(ctx) {
		return ctx
	}
	return hooks.WithActor(ctx, hooks.ActorOf(a.request.Request.Context()))
}

func (a acting) Save(m core.Model) error { return a.App.SaveWithContext(acts(a.request), m) }

func (a acting) SaveWithContext(ctx context.Context, m core.Model) error {
	return a.App.SaveWithContext(a.by(ctx), m)
}

func (a acting) SaveNoValidate(m core.Model) error {
	return a.App.SaveNoValidateWithContext(acts(a.request), m)
}

func (a acting) SaveNoValidateWithContext(ctx context.Context, m core.Model) error {
	return a.App.SaveNoValidateWithContext(a.by(ctx), m)
}

func (a acting) Delete(m core.Model) error { return a.App.DeleteWithContext(acts(a.request), m) }

func (a acting) DeleteWithContext(ctx context.Context, m core.Model) error {
	return a.App.DeleteWithContext(a.by(ctx), m)
}

func (a acting) RunInTransaction(fn func(tx core.App) error) error {
	return a.App.RunInTransaction(func(tx core.App) error { return fn(acting{tx, a.request}) })
}

// TruncateCollection and the import of collections save inside PocketBase, beyond the reach of this: what the person did is a
// row of its own, in the same transaction.

// TruncateCollection removes every record of a collection.
func (a acting) TruncateCollection(c *core.Collection) error {
	return a.noted("collections.truncate", c.Name, func(tx core.App) error { return tx.TruncateCollection(c) })
}

// ImportCollections changes many collections at once.
func (a acting) ImportCollections(list []map[string]any, deleteMissing bool) error {
	return a.noted("collections.import", "", func(tx core.App) error { return tx.ImportCollections(list, deleteMissing) })
}

// ImportCollectionsByMarshaledJSON changes many collections at once.
func (a acting) ImportCollectionsByMarshaledJSON(list []byte, deleteMissing bool) error {
	return a.noted("collections.import", "", func(tx core.App) error { return tx.ImportCollectionsByMarshaledJSON(list, deleteMissing) })
}

func (a acting) noted(action, collection string, do func(tx core.App) error) error {
	return a.App.RunInTransaction(func(tx core.App) error {
		if err := hooks.Audit(acts(a.request), tx, action, "collections", collection, nil); err != nil {
			return err
		}
		return do(tx)
	})
}
