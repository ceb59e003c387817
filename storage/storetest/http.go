package storetest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/longshore-project/longshore/storage"
)

// answer is a response with its body read.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// client follows no redirect and gives up in time.
var client = &http.Client{
	Timeout:       30 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// send makes one request with the headers given as name, value, …
func send(t testing.TB, method, url string, body []byte, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return answer{res.StatusCode, res.Header, got}
}

// put sends body to a signed URL as an agent does.
func put(t testing.TB, u storage.SignedURL, body []byte) answer {
	t.Helper()
	var headers []string
	for name, value := range u.Headers {
		headers = append(headers, name, value)
	}
	return send(t, http.MethodPut, u.URL, body, headers...)
}

// get fetches a signed URL as a browser does.
func get(t testing.TB, u storage.SignedURL, headers ...string) answer {
	t.Helper()
	return send(t, http.MethodGet, u.URL, nil, headers...)
}

func (a answer) want(t testing.TB, status int) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("answered %d, want %d: %.300s", a.status, status, a.body)
	}
	return a
}

// refused wants a 4xx.
func (a answer) refused(t testing.TB) {
	t.Helper()
	if a.status < 400 || a.status > 499 {
		t.Fatalf("answered %d, want a refusal: %.300s", a.status, a.body)
	}
}

// altered changes one query parameter of a signed URL.
func altered(t testing.TB, u storage.SignedURL, name, value string) storage.SignedURL {
	t.Helper()
	parsed, err := url.Parse(u.URL)
	if err != nil {
		t.Fatal(err)
	}
	q := parsed.Query()
	q.Set(name, value)
	parsed.RawQuery = q.Encode()
	u.URL = parsed.String()
	return u
}

// OpenLocal answers a local store behind a real HTTP server, both in the test's temporary folder.
func OpenLocal(t testing.TB, now func() time.Time) *storage.Local {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	url := func() string { return server.URL }
	l, err := storage.NewLocal(storage.LocalConfig{Dir: t.TempDir(), PartURL: url, PublicURL: url, Key: []byte("a key of the tests, 32 bytes long"), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle(storage.StoragePath, l)
	return l
}
