package storetest

import (
	"bytes"
	"mime"
	"strings"
	"testing"

	"github.com/longshore-project/longshore/storage"
)

var deliveryTests = map[string]func(*testing.T, *bench){
	"a link delivers the bytes without cookie or key": func(t *testing.T, b *bench) {
		body := newBytes(3 << 20)
		u := b.getURL(t, b.put(t, body).Key, storage.Delivery{Filename: "film.mp4", ContentType: "video/mp4"})
		a := get(t, u).want(t, 200)
		if !bytes.Equal(a.body, body) || a.header.Get("Content-Type") != "video/mp4" || a.header.Get("ETag") == "" {
			t.Fatalf("%d bytes, %v", len(a.body), a.header)
		}
	},
	"Range answers 206 with the bytes asked for": func(t *testing.T, b *bench) {
		body := newBytes(1000)
		u := b.getURL(t, b.put(t, body).Key, storage.Delivery{Filename: "a"})
		for _, r := range []struct {
			header   string
			from, to int
		}{{"bytes=0-9", 0, 10}, {"bytes=990-", 990, 1000}, {"bytes=-5", 995, 1000}, {"bytes=500-5000", 500, 1000}} {
			a := get(t, u, "Range", r.header).want(t, 206)
			if !bytes.Equal(a.body, body[r.from:r.to]) || a.header.Get("Content-Range") == "" {
				t.Errorf("%s: %d bytes, %v", r.header, len(a.body), a.header)
			}
		}
		get(t, u, "Range", "bytes=1000-").want(t, 416)
	},
	"a broken download goes on where it stopped, unless the object is another": func(t *testing.T, b *bench) {
		body := newBytes(1000)
		u := b.getURL(t, b.put(t, body).Key, storage.Delivery{Filename: "a"})
		etag := get(t, u).want(t, 200).header.Get("ETag")
		if etag != `"`+strings.Trim(etag, `"`)+`"` {
			t.Fatalf("ETag %s is not quoted", etag)
		}
		a := get(t, u, "Range", "bytes=600-", "If-Range", etag).want(t, 206)
		if !bytes.Equal(a.body, body[600:]) {
			t.Fatalf("%d bytes", len(a.body))
		}
		get(t, u, "If-None-Match", etag).want(t, 304)
		get(t, u, "If-None-Match", `"another"`).want(t, 200)
	},
	"a file is saved under its name in any script": func(t *testing.T, b *bench) {
		info := b.put(t, newBytes(1))
		for name, want := range map[string]string{
			"plain.mkv":                         "plain.mkv",
			"Ein Film – \u00e4\u00f6\u00fc.mkv": "Ein Film – \u00e4\u00f6\u00fc.mkv",
			"映画 🎬.mkv":                          "映画 🎬.mkv",
			`a"b;c=d%20e'f.txt`:                 `a"b;c=d%20e'f.txt`,
			"../../etc/passwd":                  ".._.._etc_passwd",
			"Icon\r":                            "Icon_",
			"line\nbreak: x":                    "line_break: x",
			"\u202egnp.exe":                     "_gnp.exe",
			"..":                                "file",
			"":                                  "file",
			strings.Repeat("\u00e4", 120):       strings.Repeat("\u00e4", 120),
		} {
			a := get(t, b.getURL(t, info.Key, storage.Delivery{Filename: name})).want(t, 200)
			kind, params, err := mime.ParseMediaType(a.header.Get("Content-Disposition"))
			if err != nil || kind != "attachment" || params["filename"] != want {
				t.Errorf("%q: saved as %q (%s, %v): %s", name, params["filename"], kind, err, a.header.Get("Content-Disposition"))
			}
		}
	},
	"nothing is delivered that a browser would run": func(t *testing.T, b *bench) {
		info := b.put(t, []byte("<script>alert(1)</script>"))
		for given, want := range map[string]string{
			"text/html": "application/octet-stream", "TEXT/HTML; charset=utf-8": "application/octet-stream",
			"image/svg+xml": "application/octet-stream", "application/xhtml+xml": "application/octet-stream",
			"text/javascript": "application/octet-stream", "text/xml": "application/octet-stream",
			"application/wasm": "application/octet-stream", "": "application/octet-stream", "nonsense": "application/octet-stream",
			"text/plain": "text/plain; charset=utf-8", "image/png": "image/png", "application/pdf": "application/pdf",
		} {
			a := get(t, b.getURL(t, info.Key, storage.Delivery{Filename: "f", ContentType: given, Inline: true})).want(t, 200)
			inline := strings.HasPrefix(a.header.Get("Content-Disposition"), "inline")
			if a.header.Get("Content-Type") != want || inline != (want != "application/octet-stream") {
				t.Errorf("%s: %s, %s", given, a.header.Get("Content-Type"), a.header.Get("Content-Disposition"))
			}
		}
	},
	"a link to what was deleted is refused with 404": func(t *testing.T, b *bench) {
		info := b.put(t, newBytes(1))
		u := b.getURL(t, info.Key, storage.Delivery{})
		if err := b.Delete(b.ctx, info.Key); err != nil {
			t.Fatal(err)
		}
		get(t, u).want(t, 404)
	},
	"many fetch at once": func(t *testing.T, b *bench) {
		body := newBytes(1 << 20)
		u := b.getURL(t, b.put(t, body).Key, storage.Delivery{})
		for range 8 {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				if a := get(t, u).want(t, 200); !bytes.Equal(a.body, body) {
					t.Errorf("%d other bytes", len(a.body))
				}
			})
		}
	},
}
