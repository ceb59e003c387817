package api

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/progress"
	"github.com/longshore-project/longshore/storage"
)

// newMeteredServer is a server whose store tells a meter what it delivers, as serve's does.
func newMeteredServer(t *testing.T) (*server, *hooks.Meter) {
	t.Helper()
	var meter *hooks.Meter
	var store *storage.Local
	s := newClockedServer(t, func(cfg *Config) {
		base := func() string { return cfg.PublicURL }
		var err error
		store, err = storage.NewLocal(storage.LocalConfig{
			Dir: t.TempDir(), PartURL: base, PublicURL: base, Key: bytes.Repeat([]byte{9}, 32), Now: cfg.Now,
			Served: func(account string, n int64) { meter.Served(account, n) },
		})
		if err != nil {
			t.Fatal(err)
		}
		cfg.Store, cfg.Local = store, store
	})
	s.store = store
	meter = hooks.NewMeter(s.app, s.clock.now)
	return s, meter
}

// mustDeliver makes a job with one file of that content and answers the file's id.
func (b *browser) mustDeliver(name, content string) string {
	b.s.t.Helper()
	job := b.mustCreate(newForm().torrent(torrent(name, testFile{"a", int64(len(content))})))
	id := b.tree(job.ID, "").Items[0].Children[0].ID
	b.s.mustStore(id, content)
	return id
}

func (b *browser) mustLink(fileID string) string {
	b.s.t.Helper()
	var l link
	b.call("POST", "/files/"+fileID+"/signed-url", nil).into(b.s.t, 200, &l)
	return l.URL
}

// get fetches part of a link and answers how many bytes came.
func get(t *testing.T, method, url, byteRange string) int {
	t.Helper()
	r, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if byteRange != "" {
		r.Header.Set("Range", byteRange)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 400 {
		t.Fatalf("%s %s: %v", method, resp.Status, err)
	}
	return len(body)
}

func TestALocalStoreCountsTheBytesThatItSends(t *testing.T) {
	s, meter := newMeteredServer(t)
	b := s.signedIn("ann@example.com")
	content := strings.Repeat("longshore ", 1000)
	url := b.mustLink(b.mustDeliver("T", content))
	used := 0
	check := func(what string, sent, want int) {
		t.Helper()
		if err := meter.Flush(); err != nil {
			t.Fatal(err)
		}
		now := int(b.usage().BandwidthUsed)
		if sent != want || now-used != want {
			t.Errorf("%s: %d bytes came and %d were counted instead of %d", what, sent, now-used, want)
		}
		used = now
	}
	check("a whole file", get(t, "GET", url, ""), 10_000)
	check("a part", get(t, "GET", url, "bytes=100-199"), 100)
	check("the end", get(t, "GET", url, "bytes=-7"), 7)
	check("only its head", get(t, "HEAD", url, ""), 0)
	if got := fetch(t, strings.Replace(url, "account="+b.user.ID, "account=somebody0000000", 1)); got.status != 403 {
		t.Errorf("a link signed over to somebody else: %d", got.status)
	}
	check("a link that was altered", 0, 0)
}

func TestAnAbortedDownloadCountsWhatWasSent(t *testing.T) {
	s, meter := newMeteredServer(t)
	b := s.signedIn("ann@example.com")
	const size = 64 << 20
	url := b.mustLink(b.mustDeliver("T", strings.Repeat("x", size)))
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, resp.Body, 10<<20); err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	var used int64
	within(t, "what was sent is counted", func() bool {
		if err := meter.Flush(); err != nil {
			t.Fatal(err)
		}
		used = b.usage().BandwidthUsed
		return used >= 10<<20
	})
	if used >= size {
		t.Errorf("%d bytes were counted", used)
	}
}

// within waits for a condition.
func within(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func TestOverTheBandwidthThereAreNoNewLinks(t *testing.T) {
	s, _ := newMeteredServer(t)
	s.clock.set(time.Date(2031, 1, 31, 22, 0, 0, 0, time.UTC))
	b := s.signedIn("ann@example.com")
	s.mustLimit(b.user.ID, func(p *collections.Plan) { p.BandwidthGB = 1 })
	file := b.mustDeliver("T", "hello")
	path := "/files/" + file + "/signed-url"
	serve := func(n int64) {
		t.Helper()
		if err := hooks.AddMetrics(s.app, b.user.ID, s.clock.now(), hooks.Metrics{Served: n}); err != nil {
			t.Fatal(err)
		}
	}
	serve(999_999_999)
	url := b.mustLink(file)
	serve(1)
	b.call("POST", path, nil).want(t, 403, collections.CodeQuotaBandwidth)
	b.call("POST", "/jobs/"+b.jobs()[0].ID+"/signed-urls", nil).want(t, 403, collections.CodeQuotaBandwidth)
	if got := fetch(t, url); got.status != 200 {
		t.Errorf("a link that was there already: %d", got.status)
	}
	b.mustCreate(map[string]any{"magnet": magnetA})
	s.clock.advance(2*time.Hour - time.Millisecond)
	b.call("POST", path, nil).want(t, 403, collections.CodeQuotaBandwidth)
	s.clock.advance(time.Millisecond)
	b.mustLink(file)
	s.mustBeSound()
}

func (b *browser) jobs() []progress.Job {
	b.s.t.Helper()
	var list jobPage
	b.call("GET", "/jobs", nil).into(b.s.t, 200, &list)
	return list.Items
}

// remote is a store whose deliveries nobody sees, as a bucket's are.
type remote struct{ *storage.Local }

func (remote) Kind() string { return storage.KindS3 }

func newRemoteServer(t *testing.T) *server {
	t.Helper()
	return newClockedServer(t, func(cfg *Config) { cfg.Store = remote{cfg.Store.(*storage.Local)} })
}

func TestLinksIntoABucketCountOncePerFileAndDay(t *testing.T) {
	s := newRemoteServer(t)
	b, other := s.signedIn("ann@example.com"), s.signedIn("bob@example.com")
	first, second := b.mustDeliver("T", strings.Repeat("a", 300)), b.mustDeliver("U", strings.Repeat("b", 40))
	step := func(what string, do func(), want int64) {
		t.Helper()
		do()
		if u := b.usage(); u.BandwidthUsed != want {
			t.Errorf("%s: %d bytes are counted instead of %d", what, u.BandwidthUsed, want)
		}
	}
	step("a link", func() { b.mustLink(first) }, 300)
	step("the same again", func() { b.mustLink(first); b.mustLink(first) }, 300)
	step("all of its job", func() { b.call("POST", "/jobs/"+b.jobs()[1].ID+"/signed-urls", nil) }, 300)
	step("another file", func() { b.mustLink(second) }, 340)
	s.clock.advance(24*time.Hour - time.Millisecond)
	step("the same, just within a day", func() { b.mustLink(first) }, 340)
	s.clock.advance(time.Millisecond)
	step("the same a day later", func() { b.mustLink(first) }, 640)
	other.call("POST", "/files/"+first+"/signed-url", nil).want(t, 404, collections.CodeNotFound)
	step("what somebody else asked for", func() {}, 640)
	s.mustBeSound()
}

func TestParallelLinksAtTheEdgeOfTheBandwidth(t *testing.T) {
	s := newRemoteServer(t)
	b := s.signedIn("ann@example.com")
	s.mustLimit(b.user.ID, func(p *collections.Plan) { p.BandwidthGB = 1 })
	files := make([]string, 20)
	for i := range files {
		files[i] = b.mustDeliver(fmt.Sprint("T", i), "x")
	}
	if _, err := s.app.NonconcurrentDB().NewQuery(`UPDATE files SET size_bytes = 100000000`).Execute(); err != nil {
		t.Fatal(err)
	}
	var signing sync.WaitGroup
	statuses := make([]answer, len(files)*3)
	for i := range statuses {
		signing.Go(func() { statuses[i] = b.plain("POST", "/files/"+files[i%len(files)]+"/signed-url", nil) })
	}
	signing.Wait()
	signed := map[string]bool{}
	for i, a := range statuses {
		if a.status == 200 {
			signed[files[i%len(files)]] = true
		} else {
			a.want(t, 403, collections.CodeQuotaBandwidth)
		}
	}
	if u := b.usage(); len(signed) != 10 || u.BandwidthUsed != 1_000_000_000 {
		t.Errorf("%d files have links, %d bytes were counted", len(signed), u.BandwidthUsed)
	}
	if n, err := s.app.CountRecords("link_grants", dbx.HashExp{"user_id": b.user.ID}); n != 10 || err != nil {
		t.Errorf("%d grants, %v", n, err)
	}
	for id := range signed {
		b.mustLink(id) // it was counted already
	}
}
