package dispatch

import (
	"errors"
	"slices"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"golang.org/x/sync/singleflight"

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

// AddFiles makes the rows of a job's files and gives the selected ones their objects, if it may have them by now. It is
// idempotent by (job, file_index), and a job that has ended or is gone gets no more. In a transaction of the caller it makes
// the first FileRowsPerTx only, so that no writer waits long; FillFiles makes what is missing.
func AddFiles(app core.App, job, torrent *core.Record, m *collections.Metainfo) error {
	add, err := newAddition(app, job, torrent)
	if err != nil {
		return err
	}
	files := contentFiles(m)
	if app.IsTransactional() {
		return add.insert(app, files[:min(len(files), collections.FileRowsPerTx)])
	}
	for batch := range slices.Chunk(files, collections.FileRowsPerTx) {
		if err := hooks.InTransaction(app, func(tx core.App) error { return add.insert(tx, batch) }); err != nil {
			return err
		}
	}
	return nil
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

var filling singleflight.Group // by job

// FillFiles makes the rows that a job with a torrent lacks, and the objects that its selected files lack: those of a large one
// are made in transactions of FileRowsPerTx, and a crash may come between two of them. Who asks while it does so waits for it.
func FillFiles(app core.App, job *core.Record) error {
	_, err, _ := filling.Do(job.Id, func() (any, error) { return nil, fillFiles(app, job) })
	return err
}

func fillFiles(app core.App, job *core.Record) error {
	torrent, err := app.FindRecordById("torrents", job.GetString("torrent_id"))
	if err != nil {
		return err
	}
	n, err := app.CountRecords("files", dbx.HashExp{"job_id": job.Id})
	if err != nil {
		return err
	}
	if n < int64(torrent.GetInt("file_count")) {
		m, err := loadMetainfo(app, torrent)
		if err != nil {
			return err
		}
		if err := AddFiles(app, job, torrent, m); err != nil {
			return err
		}
	}
	return attachChosen(app, job, torrent)
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

// addition makes files of one job.
type addition struct {
	job, torrent *core.Record
	scope        string
	selection    []int
}

func newAddition(app core.App, job, torrent *core.Record) (*addition, error) {
	scope, err := scopeOf(app, job, torrent)
	return &addition{job: job, torrent: torrent, scope: scope, selection: selectionOf(job)}, err
}

// insert makes the rows of the files that are not there yet, inside a transaction.
func (a *addition) insert(tx core.App, files []collections.MetaFile) error {
	if live, err := isLive(tx, a.job.Id); err != nil || !live || len(files) == 0 {
		return err
	}
	r := indexRange{files[0].Index, files[len(files)-1].Index}
	if there, err := r.count(tx, a.job.Id); err != nil || there == len(files) {
		return err
	}
	objects, err := a.objects(tx, files, r)
	if err != nil {
		return err
	}
	if err := a.insertRows(tx, files, objects); err != nil {
		return err
	}
	return tellComplete(tx, a.job.Id, r)
}

// objects answers those of the files that the job wants by file index, none while it may have none.
func (a *addition) objects(tx core.App, files []collections.MetaFile, r indexRange) (map[int]objectRow, error) {
	if may, err := mayHaveFiles(tx, a.job.Id); err != nil || !may {
		return nil, err
	}
	if err := makeObjects(tx, a.torrent.Id, a.scope, a.wanted(files)); err != nil {
		return nil, err
	}
	rows, err := all[objectRow](tx, `SELECT id, file_index, state FROM objects WHERE torrent_id = {:torrent} AND scope = {:scope} AND state != 'deleting'
		AND file_index BETWEEN {:from} AND {:upto}`, dbx.Params{"torrent": a.torrent.Id, "scope": a.scope, "from": r.from, "upto": r.upto})
	objects := make(map[int]objectRow, len(rows))
	for _, row := range rows {
		objects[row.Index] = row
	}
	return objects, err
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

func (a *addition) wanted(files []collections.MetaFile) []bareFile {
	var wanted []bareFile
	for _, f := range files {
		if selected(a.selection, f.Index) {
			wanted = append(wanted, bareFile{f.Index, f.Size})
		}
	}
	return wanted
}

type objectRow struct {
	ID    string                  `db:"id"`
	Index int                     `db:"file_index"`
	State collections.ObjectState `db:"state"`
}

func (a *addition) insertRows(tx core.App, files []collections.MetaFile, objects map[int]objectRow) error {
	rows := tx.NonconcurrentDB().NewQuery(`INSERT INTO files
		(id, job_id, user_id, object_id, file_index, path, size_bytes, mime_type, selected, is_complete, revision, created_at, updated_at)
		VALUES ({:id}, {:job}, {:user}, {:object}, {:index}, {:path}, {:size}, {:mime}, {:selected}, {:complete}, 1, {:now}, {:now})
		ON CONFLICT (job_id, file_index) DO NOTHING`).Prepare()
	defer func() { _ = rows.Close() }()
	owner, at := a.job.GetString("user_id"), now()
	for _, f := range files {
		chosen, object := selected(a.selection, f.Index), objectRow{}
		if chosen {
			object = objects[f.Index]
		}
		_, err := rows.Bind(dbx.Params{
			"id": core.GenerateDefaultRandomId(), "job": a.job.Id, "user": owner, "object": object.ID, "index": f.Index, "path": f.Path,
			"size": f.Size, "mime": collections.MimeType(f.Path), "selected": chosen, "complete": object.State == collections.ObjectStored, "now": at,
		}).Execute()
		if err != nil {
			return err
		}
	}
	return nil
}
