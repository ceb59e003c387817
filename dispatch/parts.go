package dispatch

import (
	"fmt"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
)

// recorded is what became of the parts of one report entry.
type recorded struct {
	new    int      // parts that were not on record
	whole  []string // uploads of which every part is on record now
	misfit bool     // a part does not fit what the control plane expects: the agent's account is old
}

// target is where a part of a file goes.
type target struct {
	ObjectID string `db:"object_id"`
	Size     int64  `db:"size_bytes"`
	State    string `db:"state"`
	Upload   string `db:"upload"` // the row, "" while there is none
	UploadID string `db:"upload_id"`
	Key      string `db:"key"`
	PartSize int64  `db:"part_size"`
	Index    int    `db:"file_index"`
	Path     string `db:"path"`
	Mime     string `db:"mime_type"`
	Foreign  bool   `db:"is_foreign"` // another job makes the object
}

const selectTarget = `SELECT o.id AS object_id, o.size_bytes, o.state, COALESCE(u.id, '') AS upload, COALESCE(u.upload_id, '') AS upload_id,
		COALESCE(u.key, '') AS key, COALESCE(u.part_size, 0) AS part_size, f.file_index, f.path, f.mime_type,
		EXISTS (SELECT 1 FROM files others JOIN jobs ON jobs.id = others.job_id WHERE others.object_id = o.id AND others.job_id != f.job_id
			AND jobs.status IN ('downloading', 'uploading')) AS is_foreign
	FROM files f JOIN objects o ON o.id = f.object_id LEFT JOIN uploads u ON u.object_id = o.id
	WHERE f.job_id = {:job} AND f.file_index = {:index}`

// isOpen says whether the job may store bytes of the object.
func (t *target) isOpen() bool { return t.State == string(collections.ObjectUploading) && !t.Foreign }

func findTarget(app core.App, jobID string, index int) (target, error) {
	return one[target](app, selectTarget, dbx.Params{"job": jobID, "index": index})
}

// recordParts writes the parts of an entry whose attempt is current. Saying a part twice changes nothing.
func recordParts(tx core.App, r *collections.JobReport) (recorded, error) {
	var rec recorded
	touched := map[string]target{}
	for i := range r.Parts {
		p := &r.Parts[i]
		t, err := findTarget(tx, r.JobID, p.File)
		if isNoRows(err) || err == nil && !t.isOpen() {
			rec.misfit = rec.misfit || t.State != string(collections.ObjectStored)
			continue
		}
		if err != nil {
			return rec, err
		}
		n, fits, err := recordPart(tx, r, p, &t)
		if err != nil {
			return rec, err
		}
		rec.new += n
		rec.misfit = rec.misfit || !fits
		if fits {
			touched[t.Upload] = t
		}
	}
	for id, t := range touched {
		whole, err := isWhole(tx, id, &t)
		if err != nil {
			return rec, err
		}
		if whole {
			rec.whole = append(rec.whole, id)
		}
	}
	return rec, nil
}

func recordPart(tx core.App, r *collections.JobReport, p *collections.PartDone, t *target) (n int, fits bool, err error) {
	if p.Key != "" || p.Number == 0 {
		return recordWhole(tx, r, p, t)
	}
	if t.Upload == "" || t.UploadID == "" || p.Number < 1 || p.Number > collections.PartCount(t.Size, t.PartSize) || !isETag(p.ETag) {
		return 0, false, nil
	}
	if _, length := collections.PartRange(t.Size, t.PartSize, p.Number); length != p.Size {
		return 0, false, nil
	}
	n, err = savePart(tx, t.Upload, p.Number, p, r.Attempt)
	return n, err == nil, err
}

// recordWhole takes a file that was PUT or linked under a key of its own. It replaces an upload in parts of an earlier attempt.
func recordWhole(tx core.App, r *collections.JobReport, p *collections.PartDone, t *target) (n int, fits bool, err error) {
	linked := p.Number == 0
	if p.Size != t.Size || !isKey(p.Key, t.ObjectID, r.Attempt) || !linked && !isETag(p.ETag) {
		return 0, false, nil
	}
	if t.Upload != "" && t.Key == p.Key {
		n, err = savePart(tx, t.Upload, 1, p, r.Attempt)
		return n, err == nil, err
	}
	if t.Upload != "" {
		if err := forgetUpload(tx, t.Upload); err != nil {
			return 0, false, err
		}
	}
	t.Upload, t.UploadID, t.Key, t.PartSize = core.GenerateDefaultRandomId(), "", p.Key, t.Size
	if _, err := insertUpload(tx, t, r.Attempt); err != nil {
		return 0, false, err
	}
	n, err = savePart(tx, t.Upload, 1, p, r.Attempt)
	return n, err == nil, err
}

// keyPrefix begins every key that an attempt gets for an object.
func keyPrefix(objectID string, attempt int64) string {
	return fmt.Sprintf("objects/%s/%d-", objectID, attempt)
}

// isKey says whether URLs may have given that key to the attempt.
func isKey(key, objectID string, attempt int64) bool {
	random, ok := strings.CutPrefix(key, keyPrefix(objectID, attempt))
	return ok && len(random) == keyRandom && strings.Trim(random, keyAlphabet) == ""
}

func isETag(etag string) bool { return etag != "" && len(etag) <= 255 }

// savePart answers 1 when the part was not on record, or with another ETag.
func savePart(tx core.App, upload string, number int, p *collections.PartDone, attempt int64) (int, error) {
	n, err := exec(tx, `INSERT INTO upload_parts (id, upload, number, size_bytes, etag, attempt, created_at, updated_at)
		VALUES ({:id}, {:upload}, {:number}, {:size}, {:etag}, {:attempt}, {:now}, {:now})
		ON CONFLICT (upload, number) DO UPDATE SET size_bytes = excluded.size_bytes, etag = excluded.etag, attempt = excluded.attempt,
			updated_at = excluded.updated_at WHERE etag != excluded.etag OR size_bytes != excluded.size_bytes`,
		dbx.Params{"id": core.GenerateDefaultRandomId(), "upload": upload, "number": number, "size": p.Size, "etag": p.ETag, "attempt": attempt, "now": now()})
	return int(n), err
}

// insertUpload answers false when the object has an upload already or is not to be made any more.
func insertUpload(tx core.App, t *target, attempt int64) (bool, error) {
	n, err := exec(tx, `INSERT INTO uploads (id, object_id, key, upload_id, part_size, size_bytes, attempt, created_at, updated_at)
		SELECT {:id}, id, {:key}, {:upload}, {:part}, size_bytes, {:attempt}, {:now}, {:now} FROM objects WHERE id = {:object} AND state = 'uploading'
		ON CONFLICT (object_id) DO NOTHING`,
		dbx.Params{"id": t.Upload, "object": t.ObjectID, "key": t.Key, "upload": t.UploadID, "part": t.PartSize, "attempt": attempt, "now": now()})
	return n == 1, err
}

// forgetUpload drops an upload and its parts from the record. The sweeper aborts what the store still has of it.
func forgetUpload(tx core.App, id string) error {
	params := dbx.Params{"upload": id}
	if _, err := exec(tx, `DELETE FROM upload_parts WHERE upload = {:upload}`, params); err != nil {
		return err
	}
	_, err := exec(tx, `DELETE FROM uploads WHERE id = {:upload}`, params)
	return err
}

// forgetUploadOf does so for an object, whichever upload made it: another attempt may have begun one meanwhile.
func forgetUploadOf(tx core.App, objectID string) error {
	params := dbx.Params{"object": objectID}
	if _, err := exec(tx, `DELETE FROM upload_parts WHERE upload IN (SELECT id FROM uploads WHERE object_id = {:object})`, params); err != nil {
		return err
	}
	_, err := exec(tx, `DELETE FROM uploads WHERE object_id = {:object}`, params)
	return err
}

func isWhole(tx core.App, upload string, t *target) (bool, error) {
	n, err := tx.CountRecords("upload_parts", dbx.HashExp{"upload": upload})
	return int(n) == collections.PartCount(t.Size, t.PartSize), err
}
