package storage

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/longshore-project/longshore/collections"
)

func newSigner(t testing.TB, now time.Time) *Local {
	t.Helper()
	base := func() string { return "http://store.example/" }
	l, err := NewLocal(LocalConfig{Dir: t.TempDir(), PartURL: base, PublicURL: base, Key: bytes.Repeat([]byte("k"), 32), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLinkRoundTrip(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	l := newSigner(t, now)
	for _, want := range []link{
		{method: "GET", key: "objects/a", delivery: Delivery{Filename: "ä & b = ?#%\n.mkv", ContentType: "video/mp4; a=b", Inline: true}},
		{method: "GET", key: "objects/a/1-b"},
		{method: "PUT", key: "objects/a", length: 1},
		{method: "PUT", key: "objects/a", length: 1 << 40, upload: "0123456789abcdef0123456789abcdef", part: 10_000},
	} {
		signed := l.sign("http://store.example/", want, time.Hour)
		if !strings.HasPrefix(signed.URL, "http://store.example/storage/objects/a") || !signed.ExpiresAt.Equal(now.Add(time.Hour)) {
			t.Errorf("%s until %s", signed.URL, signed.ExpiresAt)
		}
		got, err := l.openLink(httptest.NewRequest(want.method, signed.URL, nil))
		if err != nil || got != want {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
	}
}

func TestLinkExpiresOnTheSecond(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	l := newSigner(t, now)
	signed := l.sign("", link{method: "GET", key: "objects/a"}, time.Minute)
	for after, want := range map[time.Duration]bool{0: true, 59 * time.Second: true, time.Minute: false, time.Hour: false} {
		l.cfg.Now = func() time.Time { return now.Add(after) }
		if _, err := l.openLink(httptest.NewRequest("GET", signed.URL, nil)); (err == nil) != want {
			t.Errorf("after %s: %v", after, err)
		}
	}
}

func TestLinkOfAnotherKeyIsRefused(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	l, other := newSigner(t, now), newSigner(t, now)
	other.cfg.Key = bytes.Repeat([]byte("o"), 32)
	signed := other.sign("", link{method: "GET", key: "objects/a"}, time.Minute)
	if _, err := l.openLink(httptest.NewRequest("GET", signed.URL, nil)); collections.CodeOf(err) != collections.CodeForbidden {
		t.Fatal(err)
	}
}

// FuzzLink alters a signed URL: whatever is let through must say what was signed.
func FuzzLink(f *testing.F) {
	l := newSigner(f, time.Unix(1_800_000_000, 0))
	want := link{method: "GET", key: "objects/a/1-b", delivery: Delivery{Filename: "a b.mkv", ContentType: "video/mp4"}}
	signed, err := url.Parse(l.sign("", want, time.Hour).URL)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("GET", signed.Path, signed.RawQuery)
	f.Add("HEAD", signed.Path, signed.RawQuery)
	f.Add("PUT", signed.Path, signed.RawQuery)
	f.Add("GET", signed.Path+"/", signed.RawQuery)
	f.Add("GET", "/storage/../storage/objects/a/1-b", signed.RawQuery)
	f.Add("GET", signed.Path, signed.RawQuery+"&inline=1")
	f.Add("GET", signed.Path, "filename=x&"+signed.RawQuery)
	f.Add("GET", signed.Path, signed.RawQuery+"&signature=x")
	f.Add("GET", signed.Path, strings.Replace(signed.RawQuery, "+", "%20", 1))
	f.Add("GET", signed.Path, signed.RawQuery+"&%zz")
	f.Add("GET", "/storage/", "")
	f.Fuzz(func(t *testing.T, method, path, query string) {
		r := &http.Request{Method: method, URL: &url.URL{Path: path, RawQuery: query}}
		got, err := l.openLink(r)
		if err == nil && got != want {
			t.Fatalf("%s %q %q permits %+v", method, path, query, got)
		}
		if err != nil && collections.CodeOf(err) != collections.CodeForbidden {
			t.Fatal(err)
		}
		if slices.Contains([]string{"GET", "HEAD"}, method) && path == signed.Path && query == signed.RawQuery && err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzDisposition(f *testing.F) {
	for _, name := range []string{"a.txt", "ä", "../..", "\r\nX: y", `"`, "\xff", "\u202e", "👨\u200d👩"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		d := Delivery{Filename: name}.disposition()
		if strings.ContainsFunc(d, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Fatalf("%q becomes the header %q", name, d)
		}
		if safe := safeName(name); safe == "" || strings.ContainsAny(safe, "/\\\r\n\x00") {
			t.Fatalf("%q becomes the name %q", name, safe)
		}
	})
}
