package storage_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/longshore-project/longshore/storage"
)

// localStore is a local store with its folder and server, so that tests can break them.
type localStore struct {
	*storage.Local
	dir    string
	server *httptest.Server
	answer chan int // the status of each PUT that ended
}

func newLocal(t *testing.T, change func(*http.Server, *storage.Local)) *localStore {
	t.Helper()
	l := &localStore{dir: t.TempDir(), answer: make(chan int, 100)}
	l.server = httptest.NewUnstartedServer(nil)
	l.open(t)
	if change != nil {
		change(l.server.Config, l.Local)
	}
	l.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := &statusWriter{ResponseWriter: w}
		l.ServeHTTP(seen, r)
		l.answer <- seen.status
	})
	l.server.Start()
	t.Cleanup(l.server.Close)
	return l
}

// open opens the folder again, as a restart does.
func (l *localStore) open(t *testing.T) {
	t.Helper()
	url := func() string { return l.server.URL }
	var err error
	l.Local, err = storage.NewLocal(storage.LocalConfig{Dir: l.dir, PartURL: url, PublicURL: url, Key: bytes.Repeat([]byte("k"), 32)})
	if err != nil {
		t.Fatal(err)
	}
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

const partSize = 1 << 20 // the local kind has no least

func (l *localStore) begin(t *testing.T, key string, size int64) string {
	t.Helper()
	id, err := l.CreateUpload(t.Context(), key, size, partSize, storage.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (l *localStore) parts(t *testing.T, key, id string) []storage.Part {
	t.Helper()
	parts, err := l.ListParts(t.Context(), key, id)
	if err != nil {
		t.Fatal(err)
	}
	return parts
}

func TestLocalRefusesWithTheErrorBodyOfTheAPI(t *testing.T) {
	l := newLocal(t, nil)
	altered := mustGetURL(t, l, "objects/a") + "0"
	for _, tt := range []struct {
		method, url, code string
		status            int
	}{
		{"GET", altered, "forbidden", 403},
		{"GET", mustGetURL(t, l, "objects/a"), "not_found", 404},
		{"GET", l.server.URL + "/storage/../secret", "forbidden", 403},
		{"GET", l.server.URL + "/storage/objects/a", "forbidden", 403},
		{"DELETE", mustGetURL(t, l, "objects/a"), "invalid_input", 405},
	} {
		req, err := http.NewRequest(tt.method, tt.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var body struct {
			Status        int
			Code, Message string
		}
		if err := json.NewDecoder(res.Body).Decode(&body); err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != tt.status || body.Status != tt.status || body.Code != tt.code || body.Message == "" {
			t.Errorf("%s %s: %d %+v", tt.method, tt.url, res.StatusCode, body)
		}
		wantShield(t, res)
	}
}

func wantShield(t *testing.T, res *http.Response) {
	t.Helper()
	for name, want := range map[string]string{
		"X-Content-Type-Options":       "nosniff",
		"Content-Security-Policy":      "sandbox; default-src 'none'",
		"Cross-Origin-Resource-Policy": "same-origin",
	} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestLocalServesHeadByTheLinkOfAGet(t *testing.T) {
	l := newLocal(t, nil)
	if _, err := l.Put(t.Context(), "objects/a", []byte("hello"), storage.Meta{}); err != nil {
		t.Fatal(err)
	}
	res, err := http.Head(mustGetURL(t, l, "objects/a"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 200 || res.ContentLength != 5 || res.Header.Get("ETag") == "" || res.Header.Get("Last-Modified") == "" || res.Header.Get("Accept-Ranges") != "bytes" {
		t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	wantShield(t, res)
}

func TestLocalKeepsAStoredObject(t *testing.T) {
	l := newLocal(t, nil)
	u, err := l.PresignPut(t.Context(), "objects/a/1-b", 5, storage.Meta{}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	first := mustPut(t, u, []byte("hello"))
	if res, err := put(u, []byte("HELLO")); err != nil || res.StatusCode != 403 {
		t.Fatalf("other bytes: %v, %v", res, err)
	}
	if again := mustPut(t, u, []byte("hello")); again != first {
		t.Fatalf("ETag %s, then %s", first, again)
	}
	fi, err := os.Stat(filepath.Join(l.dir, "objects", "objects/a/1-b"))
	if err != nil || fi.Mode() != 0o444 {
		t.Fatalf("%v, %v", fi.Mode(), err)
	}
}

func TestLocalTakesALinkedFile(t *testing.T) {
	l := newLocal(t, nil)
	scratch := filepath.Join(l.dir, "finished.mkv")
	old := time.Now().Add(-48 * time.Hour)
	err := errors.Join(os.WriteFile(scratch, []byte("a film"), 0o600), os.Chtimes(scratch, old, old))
	if err != nil {
		t.Fatal(err)
	}
	path, err := l.LinkPath("objects/a/1-b")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Link(scratch, path), os.Chmod(path, 0o444)); err != nil {
		t.Fatal(err)
	}
	one, err := l.Head(t.Context(), "objects/a/1-b")
	two, err2 := l.Head(t.Context(), "objects/a/1-b")
	if err = errors.Join(err, err2); err != nil || one.Size != 6 || one != two {
		t.Fatalf("%+v, %+v, %v", one, two, err)
	}
	if time.Since(one.Modified) > time.Hour {
		t.Fatalf("an old download counts as an object of %s", one.Modified)
	}
	if res, err := http.Get(mustGetURL(t, l, "objects/a/1-b")); err != nil || res.StatusCode != 200 || res.Header.Get("ETag") != one.ETag {
		t.Fatalf("%v, %v", res, err)
	}
	if _, err := l.LinkPath("../a"); err == nil {
		t.Fatal("a path outside")
	}
}

func TestLocalTakesNothingButFilesForObjects(t *testing.T) {
	l := newLocal(t, nil)
	path, err := l.LinkPath("objects/a")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", path); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Head(t.Context(), "objects/a"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("Head of a symlink: %v", err)
	}
	if _, err := l.Open(t.Context(), "objects/a", 0, -1); err == nil {
		t.Error("a symlink was followed")
	}
	if _, err := l.Head(t.Context(), "objects"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("Head of a folder: %v", err)
	}
}

func TestLocalSweepTidiesUp(t *testing.T) {
	l := newLocal(t, nil)
	id := l.begin(t, "objects/a/b", 1)
	if _, err := l.Complete(t.Context(), "objects/a/b", id, []storage.Part{mustPutPart(t, l, "objects/a/b", id, 1, []byte("x"))}); err != nil {
		t.Fatal(err)
	}
	if err := l.Delete(t.Context(), "objects/a/b"); err != nil {
		t.Fatal(err)
	}
	kept := l.begin(t, "objects/c", 1)
	left := filepath.Join(l.dir, "temporary", "put-left")
	if err := os.WriteFile(left, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	sweepAfter := func(d time.Duration) {
		t.Helper()
		if _, err := storage.Sweep(t.Context(), l, knowsAll{}, time.Now().Add(d), time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	sweepAfter(30 * time.Minute)
	wantThere(t, true, left, filepath.Join(l.dir, "uploads", id), filepath.Join(l.dir, "objects/objects/a"))
	sweepAfter(8 * 24 * time.Hour)
	wantThere(t, false, left, filepath.Join(l.dir, "uploads", id), filepath.Join(l.dir, "objects/objects/a"))
	wantThere(t, true, filepath.Join(l.dir, "uploads", kept, "data"))
}

func wantThere(t *testing.T, want bool, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) == want {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func mustGetURL(t *testing.T, s storage.Store, key string) string {
	t.Helper()
	u, err := s.PresignGet(t.Context(), key, storage.Delivery{Filename: "a"}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return u.URL
}
