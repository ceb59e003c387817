package dispatch

import (
	"database/sql"
	"errors"
	"io"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// SaveMetainfo answers the torrents row of m and makes it when it is new. Private
// torrents have a row per owner. The row keeps the info dictionary only: trackers may carry
// a person's key and stay in that person's jobs.magnet_uri.
func SaveMetainfo(app core.App, owner string, m *collections.Metainfo) (*core.Record, error) {
	scope := ""
	if m.Private {
		scope = owner
	}
	found, err := findTorrent(app, m.Infohash, scope)
	if !errors.Is(err, sql.ErrNoRows) {
		return found, err
	}
	made, err := newTorrent(app, scope, m)
	if err != nil {
		return nil, err
	}
	if err := app.Save(made); err != nil {
		if found, findErr := findTorrent(app, m.Infohash, scope); findErr == nil { // another one was quicker
			return found, nil
		}
		return nil, err
	}
	return made, nil
}

// KnownTorrent answers the torrent of an infohash with its metainfo, if its owner may have it without fetching it: a
// public one, or a private one of his own. nil when there is none, and while content is not stored once.
func KnownTorrent(app core.App, owner string, infohash collections.Infohash) (*core.Record, *collections.Metainfo, error) {
	settings, err := hooks.Settings(app)
	if err != nil || !settings.ContentOnce {
		return nil, nil, err
	}
	for _, scope := range []string{"", owner} {
		torrent, err := findTorrent(app, infohash, scope)
		if isNoRows(err) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		m, err := loadMetainfo(app, torrent)
		return torrent, m, err
	}
	return nil, nil, nil
}

func findTorrent(app core.App, infohash collections.Infohash, scope string) (*core.Record, error) {
	return app.FindFirstRecordByFilter("torrents", "infohash_v1 = {:hash} && scope = {:scope}",
		dbx.Params{"hash": string(infohash), "scope": scope})
}

func newTorrent(app core.App, scope string, m *collections.Metainfo) (*core.Record, error) {
	torrents, err := app.FindCachedCollectionByNameOrId("torrents")
	if err != nil {
		return nil, err
	}
	file, err := filesystem.NewFileFromBytes(collections.BuildMetainfo(m.InfoBytes, nil, nil), "metainfo.torrent")
	if err != nil {
		return nil, err
	}
	record := core.NewRecord(torrents)
	record.Load(map[string]any{
		"infohash_v1": string(m.Infohash), "infohash_v2": m.InfohashV2, "scope": scope, "name": m.Name,
		"size_bytes": SelectedSize(m, nil), "piece_length": m.PieceLength, "file_count": len(contentFiles(m)),
		"private": m.Private, "metainfo": file,
	})
	return record, nil
}

// metainfoOfJob answers the metainfo of a job that has a torrent.
func metainfoOfJob(app core.App, job *core.Record) (*collections.Metainfo, error) {
	torrent, err := app.FindRecordById("torrents", job.GetString("torrent_id"))
	if err != nil {
		return nil, err
	}
	return loadMetainfo(app, torrent)
}

// loadMetainfo reads the torrent's info dictionary back.
func loadMetainfo(app core.App, torrent *core.Record) (*collections.Metainfo, error) {
	fs, err := app.NewFilesystem()
	if err != nil {
		return nil, err
	}
	defer func() { _ = fs.Close() }()
	r, err := fs.GetReader(torrent.BaseFilesPath() + "/" + torrent.GetString("metainfo"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	return collections.ParseMetainfo(b)
}
