package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/longshore-project/longshore/plugins/enginetest"
)

// album has many files of one size.
func album(t testing.TB) *enginetest.Payload { return albumOf(t, false) }

func albumOf(t testing.TB, private bool) *enginetest.Payload {
	files := make([]enginetest.PayloadFile, 160)
	for i := range files {
		files[i] = enginetest.PayloadFile{Name: fmt.Sprintf("disc %d/track %03d.flac", i/20+1, i), Size: 1 << 20}
	}
	return enginetest.MakePayload(t, enginetest.PayloadSpec{Files: files, PieceLength: 256 << 10, Private: private})
}

func (c *client) verdict(id string) (string, error) {
	var out struct {
		Verdict *struct {
			Code string `json:"code"`
		} `json:"verdict"`
	}
	if err := c.json("GET", "/jobs/"+id, nil, 200, &out); err != nil || out.Verdict == nil {
		return "", err
	}
	return out.Verdict.Code, nil
}

func (c *client) waitVerdict(id, code string) {
	c.t.Helper()
	eventually(c.t, "job "+id+" says "+code, 20*time.Second, func() error {
		if got, err := c.verdict(id); err != nil || got != code {
			return fmt.Errorf("it says %q, %w", got, err)
		}
		return nil
	})
}

// Two users want one torrent. The second waits, takes over when the first is deleted midway, and a third gets it when no peer is left.
func TestContentIsFetchedOnce(t *testing.T) {
	for _, c := range []struct {
		name    string
		payload func(testing.TB) *enginetest.Payload
		store   func(testing.TB) []string
	}{
		{"an album into the local store", album, localDisk},
		{"an album into S3", album, s3},
		{"a large file into the local store", largeFile, localDisk},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := c.payload(t)
			tracker := startTracker(t, string(p.Infohash))
			seed := startAria2(t, p, tracker, "--max-overall-upload-limit=16M")
			waitAnnounced(t, tracker, string(p.Infohash))
			s := startServer(t, c.store(t))
			ann, bob, cid := signInAs(t, s, "ann@example.com"), signInAs(t, s, "bob@example.com"), signInAs(t, s, "cid@example.com")

			first := ann.addMagnet(p.Magnet(tracker))
			ann.waitDone(first.ID, 0.1, time.Minute)
			second := bob.addTorrent(p.WithTrackers(tracker))
			bob.waitVerdict(second.ID, "waits_for_content")
			ann.waitDone(first.ID, 0.5, time.Minute)
			ann.mustJSON("DELETE", "/jobs/"+first.ID, nil, 204, nil)
			done := bob.waitStatus(second.ID, "completed", 2*time.Minute)
			if done.Attempt != 1 || done.StoredBytes != p.TotalSize {
				t.Errorf("the second ended as %+v", done)
			}
			state, err := seed.state()
			must(t, err)
			if float64(state.Uploaded) > 1.05*float64(p.TotalSize) {
				t.Errorf("%d bytes were fetched of a torrent of %d", state.Uploaded, p.TotalSize)
			}
			bob.mustMatch(second.ID, p.Hashes())
			s.mustPassDoctor(t)

			seed.end()
			third := cid.addMagnet(p.Magnet(tracker))
			if done := cid.waitStatus(third.ID, "completed", 10*time.Second); done.Attempt != 0 {
				t.Errorf("the third ended as %+v", done)
			}
			bob.mustJSON("DELETE", "/jobs/"+second.ID, nil, 204, nil)
			cid.mustMatch(third.ID, p.Hashes())
			s.mustPassDoctor(t)
		})
	}
}

// What one user has of a private torrent is of no use to another.
func TestPrivateContentIsFetchedByEachUser(t *testing.T) {
	p := albumOf(t, true)
	tracker := startTracker(t, string(p.Infohash))
	seed := startAria2(t, p, tracker)
	waitAnnounced(t, tracker, string(p.Infohash))
	s := startServer(t, nil)
	for i, name := range []string{"ann@example.com", "bob@example.com"} {
		user := signInAs(t, s, name)
		j := user.addTorrent(p.WithTrackers(tracker))
		user.waitStatus(j.ID, "completed", 2*time.Minute)
		user.mustMatch(j.ID, p.Hashes())
		state, err := seed.state()
		must(t, err)
		if want := int64(i+1) * p.TotalSize; state.Uploaded < want {
			t.Errorf("%d bytes were fetched by %d users of a torrent of %d", state.Uploaded, i+1, p.TotalSize)
		}
	}
	s.mustPassDoctor(t)
}
