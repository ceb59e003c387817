package dispatch

import (
	"errors"
	"slices"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// SelectedSize answers the bytes of the selected files that have content of their own. An empty selection means all.
func SelectedSize(m *collections.Metainfo, selection []int) int64 {
	var size int64
	selection = ordered(selection)
	for _, f := range contentFiles(m) {
		if selected(selection, f.Index) {
			size += f.Size
		}
	}
	return size
}

// LargestFile answers the bytes of the largest selected file.
func LargestFile(m *collections.Metainfo, selection []int) int64 {
	var largest int64
	selection = ordered(selection)
	for _, f := range contentFiles(m) {
		if selected(selection, f.Index) {
			largest = max(largest, f.Size)
		}
	}
	return largest
}

// AddFiles makes the rows of a job's files and of the objects of the selected ones. It is idempotent by
// (job, file_index), and a job that has ended or is gone gets no more. In a transaction of the caller it makes the
// first FileRowsPerTx only, so that no writer waits long; FillFiles makes what is missing.
func AddFiles(app core.App, job, torrent *core.Record, m *collections.Metainfo) error {
	files, selection := contentFiles(m), selectionOf(job)
	if app.IsTransactional() {
		return insertFiles(app, job, torrent, files[:min(len(files), collections.FileRowsPerTx)], selection)
	}
	for batch := range slices.Chunk(files, collections.FileRowsPerTx) {
		err := hooks.InTransaction(app, func(tx core.App) error {
			if live, err := isLive(tx, job.Id); err != nil || !live {
				return err
			}
			return insertFiles(tx, job, torrent, batch, selection)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func isLive(tx core.App, jobID string) (bool, error) {
	row, err := one[struct {
		Status collections.Status `db:"status"`
	}](tx, `SELECT status FROM jobs WHERE id = {:job}`, dbx.Params{"job": jobID})
	if isNoRows(err) {
		return false, nil
	}
	return !row.Status.Terminal(), err
}

// fillAwaiting makes the rows that a crash kept from jobs whose files a person is to choose.
func (d *Dispatcher) fillAwaiting() {
	jobs, err := all[idRow](d.App, `SELECT j.id FROM jobs j JOIN torrents t ON t.id = j.torrent_id
		WHERE j.status = 'awaiting_selection' AND t.file_count > (SELECT COUNT(*) FROM files f WHERE f.job_id = j.id)`, nil)
	for _, row := range jobs {
		if d.ctx.Err() != nil {
			return
		}
		job, findErr := d.App.FindRecordById("jobs", row.ID)
		if findErr == nil {
			findErr = FillFiles(d.App, job)
		}
		err = errors.Join(err, findErr)
	}
	if err != nil {
		d.Logger.Error("files of jobs that await a selection are missing", "error", err)
	}
}

// FillFiles makes the rows that a job with a torrent lacks: those of a large one are made in transactions of
// FileRowsPerTx, and a crash may come between two of them.
func FillFiles(app core.App, job *core.Record) error {
	torrent, err := app.FindRecordById("torrents", job.GetString("torrent_id"))
	if err != nil {
		return err
	}
	n, err := app.CountRecords("files", dbx.HashExp{"job_id": job.Id})
	if err != nil || n == int64(torrent.GetInt("file_count")) {
		return err
	}
	m, err := loadMetainfo(app, torrent)
	if err != nil {
		return err
	}
	return AddFiles(app, job, torrent, m)
}

func contentFiles(m *collections.Metainfo) []collections.MetaFile {
	files := make([]collections.MetaFile, 0, len(m.Files))
	for _, f := range m.Files {
		if f.Wanted() {
			files = append(files, f)
		}
	}
	return files
}

// selectionOf answers a job's selection in ascending order; nil means all. PocketBase may keep a missing one as an empty list.
func selectionOf(job *core.Record) []int {
	var selection []int
	if err := job.UnmarshalJSONField("selection", &selection); err != nil {
		return nil
	}
	return ordered(selection)
}

func ordered(selection []int) []int {
	if len(selection) == 0 {
		return nil
	}
	return slices.Sorted(slices.Values(selection))
}

func selected(selection []int, index int) bool {
	if selection == nil {
		return true
	}
	_, found := slices.BinarySearch(selection, index)
	return found
}

const (
	insertObject = `INSERT INTO objects (id, torrent_id, file_index, scope, size_bytes, state, created_at, updated_at)
		VALUES ({:id}, {:torrent}, {:index}, {:job}, {:size}, 'uploading', {:now}, {:now})
		ON CONFLICT (torrent_id, file_index, scope) DO NOTHING`
	insertFile = `INSERT INTO files (id, job_id, user_id, object_id, file_index, path, size_bytes, mime_type, selected, revision, created_at, updated_at)
		SELECT {:id}, {:job}, {:user}, COALESCE((SELECT id FROM objects WHERE torrent_id = {:torrent} AND file_index = {:index} AND scope = {:job}), ''),
			{:index}, {:path}, {:size}, {:mime}, {:selected}, 1, {:now}, {:now}
		WHERE TRUE ON CONFLICT (job_id, file_index) DO NOTHING`
)

func insertFiles(tx core.App, job, torrent *core.Record, files []collections.MetaFile, selection []int) error {
	objects := tx.NonconcurrentDB().NewQuery(insertObject).Prepare()
	defer func() { _ = objects.Close() }()
	rows := tx.NonconcurrentDB().NewQuery(insertFile).Prepare()
	defer func() { _ = rows.Close() }()
	for _, f := range files {
		key := dbx.Params{"torrent": torrent.Id, "index": f.Index, "job": job.Id, "size": f.Size, "now": now()}
		chosen := selected(selection, f.Index)
		if chosen {
			if _, err := objects.Bind(with(key, dbx.Params{"id": core.GenerateDefaultRandomId()})).Execute(); err != nil {
				return err
			}
		}
		_, err := rows.Bind(with(key, dbx.Params{
			"id": core.GenerateDefaultRandomId(), "user": job.GetString("user_id"), "path": f.Path,
			"mime": collections.MimeType(f.Path), "selected": chosen,
		})).Execute()
		if err != nil {
			return err
		}
	}
	return nil
}
