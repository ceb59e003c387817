package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/longshore-project/longshore/plugins/enginetest"
	"github.com/longshore-project/longshore/storage/storetest"
)

// tree has nested folders, names beyond ASCII, an empty file, small files and one of several parts.
func tree(t testing.TB) *enginetest.Payload {
	return enginetest.NewPayload(t,
		enginetest.PayloadFile{Name: "season 1/episode 1.mkv", Size: 21<<20 + 17},
		enginetest.PayloadFile{Name: "season 1/extras/日本語 😀.srt", Size: 4711},
		enginetest.PayloadFile{Name: "season 1/extras/deep/er/notes.txt", Size: 1},
		enginetest.PayloadFile{Name: "empty.nfo", Size: 0},
		enginetest.PayloadFile{Name: "Ünïcode/Icon", Size: 70_001},
	)
}

func largeFile(t testing.TB) *enginetest.Payload {
	return enginetest.NewPayload(t, enginetest.PayloadFile{Name: "large.iso", Size: 128<<20 + 4321})
}

// s3 starts a real S3 server and answers the settings that make serve use it.
func s3(t testing.TB) []string {
	cfg := storetest.StartS3(t).Bucket(t)
	return []string{
		"LONGSHORE_STORAGE=s3", "LONGSHORE_S3_ENDPOINT=" + cfg.Endpoint, "LONGSHORE_S3_BUCKET=" + cfg.Bucket,
		"LONGSHORE_S3_REGION=" + cfg.Region, "LONGSHORE_S3_ACCESS_KEY=" + cfg.AccessKey, "LONGSHORE_S3_SECRET_KEY=" + cfg.SecretKey,
		"LONGSHORE_S3_PATH_STYLE=1",
	}
}

func localDisk(testing.TB) []string { return nil }

func TestMainJobWithForeignSeeders(t *testing.T) {
	for _, c := range []struct {
		name    string
		seed    seeder
		payload func(testing.TB) *enginetest.Payload
		store   func(testing.TB) []string
		magnet  bool
	}{
		{"a tree by magnet from transmission into the local store", seedTransmission, tree, localDisk, true},
		{"a large file by torrent from aria2 into S3", seedAria2, largeFile, s3, false},
		{"a large file by magnet from qbittorrent into the local store", seedQbittorrent, largeFile, localDisk, true},
		{"a tree by torrent from qbittorrent into S3", seedQbittorrent, tree, s3, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := c.payload(t)
			tracker := startTracker(t, string(p.Infohash))
			c.seed(t, p, tracker)
			waitAnnounced(t, tracker, string(p.Infohash))
			s := startServer(t, c.store(t))
			user := signIn(t, s)
			var j job
			if c.magnet {
				j = user.addMagnet(p.Magnet(tracker))
			} else {
				j = user.addTorrent(p.WithTrackers(tracker))
			}
			done := user.waitStatus(j.ID, "completed", 3*time.Minute)
			if done.Name != p.Name || done.SizeBytes != p.TotalSize || done.DoneBytes != p.TotalSize || done.StoredBytes != p.TotalSize {
				t.Errorf("the finished job says %+v; the torrent is %s with %d bytes", done, p.Name, p.TotalSize)
			}
			user.mustMatch(j.ID, p.Hashes())
			user.waitUsage(p.TotalSize)
			s.mustPassDoctor(t)
		})
	}
}

// The link of a file that is whole works while the rest of the job still downloads.
func TestLinkBeforeTheJobHasFinished(t *testing.T) {
	for name, store := range map[string]func(testing.TB) []string{"local": localDisk, "s3": s3} {
		t.Run(name, func(t *testing.T) {
			p := enginetest.NewPayload(t,
				enginetest.PayloadFile{Name: "first.bin", Size: 9<<20 + 1},
				enginetest.PayloadFile{Name: "never.bin", Size: 20 << 20},
			)
			// The seeder has nothing of the second file, so the job cannot finish.
			tracker := enginetest.NewTracker(t)
			first := p.Files[0]
			_, end := p.FilePieces(&first, 0, first.Size)
			seed := enginetest.NewSeeder(t, p, enginetest.SeederOptions{Lack: lack(end, p.NumPieces), Trackers: []string{tracker.URL}})
			defer seed.Close()
			s := startServer(t, store(t))
			user := signIn(t, s)
			j := user.addMagnet(p.Magnet(tracker.URL))
			eventually(t, "the first file is whole", time.Minute, func() error {
				if f := user.files(j.ID)[first.Path]; !f.IsComplete {
					return fmt.Errorf("%+v", f)
				}
				return nil
			})
			if now, _ := user.job(j.ID); now.Status != "downloading" {
				t.Errorf("the job is %s", now.Status)
			}
			files := user.files(j.ID)
			link := user.signedURL(files[first.Path].ID)
			if got := fetchSum(t, link); got != p.Hashes()[first.Path] {
				t.Errorf("SHA-256 is %s", got)
			}
			rangeAnswers206(t, link, p)
			alteredLinkIsRefused(t, link)
			if status, body, _ := user.call("POST", "/files/"+files[p.Files[1].Path].ID+"/signed-url", "application/json", strings.NewReader("{}")); status/100 != 4 {
				t.Errorf("a link to a file that is not whole: %d %s", status, body)
			}
		})
	}
}

func rangeAnswers206(t *testing.T, link string, p *enginetest.Payload) {
	t.Helper()
	req, _ := http.NewRequest("GET", link, nil)
	req.Header.Set("Range", "bytes=1000-1999")
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer resp.Body.Close()
	got, _ := io.ReadAll(resp.Body)
	want := make([]byte, 1000)
	p.Open(0).ReadAt(want, 1000)
	if resp.StatusCode != 206 || string(got) != string(want) {
		t.Errorf("Range answered %d with %d bytes, equal: %v", resp.StatusCode, len(got), string(got) == string(want))
	}
}

func alteredLinkIsRefused(t *testing.T, link string) {
	t.Helper()
	u, err := url.Parse(link)
	must(t, err)
	for name, change := range map[string]func(){
		"another object": func() { u.Path = u.Path[:len(u.Path)-1] + "0" },
		"a changed query": func() {
			q := u.Query()
			for k, v := range q {
				if strings.Contains(strings.ToLower(k), "sig") {
					q.Set(k, flipped(v[0]))
				}
			}
			u.RawQuery = q.Encode()
		},
	} {
		u, _ = url.Parse(link)
		change()
		resp, err := http.Get(u.String())
		must(t, err)
		resp.Body.Close()
		if resp.StatusCode != 403 {
			t.Errorf("%s answered %d", name, resp.StatusCode)
		}
	}
}

func flipped(s string) string {
	last := byte('0')
	if s[len(s)-1] == '0' {
		last = '1'
	}
	return s[:len(s)-1] + string(last)
}

// A link works until its time is over, and not afterwards.
func TestExpiredLinkIsRefused(t *testing.T) {
	for name, store := range map[string]func(testing.TB) []string{"local": localDisk, "s3": s3} {
		t.Run(name, func(t *testing.T) {
			p := enginetest.NewPayload(t, enginetest.PayloadFile{Name: "small.bin", Size: 100_000})
			tracker := enginetest.NewTracker(t)
			seed := enginetest.NewSeeder(t, p, enginetest.SeederOptions{Trackers: []string{tracker.URL}})
			defer seed.Close()
			s := startServer(t, append(store(t), "LONGSHORE_LINK_TTL=4s"))
			user := signIn(t, s)
			j := user.addMagnet(p.Magnet(tracker.URL))
			user.waitStatus(j.ID, "completed", time.Minute)
			link := user.signedURL(user.files(j.ID)[p.Files[0].Path].ID)
			fetchSum(t, link)
			eventually(t, "the link has expired", 15*time.Second, func() error {
				resp, err := http.Get(link)
				if err != nil {
					return err
				}
				resp.Body.Close()
				if resp.StatusCode != 403 {
					return fmt.Errorf("answered %d", resp.StatusCode)
				}
				return nil
			})
		})
	}
}
