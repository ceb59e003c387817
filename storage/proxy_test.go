package storage_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/longshore-project/longshore/storage"
)

// proxy stands before a real server and spoils answers to CompleteMultipartUpload after
// the server has given them.
type proxy struct {
	url    string
	answer http.HandlerFunc // instead of the server's
	left   atomic.Int64     // answers to spoil
}

const always = 1 << 30

// newProxy answers a proxy that spoils as many answers as spoil is set to.
func newProxy(t *testing.T, endpoint string, answer http.HandlerFunc) *proxy {
	t.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{answer: answer}
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // it is signed
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || !r.URL.Query().Has("uploadId") || p.left.Add(-1) < 0 {
			forward.ServeHTTP(w, r)
			return
		}
		forward.ServeHTTP(httptest.NewRecorder(), r)
		p.answer(w, r)
	}))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

// open answers a store that goes through the proxy.
func (p *proxy) open(t *testing.T, cfg storage.S3Config) *storage.S3 {
	t.Helper()
	cfg.Endpoint = p.url
	return mustOpenS3(t, cfg, nil)
}
