package dispatch

import (
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// scopeOf answers who shares the objects that a job's files get now: everybody ("") or, of a private torrent, its owner. While
// content is not to be stored once, the job shares with nobody.
func scopeOf(app core.App, job, torrent *core.Record) (string, error) {
	settings, err := hooks.Settings(app)
	if err != nil || !settings.ContentOnce {
		return job.Id, err
	}
	return torrent.GetString("scope"), nil
}

// indexRange is files by file_index, both ends included.
type indexRange struct{ from, upto int }

func (r indexRange) count(tx core.App, jobID string) (int, error) {
	row, err := one[struct {
		Files int `db:"files"`
	}](tx, `SELECT COUNT(*) AS files FROM files WHERE job_id = {:job} AND file_index BETWEEN {:from} AND {:upto}`,
		dbx.Params{"job": jobID, "from": r.from, "upto": r.upto})
	return row.Files, err
}

const (
	// bare is true of a file that is to have an object and has none.
	bare = `selected = TRUE AND is_complete = FALSE AND object_id = '' AND removed_at = ''`

	// makeObjects: an object that is being removed is not in the way of a new one, and nobody gets it.
	makeObjects = `INSERT INTO objects (id, torrent_id, file_index, scope, size_bytes, state, created_at, updated_at)
		SELECT substr(lower(hex(randomblob(8))), 1, 15), {:torrent}, file_index, {:scope}, size_bytes, 'uploading', {:now}, {:now} FROM files
		WHERE job_id = {:job} AND file_index BETWEEN {:from} AND {:upto} AND ` + bare + `
		ON CONFLICT (torrent_id, file_index, scope) WHERE state != 'deleting' DO NOTHING`
	takeObjects = `UPDATE files SET (object_id, is_complete) = (SELECT o.id, o.state = 'stored' FROM objects o
			WHERE o.torrent_id = {:torrent} AND o.file_index = files.file_index AND o.scope = {:scope} AND o.state != 'deleting'), revision = revision + 1
		WHERE job_id = {:job} AND file_index BETWEEN {:from} AND {:upto} AND ` + bare + ` RETURNING file_index, is_complete`
)

// attach gives the files of a range that need one their object: an existing one, or a new one. Files of stored
// objects are complete at once. It must run inside the transaction that says that the files are wanted.
func attach(tx core.App, job, torrent *core.Record, scope string, r indexRange) error {
	params := dbx.Params{"job": job.Id, "torrent": torrent.Id, "scope": scope, "from": r.from, "upto": r.upto, "now": now()}
	if _, err := exec(tx, makeObjects, params); err != nil {
		return err
	}
	taken, err := all[struct {
		Index    int  `db:"file_index"`
		Complete bool `db:"is_complete"`
	}](tx, takeObjects, params)
	if err != nil {
		return err
	}
	var complete []int
	for _, f := range taken {
		if f.Complete {
			complete = append(complete, f.Index)
		}
	}
	if len(complete) == 0 {
		return nil
	}
	return hooks.AddEvent(tx, job.Id, collections.EventFile, map[string]any{"files": complete})
}

// attachChosen does so for all files of a job that lack their object, once it may have them.
func attachChosen(app core.App, job, torrent *core.Record) error {
	scope, err := scopeOf(app, job, torrent)
	for more := err == nil; more; {
		var r indexRange
		if r, more, err = bareFiles(app, job.Id); err != nil || !more {
			return err
		}
		err = hooks.InTransaction(app, func(tx core.App) (err error) {
			if more, err = mayHaveFiles(tx, job.Id); err != nil || !more {
				return err
			}
			return attach(tx, job, torrent, scope, r)
		})
		more = more && err == nil
	}
	return err
}

// bareFiles answers the next files without an object, as many as one transaction takes; false when there are none.
func bareFiles(app core.App, jobID string) (indexRange, bool, error) {
	row, err := one[struct {
		From  int `db:"first"`
		Upto  int `db:"last"`
		Files int `db:"files"`
	}](app, `SELECT COALESCE(MIN(file_index), 0) AS first, COALESCE(MAX(file_index), 0) AS last, COUNT(*) AS files FROM
		(SELECT file_index FROM files WHERE job_id = {:job} AND `+bare+` ORDER BY file_index LIMIT {:limit})`,
		dbx.Params{"job": jobID, "limit": collections.FileRowsPerTx})
	return indexRange{row.From, row.Upto}, row.Files > 0, err
}

// mayHaveFiles says whether a job's files are to have objects: it has not ended, what it wants is chosen and counted. Before, a
// file that others have stored would be had for nothing.
func mayHaveFiles(tx core.App, jobID string) (bool, error) {
	row, err := one[struct {
		May bool `db:"may"`
	}](tx, `SELECT EXISTS (SELECT 1 FROM jobs WHERE id = {:job} AND status NOT IN ('completed', 'failed', 'cancelled')
		AND torrent_id != '' AND select_files = FALSE AND (reserved_bytes > 0 OR size_bytes = 0)) AS may`, dbx.Params{"job": jobID})
	return row.May, err
}
