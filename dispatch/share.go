package dispatch

import (
	"encoding/json"

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

// bareFile is a file that is to have an object and has none.
type bareFile struct {
	Index int   `db:"file_index" json:"index"`
	Size  int64 `db:"size_bytes" json:"size"`
}

// makeObjects makes the objects of a torrent's files that are not there. One that is being removed is not in the way of a new
// one, and nobody gets it.
func makeObjects(tx core.App, torrentID, scope string, files []bareFile) error {
	list, err := json.Marshal(files)
	if err != nil || len(files) == 0 {
		return err
	}
	_, err = exec(tx, `INSERT INTO objects (id, torrent_id, file_index, scope, size_bytes, state, created_at, updated_at)
		SELECT substr(lower(hex(randomblob(8))), 1, 15), {:torrent}, value ->> 'index', {:scope}, value ->> 'size', 'uploading', {:now}, {:now} FROM json_each({:files})
		WHERE TRUE ON CONFLICT (torrent_id, file_index, scope) WHERE state != 'deleting' DO NOTHING`,
		dbx.Params{"torrent": torrentID, "scope": scope, "files": string(list), "now": now()})
	return err
}

// tellComplete tells of files in a range that were stored before they were the job's.
func tellComplete(tx core.App, jobID string, r indexRange) error {
	files, err := all[storedFile](tx, `SELECT id, job_id, user_id, file_index FROM files WHERE job_id = {:job} AND file_index BETWEEN {:from} AND {:upto} AND is_complete = TRUE
		ORDER BY file_index`, dbx.Params{"job": jobID, "from": r.from, "upto": r.upto})
	if err != nil || len(files) == 0 {
		return err
	}
	hooks.FilesCompleted(tx, jobID, fileIDs(files))
	return addFileEvent(tx, jobID, files)
}

func addFileEvent(tx core.App, jobID string, files []storedFile) error {
	indexes := make([]int, len(files))
	for i, file := range files {
		indexes[i] = file.Index
	}
	return hooks.AddEvent(tx, jobID, collections.EventFile, map[string]any{"files": indexes})
}

// attachChosen gives those files of a job their object that were made, or chosen, before it might have them.
func attachChosen(app core.App, job, torrent *core.Record) error {
	scope, err := scopeOf(app, job, torrent)
	for more := err == nil; more; {
		var files []bareFile
		if files, err = bareFiles(app, job.Id); err != nil || len(files) == 0 {
			return err
		}
		err = hooks.InTransaction(app, func(tx core.App) (err error) {
			if more, err = mayHaveFiles(tx, job.Id); err != nil || !more {
				return err
			}
			return attach(tx, job.Id, torrent.Id, scope, files)
		})
		more = more && err == nil
	}
	return err
}

const bare = `selected = TRUE AND is_complete = FALSE AND object_id = '' AND removed_at = ''`

// bareFiles answers the next files without an object, as many as one transaction takes.
func bareFiles(app core.App, jobID string) ([]bareFile, error) {
	return all[bareFile](app, `SELECT file_index, size_bytes FROM files WHERE job_id = {:job} AND `+bare+` ORDER BY file_index LIMIT {:limit}`,
		dbx.Params{"job": jobID, "limit": collections.FileRowsPerTx})
}

// attach gives files in rising order their object: an existing one, or a new one. Files of stored objects are complete at once. It
// must run inside the transaction that says that the job may have them.
func attach(tx core.App, jobID, torrentID, scope string, files []bareFile) error {
	if err := makeObjects(tx, torrentID, scope, files); err != nil {
		return err
	}
	r := indexRange{files[0].Index, files[len(files)-1].Index}
	_, err := exec(tx, `UPDATE files SET (object_id, is_complete) = (SELECT o.id, o.state = 'stored' FROM objects o
			WHERE o.torrent_id = {:torrent} AND o.file_index = files.file_index AND o.scope = {:scope} AND o.state != 'deleting'), revision = revision + 1
		WHERE job_id = {:job} AND file_index BETWEEN {:from} AND {:upto} AND `+bare,
		dbx.Params{"job": jobID, "torrent": torrentID, "scope": scope, "from": r.from, "upto": r.upto})
	if err != nil {
		return err
	}
	return tellComplete(tx, jobID, r)
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
