package api

import (
	"bytes"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/longshore-project/longshore/collections"
)

// magnetOf answers the magnet of a .torrent.
func magnetOf(t testing.TB, metainfo []byte) map[string]any {
	t.Helper()
	m, err := collections.ParseMetainfo(metainfo)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{"magnet": "magnet:?xt=urn:btih:" + string(m.Infohash)}
}

// privately makes a .torrent private (BEP 27).
func privately(metainfo []byte) []byte {
	return append(bytes.TrimSuffix(metainfo, []byte("ee")), "7:privatei1eee"...)
}

func TestAMagnetOfAKnownTorrentHasItsFilesAtOnce(t *testing.T) {
	s := newServer(t)
	album := torrent("Album", testFile{"a", 10}, testFile{"b", 20})
	ann, bob := s.signedIn("ann@example.com"), s.signedIn("bob@example.com")
	ann.mustCreate(newForm().torrent(album))
	job := bob.mustCreate(magnetOf(t, album))
	if counts := bob.detail(job.ID).FileCounts; job.Name != "Album" || job.SizeBytes != 30 || counts.Total != 2 {
		t.Errorf("got %+v with files %+v", job, counts)
	}
	if s.count("objects", nil) != 2 || bob.usage().StorageUsed != 30 {
		t.Errorf("%d objects, usage %+v", s.count("objects", nil), bob.usage())
	}
}

func TestAMagnetOfAKnownTorrentIsJudgedByItsSize(t *testing.T) {
	s := newServer(t)
	album := torrent("Album", testFile{"a", 2_000_000})
	ann, bob := s.signedIn("ann@example.com"), s.signedIn("bob@example.com")
	ann.mustCreate(newForm().torrent(album))
	s.mustLimit(s.find("bob@example.com").Id, func(p *collections.Plan) { p.MaxFileSizeMB = 1 })
	bob.call("POST", "/jobs", magnetOf(t, album)).want(t, 403, collections.CodeQuotaFileSize)
	outside := magnetOf(t, album)
	outside["selection"] = []int{1}
	bob.call("POST", "/jobs", outside).want(t, 400, collections.CodeInvalidInput)
	if n := s.count("jobs", dbx.HashExp{"user_id": s.find("bob@example.com").Id}); n != 0 {
		t.Errorf("%d jobs", n)
	}
}

func TestNothingIsKnownOfWhatIsNotShared(t *testing.T) {
	for name, metainfo := range map[string]func(s *server) []byte{
		"a private torrent of another user": func(*server) []byte { return privately(torrent("Album", testFile{"a", 10})) },
		"any torrent while content is not stored once": func(s *server) []byte {
			s.set("settings", "", map[string]any{"content_once": false})
			return torrent("Album", testFile{"a", 10})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			album := metainfo(s)
			ann, bob := s.signedIn("ann@example.com"), s.signedIn("bob@example.com")
			ann.mustCreate(newForm().torrent(album))
			if job := bob.mustCreate(magnetOf(t, album)); job.Name != "" || job.SizeBytes != 0 {
				t.Errorf("got %+v", job)
			}
		})
	}
}

func TestAPrivateTorrentIsKnownToItsOwner(t *testing.T) {
	s := newServer(t)
	album := privately(torrent("Album", testFile{"a", 10}))
	ann := s.signedIn("ann@example.com")
	first := ann.mustCreate(newForm().torrent(album))
	ann.call("DELETE", "/jobs/"+first.ID, nil).want(t, 204, "")
	if job := ann.mustCreate(magnetOf(t, album)); job.Name != "Album" || job.SizeBytes != 10 {
		t.Errorf("got %+v", job)
	}
}
