package doctor

import (
	"fmt"
	"io"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"

	"github.com/longshore-project/longshore/collections"
)

var sizeColumns = map[string][]string{
	"jobs":     {"size_bytes", "done_bytes", "stored_bytes"},
	"torrents": {"size_bytes"}, "files": {"size_bytes"}, "objects": {"size_bytes"}, "uploads": {"size_bytes"}, "upload_parts": {"size_bytes"},
}

func sizesAgree(x *examination, found func(Violation)) (string, error) {
	inv, err := x.inventory()
	if err != nil {
		return "", err
	}
	for _, o := range inv.rows {
		if o.state == collections.ObjectStored && o.inside && o.actual != o.size {
			found(Violation{o.id, fmt.Sprintf("has %d bytes in the store and %d in its row", o.actual, o.size)})
		}
	}
	for table, columns := range sizeColumns {
		for _, column := range columns {
			err := x.query(found, fmt.Sprintf(`SELECT id, '%[2]s of %[1]s is ' || %[2]s FROM %[1]s WHERE %[2]s < 0 OR %[2]s > %[3]d OR %[2]s != CAST(%[2]s AS INTEGER)`,
				table, column, int64(collections.MaxSizeBytes)), nil)
			if err != nil {
				return "", err
			}
		}
	}
	err = x.queries(found, nil,
		`SELECT files.id, 'has ' || CAST(files.size_bytes AS INTEGER) || ' bytes, its object ' || CAST(objects.size_bytes AS INTEGER) FROM files
			JOIN objects ON objects.id = files.object_id WHERE files.size_bytes != objects.size_bytes`,
		`SELECT uploads.id, 'is an upload of ' || CAST(uploads.size_bytes AS INTEGER) || ' bytes for an object of ' || CAST(objects.size_bytes AS INTEGER) FROM uploads
			JOIN objects ON objects.id = uploads.object_id WHERE uploads.size_bytes != objects.size_bytes`)
	if err != nil {
		return "", err
	}
	return "", x.eachTorrent(found, func(torrent *core.Record, m *collections.Metainfo) error {
		return x.compareLengths(found, torrent.Id, m)
	})
}

// eachTorrent calls fn for every torrent whose metainfo can be read and names the others.
func (x *examination) eachTorrent(found func(Violation), fn func(*core.Record, *collections.Metainfo) error) error {
	files, err := x.app.NewFilesystem()
	if err != nil {
		return err
	}
	defer func() { _ = files.Close() }()
	var ids []string
	if err := x.app.ConcurrentDB().Select("id").From("torrents").WithContext(x).Column(&ids); err != nil {
		return err
	}
	for _, id := range ids {
		torrent, err := x.app.FindRecordById("torrents", id)
		if err != nil { // removed meanwhile
			continue
		}
		m, err := readMetainfo(files, torrent)
		if err != nil {
			found(Violation{id, "has no usable metainfo: " + err.Error()})
			continue
		}
		if err := fn(torrent, m); err != nil {
			return err
		}
	}
	return x.Err()
}

func readMetainfo(files *filesystem.System, torrent *core.Record) (*collections.Metainfo, error) {
	r, err := files.GetReader(torrent.BaseFilesPath() + "/" + torrent.GetString("metainfo"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	b, err := io.ReadAll(io.LimitReader(r, collections.MaxStoredMetainfo+1))
	if err != nil {
		return nil, err
	}
	m, err := collections.ParseMetainfo(b)
	if err != nil {
		return nil, err
	}
	if want := torrent.GetString("infohash_v1"); string(m.Infohash) != want {
		return nil, fmt.Errorf("its infohash is %s instead of %s", m.Infohash, want)
	}
	return m, nil
}

const torrentSizes = `SELECT id, 'object' kind, CAST(file_index AS INTEGER) number, CAST(size_bytes AS INTEGER) size FROM objects WHERE torrent_id = {:torrent}
	UNION ALL SELECT files.id, 'file', CAST(files.file_index AS INTEGER), CAST(files.size_bytes AS INTEGER)
	FROM files JOIN jobs ON jobs.id = files.job_id WHERE jobs.torrent_id = {:torrent}`

// compareLengths compares rows with the metainfo's files.
func (x *examination) compareLengths(found func(Violation), torrent string, m *collections.Metainfo) error {
	rows, err := x.app.ConcurrentDB().NewQuery(torrentSizes).WithContext(x).Bind(dbx.Params{"torrent": torrent}).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id, kind string
		var number, size int64
		if err := rows.Scan(&id, &kind, &number, &size); err != nil {
			return err
		}
		switch {
		case number < 0 || number >= int64(len(m.Files)):
			found(Violation{id, fmt.Sprintf("is the %s of file %d of a torrent of %d files", kind, number, len(m.Files))})
		case m.Files[number].Size != size:
			found(Violation{id, fmt.Sprintf("is a %s of %d bytes for a file of %d", kind, size, m.Files[number].Size)})
		}
	}
	return rows.Err()
}
