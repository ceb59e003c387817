package dispatch

import (
	"errors"
	"maps"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

// stamp writes a time as PocketBase's columns hold it; such strings sort by time.
func stamp(t time.Time) string { return t.UTC().Format(stampLayout) }

const stampLayout = types.DefaultDateLayout

func now() string { return stamp(time.Now()) }

func with(base, more dbx.Params) dbx.Params {
	all := maps.Clone(base)
	maps.Copy(all, more)
	return all
}

// exec runs a statement and answers how many rows it changed.
func exec(tx core.App, sql string, params dbx.Params) (int64, error) {
	result, err := tx.NonconcurrentDB().NewQuery(sql).Bind(params).Execute()
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// apart undoes fn alone when it fails, and keeps what the transaction did before.
func apart(tx core.App, fn func() error) error {
	if _, err := exec(tx, "SAVEPOINT apart", nil); err != nil {
		return err
	}
	err := fn()
	if err != nil {
		if _, undoErr := exec(tx, "ROLLBACK TO apart", nil); undoErr != nil {
			return errors.Join(err, undoErr)
		}
	}
	_, releaseErr := exec(tx, "RELEASE apart", nil)
	return errors.Join(err, releaseErr)
}

// all reads every row of a query into T.
func all[T any](app core.App, sql string, params dbx.Params) ([]T, error) {
	var rows []T
	return rows, app.ConcurrentDB().NewQuery(sql).Bind(params).All(&rows)
}

// one reads the first row; sql.ErrNoRows when there is none.
func one[T any](app core.App, sql string, params dbx.Params) (T, error) {
	var row T
	return row, app.ConcurrentDB().NewQuery(sql).Bind(params).One(&row)
}

// text cuts a message to what the column holds.
func text(s string) string {
	const limit = 2000
	r := []rune(s)
	return string(r[:min(len(r), limit)])
}
