package storetest

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/longshore-project/longshore/storage"
)

var linkTests = map[string]func(*testing.T, *bench){
	"a small object is one PUT, whose ETag is the object's": func(t *testing.T, b *bench) {
		key, body := newKey(), newBytes(1234)
		u := b.putURL(t, key, len(body))
		if left := time.Until(u.ExpiresAt); left < linkTTL-time.Minute || left > linkTTL+time.Minute {
			t.Errorf("expires in %s", left)
		}
		a := put(t, u, body).want(t, 200)
		info, err := b.Head(b.ctx, key)
		if err != nil || info.Size != 1234 || !storage.SameETag(info.ETag, a.header.Get("ETag")) {
			t.Fatalf("%+v, %v; answered %s", info, err, a.header.Get("ETag"))
		}
		again := put(t, u, body).want(t, 200)
		if info, err = b.Head(b.ctx, key); err != nil || !storage.SameETag(info.ETag, again.header.Get("ETag")) {
			t.Fatalf("after the same PUT again %+v, %v; answered %s", info, err, again.header.Get("ETag"))
		}
		b.wantBytes(t, key, body)
	},
	"a body of another length than signed is refused": func(t *testing.T, b *bench) {
		u := b.begin(t, 1000)
		for _, n := range []int{0, 999, 1001} {
			put(t, b.partURL(t, u, 1, 1000), newBytes(n)).refused(t)
			key := newKey()
			put(t, b.putURL(t, key, 1000), newBytes(n)).refused(t)
			if _, err := b.Head(b.ctx, key); !errors.Is(err, storage.ErrNotFound) {
				t.Errorf("%d bytes were stored: %v", n, err)
			}
		}
		if parts, err := b.ListParts(b.ctx, u.key, u.id); err != nil || len(parts) != 0 {
			t.Errorf("recorded %+v, %v", parts, err)
		}
	},
	"no URL is signed for an empty body": func(t *testing.T, b *bench) {
		if _, err := b.PresignPut(b.ctx, newKey(), 0, storage.Meta{}, linkTTL); err == nil {
			t.Error("PresignPut")
		}
		if _, err := b.PresignPart(b.ctx, newKey(), "x", 1, 0, linkTTL); err == nil {
			t.Error("PresignPart")
		}
	},
	"an expired link is refused with 403": func(t *testing.T, b *bench) {
		info, u := b.put(t, newBytes(10)), b.begin(t, 10)
		key := newKey()
		var getURL, partURL, putURL storage.SignedURL
		b.inThePast(func() {
			getURL = b.getURL(t, info.Key, storage.Delivery{Filename: "a"})
			partURL = b.partURL(t, u, 1, 10)
			putURL = b.putURL(t, key, 10)
		})
		get(t, getURL).want(t, 403)
		put(t, partURL, u.body).want(t, 403)
		put(t, putURL, newBytes(10)).want(t, 403)
	},
	"an altered link is refused": func(t *testing.T, b *bench) {
		mine, other := b.put(t, newBytes(10)), b.put(t, newBytes(10))
		u := b.getURL(t, mine.Key, storage.Delivery{Filename: "a.txt", ContentType: "text/plain"})
		if b.Kind() == storage.KindS3 {
			get(t, altered(t, u, "X-Amz-Expires", "604800")).want(t, 403)
			get(t, altered(t, u, "response-content-type", "text/html")).want(t, 403)
			get(t, altered(t, u, "X-Amz-Signature", strings.Repeat("0", 64))).want(t, 403)
		} else {
			get(t, altered(t, u, "expires", "99999999999")).want(t, 403)
			get(t, altered(t, u, "type", "text/html")).want(t, 403)
			get(t, altered(t, u, "filename", "b.txt")).want(t, 403)
			get(t, altered(t, u, "inline", "1")).want(t, 403)
			get(t, altered(t, u, "anything", "1")).want(t, 403)
			get(t, altered(t, u, "signature", "")).want(t, 403)
		}
		u.URL = strings.Replace(u.URL, mine.Key, other.Key, 1)
		get(t, u).want(t, 403)
	},
	"a link permits its method only": func(t *testing.T, b *bench) {
		body, up := newBytes(10), b.begin(t, 10)
		info := b.put(t, body)
		u := b.getURL(t, info.Key, storage.Delivery{})
		for _, method := range []string{http.MethodPut, http.MethodPost, http.MethodDelete} {
			send(t, method, u.URL, newBytes(10)).refused(t)
		}
		get(t, b.partURL(t, up, 1, 10)).refused(t)
		b.wantBytes(t, info.Key, body)
	},
	"a part URL serves its part only": func(t *testing.T, b *bench) {
		u := b.begin(t, partSize+10)
		url := b.partURL(t, u, 2, 10)
		name, id := "part", "upload"
		if b.Kind() == storage.KindS3 {
			name, id = "partNumber", "uploadId"
		}
		put(t, altered(t, url, name, "1"), u.part(2)).refused(t)
		put(t, altered(t, url, id, b.begin(t, partSize+10).id), u.part(2)).refused(t)
		put(t, url, u.part(2)).want(t, 200)
	},
	"a part URL of an aborted upload is refused": func(t *testing.T, b *bench) {
		u := b.begin(t, 10)
		url := b.partURL(t, u, 1, 10)
		if err := b.Abort(b.ctx, u.key, u.id); err != nil {
			t.Fatal(err)
		}
		put(t, url, u.body).refused(t)
	},
	"a part URL of a completed upload is refused": func(t *testing.T, b *bench) {
		u := b.begin(t, 10)
		url := b.partURL(t, u, 1, 10)
		if _, err := b.Complete(b.ctx, u.key, u.id, b.sendAll(t, u)); err != nil {
			t.Fatal(err)
		}
		put(t, url, newBytes(10)).refused(t)
		b.wantBytes(t, u.key, u.body)
	},
}

func (b *bench) putURL(t *testing.T, key string, length int) storage.SignedURL {
	t.Helper()
	u, err := b.PresignPut(b.ctx, key, int64(length), storage.Meta{ContentType: "image/png", Filename: "ein Bild \u00e4.png"}, linkTTL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func (b *bench) getURL(t *testing.T, key string, d storage.Delivery) storage.SignedURL {
	t.Helper()
	u, err := b.PresignGet(b.ctx, key, d, linkTTL)
	if origin := b.PublicOrigin(); !strings.HasPrefix(u.URL, origin+"/") {
		t.Errorf("the public origin is said to be %q, of %s", origin, u.URL)
	}
	if err != nil {
		t.Fatal(err)
	}
	return u
}
