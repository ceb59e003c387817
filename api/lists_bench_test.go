package api

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

const benchClients = 8

// storm has clients make requests, as quick as they are answered, until the benchmark has had its n. It reports how long
// they took, from the first byte sent to the last one read, and how many there were a second.
func storm(b *testing.B, clients int, want int, request func(i int) *http.Request, client *http.Client) {
	b.Helper()
	took := make([]time.Duration, b.N)
	var next atomic.Int64
	var all sync.WaitGroup
	b.ResetTimer()
	begun, busy := time.Now(), processor(b)
	for range clients {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
				r := request(int(i))
				at := time.Now()
				if err := send(client, r, want); err != nil {
					b.Error(err)
					return
				}
				took[i] = time.Since(at)
			}
		})
	}
	all.Wait()
	b.StopTimer()
	report(b, took, time.Since(begun))
	b.ReportMetric((processor(b)-busy).Seconds()*1000/float64(b.N), "cpu-ms")
}

// processor answers the time that this process, clients and server, has spent on processors: other than delays it
// does not swing with what else the machine does.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func send(client *http.Client, r *http.Request, want int) error {
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != want {
		err = fmt.Errorf("%s: %d %s", r.URL, resp.StatusCode, body)
	}
	return err
}

func report(b *testing.B, took []time.Duration, whole time.Duration) {
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
	b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
	b.ReportMetric(float64(len(took))/whole.Seconds(), "requests/s")
	b.ReportMetric(0, "ns/op")
}

// busyClient keeps a connection for each of many at once.
func busyClient(b *testing.B, of *browser) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	b.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Jar: of.http.Jar, Transport: transport}
}

// benchServer has no limits of requests.
func benchServer(b *testing.B) *server {
	s := newServer(b)
	s.set("settings", "", map[string]any{"requests_per_minute": 1_000_000, "submits_per_minute": 1_000_000})
	return s
}

// crowd makes users with jobs by SQL; the jobs of each have names and sizes in no order.
func (s *server) crowd(users, jobsOfEach int) (emails []string) {
	s.t.Helper()
	for i := range users {
		email := fmt.Sprintf("user%d@example.com", i)
		user := hookstest.MustCreateUser(s.t, s.app, email, collections.RoleUser)
		_, err := s.app.NonconcurrentDB().NewQuery(`WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {:n})
			INSERT INTO jobs (id, user_id, infohash, name, status, desired, magnet_uri, size_bytes, label, revision, created_at, updated_at)
			SELECT lower(hex(randomblob(7))) || 'a', {:user}, lower(hex(randomblob(20))), 'A name of a torrent ' || hex(randomblob(10)),
				CASE i % 5 WHEN 0 THEN 'failed' WHEN 1 THEN 'cancelled' ELSE 'completed' END, 'run', 'magnet:?xt=urn:btih:' || lower(hex(randomblob(120))),
				abs(random()) % 100000000000, 'label ' || i % 7, 3, strftime('%Y-%m-%d %H:%M:%fZ', 1767225600 + i, 'unixepoch'),
				strftime('%Y-%m-%d %H:%M:%fZ', 1767225600 + abs(random()) % 1000000, 'unixepoch') FROM n`).
			Bind(dbx.Params{"n": jobsOfEach, "user": user.Id}).Execute()
		if err != nil {
			s.t.Fatal(err)
		}
		emails = append(emails, email)
	}
	if _, err := s.app.NonconcurrentDB().NewQuery("PRAGMA optimize").Execute(); err != nil { // as PocketBase does now and then
		s.t.Fatal(err)
	}
	return emails
}

// BenchmarkListJobs is a page of 50 of one's 10,000 jobs among 100,000.
func BenchmarkListJobs(b *testing.B) {
	s := benchServer(b)
	me := s.signInAgain(s.crowd(10, 10_000)[4])
	client := busyClient(b, me)
	middle := *me.list("?perPage=1&sort=name&page=5000").Next
	for _, bench := range []struct{ name, query string }{
		{"newest", "&skipTotal=true"}, {"by name", "&skipTotal=true&sort=name"}, {"by size falling", "&skipTotal=true&sort=-size_bytes"},
		{"by status", "&skipTotal=true&sort=status"}, {"behind a cursor", "&sort=name&after=" + middle}, {"page 100", "&skipTotal=true&page=100"},
		{"of two states", "&skipTotal=true&status=failed,cancelled"}, {"search", "&skipTotal=true&search=ABCD"}, {"with total", ""},
	} {
		b.Run(bench.name, func(b *testing.B) {
			url := prefix + "/jobs?perPage=50" + bench.query
			storm(b, benchClients, 200, func(int) *http.Request { return me.request("GET", url, nil) }, client)
		})
	}
}

// BenchmarkListFiles is a page of 50 of one's 100,000 files among 200,000.
func BenchmarkListFiles(b *testing.B) {
	s := benchServer(b)
	for _, email := range []string{"ann@example.com", "bob@example.com"} {
		user := hookstest.MustCreateUser(b, s.app, email, collections.RoleUser)
		job := hookstest.MustCreateJob(b, s.app, user, nil)
		_, err := s.app.NonconcurrentDB().NewQuery(`WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < 100000)
			INSERT INTO files (id, job_id, user_id, object_id, file_index, path, size_bytes, mime_type, selected, is_complete, revision, created_at, updated_at)
			SELECT lower(hex(randomblob(7))) || 'a', {:job}, {:user}, '', i, 'Torrent/' || hex(randomblob(10)) || '.mkv', abs(random()) % 1000000000,
				CASE i % 10 WHEN 0 THEN 'text/plain' ELSE 'video/x-matroska' END, TRUE, TRUE, 2, '', strftime('%Y-%m-%d %H:%M:%fZ', 1767225600 + i, 'unixepoch') FROM n`).
			Bind(dbx.Params{"job": job.Id, "user": user.Id}).Execute()
		if err != nil {
			b.Fatal(err)
		}
	}
	me := s.signInAgain("ann@example.com")
	client := busyClient(b, me)
	middle := *me.files("?perPage=1&sort=path&page=50000&skipTotal=true").Next
	for _, bench := range []struct{ name, query string }{
		{"latest", "&skipTotal=true"}, {"by path", "&skipTotal=true&sort=path"}, {"by size falling", "&skipTotal=true&sort=-size_bytes"},
		{"behind a cursor", "&sort=path&after=" + middle}, {"of a kind", "&skipTotal=true&kind=text"}, {"search", "&skipTotal=true&search=ABCDE"}, {"with total", ""},
	} {
		b.Run(bench.name, func(b *testing.B) {
			url := prefix + "/files?perPage=50" + bench.query
			storm(b, benchClients, 200, func(int) *http.Request { return me.request("GET", url, nil) }, client)
		})
	}
}

// BenchmarkSubmit is POST /jobs of magnets, each on disk before it is answered.
func BenchmarkSubmit(b *testing.B) {
	for _, clients := range []int{1, benchClients, 4 * benchClients} {
		b.Run(fmt.Sprintf("%d clients", clients), func(b *testing.B) {
			s := benchServer(b)
			s.crowd(10, 1000)
			me := s.signedIn("ann@example.com")
			storm(b, clients, 201, func(int) *http.Request {
				body := fmt.Sprintf(`{"magnet":"magnet:?xt=urn:btih:%040x&dn=A+name&tr=http%%3A%%2F%%2Ftracker.example%%2Fannounce"}`, rand.Uint64())
				return me.request("POST", prefix+"/jobs", body)
			}, busyClient(b, me))
		})
	}
}

// BenchmarkSubmitOfManyFiles is what others feel while somebody submits a .torrent of as many files as may be: they
// list, and they submit.
func BenchmarkSubmitOfManyFiles(b *testing.B) {
	files := make([]testFile, collections.MaxFiles)
	for i := range files {
		files[i] = testFile{fmt.Sprintf("folder %d/a file with a name %d.txt", i%100, i), 1000}
	}
	large := torrent("Many", files...)
	s := benchServer(b)
	other := s.signInAgain(s.crowd(10, 1000)[0])
	clients := map[string]func(i int) error{
		"list": func(int) error {
			return send(other.http, other.request("GET", prefix+"/jobs?perPage=50&skipTotal=true", nil), 200)
		},
		"submit": func(i int) error {
			return send(other.http, other.request("POST", prefix+"/jobs", fmt.Sprintf(`{"magnet":%q}`, magnet(i))), 201)
		},
	}
	made := 0
	for round := 0; b.Loop(); round++ {
		me := s.signedIn(fmt.Sprintf("large%d@example.com", round))
		done, submitted := make(chan struct{}), make(chan error, 1)
		go func() {
			defer close(done)
			form := newForm().torrent(bytes.Clone(large))
			submitted <- send(me.http, me.request("POST", prefix+"/jobs", form), 201)
		}()
		begun := time.Now()
		took := map[string][]time.Duration{}
		for waiting := true; waiting; {
			for name, call := range clients {
				at := time.Now()
				if err := call(made); err != nil {
					b.Fatal(err)
				}
				made++
				took[name] = append(took[name], time.Since(at))
			}
			select {
			case <-done:
				waiting = false
			default:
			}
		}
		if err := <-submitted; err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(begun).Seconds(), "s/torrent")
		for name, list := range took {
			slices.Sort(list)
			b.ReportMetric(list[len(list)*99/100].Seconds()*1000, name+"-p99-ms")
		}
	}
}
