package api

import (
	"database/sql"
	"errors"
	"net/http"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/api/wire"
	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// adminBlocklistRoutes say which torrents are refused. What follows from an entry is in hooks: the dashboard adds some too.
func (a *API) adminBlocklistRoutes() []route {
	return []route{
		{"GET", "/admin/blocklist", admin, small, "", a.listBlocklist},
		{"POST", "/admin/blocklist", admin, small, "blocklist.add", a.blockInfohash},
		{"GET", "/admin/blocklist/{id}", admin, small, "", a.getBlock},
		{"DELETE", "/admin/blocklist/{id}", admin, small, "blocklist.remove", a.unblockInfohash},
	}
}

func (a *API) listBlocklist(e *core.RequestEvent) error {
	query := e.Request.URL.Query()
	list := page[wire.Block]{
		Page: intOr(query.Get("page"), 1), PerPage: intOr(query.Get("perPage"), defaultPerPage), TotalItems: -1, TotalPages: -1, Items: []wire.Block{},
	}
	var where dbx.Expression
	if s := query.Get("search"); s != "" {
		where = dbx.Or(dbx.Like("infohash", s), dbx.Like("reason", s))
	}
	var rows []*core.Record
	err := e.App.RecordQuery("blocklist").Where(where).OrderBy("created_at DESC", "id DESC").
		Limit(int64(list.PerPage)).Offset(int64((list.Page - 1) * list.PerPage)).All(&rows)
	if err != nil {
		return err
	}
	for _, row := range rows {
		list.Items = append(list.Items, blockOf(row))
	}
	if !isTrue(query.Get("skipTotal")) {
		err = e.App.DB().Select("COUNT(*)").From("blocklist").Where(where).Row(&list.TotalItems)
		list.TotalPages = pages(list.TotalItems, list.PerPage)
	}
	if err != nil {
		return err
	}
	return ok(e, list)
}

func blockOf(r *core.Record) wire.Block {
	return wire.Block{
		Id: r.Id, Infohash: r.GetString("infohash"), Reason: r.GetString("reason"), CreatedBy: r.GetString("created_by"),
		CreatedAt: r.GetDateTime("created_at").Time().Truncate(time.Millisecond),
	}
}

func (a *API) blockInfohash(e *core.RequestEvent) error {
	var in wire.NewBlock
	if err := readBody(e, &in); err != nil {
		return err
	}
	infohash, err := collections.ParseAnyInfohash(in.Infohash)
	if err != nil {
		return invalid("infohash", err.Error())
	}
	status := http.StatusOK
	var block *core.Record
	err = hooks.InTransaction(e.App, func(tx core.App) (err error) {
		block, err = tx.FindFirstRecordByData("blocklist", "infohash", infohash)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		status = http.StatusCreated
		block, err = newBlock(tx, infohash, in.Reason)
		if err != nil {
			return err
		}
		return tx.SaveWithContext(acts(e), block)
	})
	if err != nil {
		return asInvalidInput(err)
	}
	return e.JSON(status, blockOf(block))
}

func newBlock(tx core.App, infohash string, reason *string) (*core.Record, error) {
	blocklist, err := tx.FindCachedCollectionByNameOrId("blocklist")
	if err != nil {
		return nil, err
	}
	block := core.NewRecord(blocklist)
	block.Set("infohash", infohash)
	if reason != nil {
		block.Set("reason", *reason)
	}
	return block, nil
}

func findBlock(app core.App, id string) (*core.Record, error) {
	block, err := app.FindRecordById("blocklist", id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, collections.Errorf(collections.CodeNotFound, "There is no such entry of the blocklist.")
	}
	return block, err
}

func (a *API) getBlock(e *core.RequestEvent) error {
	block, err := findBlock(e.App, e.Request.PathValue("id"))
	if err != nil {
		return err
	}
	return ok(e, blockOf(block))
}

func (a *API) unblockInfohash(e *core.RequestEvent) error {
	err := hooks.InTransaction(e.App, func(tx core.App) error {
		block, err := findBlock(tx, e.Request.PathValue("id"))
		if err != nil {
			return err
		}
		return tx.DeleteWithContext(acts(e), block)
	})
	if err != nil {
		return err
	}
	return e.NoContent(http.StatusNoContent)
}
