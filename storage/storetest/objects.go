package storetest

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/longshore-project/longshore/storage"
)

var objectTests = map[string]func(*testing.T, *bench){
	"an object that was put has its size, ETag, time and bytes": func(t *testing.T, b *bench) {
		body := newBytes(1000)
		info := b.put(t, body)
		head, err := b.Head(b.ctx, info.Key)
		if err != nil {
			t.Fatal(err)
		}
		if head.Size != 1000 || head.ETag == "" || !storage.SameETag(head.ETag, info.ETag) || head.Key != info.Key {
			t.Fatalf("head %+v, put %+v", head, info)
		}
		if age := time.Since(head.Modified); age.Abs() > time.Minute {
			t.Fatalf("modified %s ago", age)
		}
		b.wantBytes(t, info.Key, body)
	},
	"an empty object is an object": func(t *testing.T, b *bench) {
		info := b.put(t, nil)
		if head, err := b.Head(b.ctx, info.Key); err != nil || head.Size != 0 {
			t.Fatalf("%+v, %v", head, err)
		}
		b.wantBytes(t, info.Key, nil)
		u, err := b.PresignGet(b.ctx, info.Key, storage.Delivery{Filename: "empty"}, linkTTL)
		if err != nil {
			t.Fatal(err)
		}
		if a := get(t, u).want(t, 200); len(a.body) != 0 {
			t.Fatalf("delivered %q", a.body)
		}
	},
	"an object is read from an offset": func(t *testing.T, b *bench) {
		body := newBytes(1000)
		info := b.put(t, body)
		for _, r := range []struct{ offset, length, from, to int64 }{
			{0, 10, 0, 10}, {990, -1, 990, 1000}, {500, 100, 500, 600}, {990, 100, 990, 1000}, {0, 0, 0, 0}, {1000, -1, 0, 0}, {5000, 10, 0, 0},
		} {
			if got := b.read(t, info.Key, r.offset, r.length); !bytes.Equal(got, body[r.from:r.to]) {
				t.Errorf("from %d, %d bytes: got %d, want %d", r.offset, r.length, len(got), r.to-r.from)
			}
		}
	},
	"what is not there is not found": func(t *testing.T, b *bench) {
		if _, err := b.Head(b.ctx, newKey()); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("Head: %v", err)
		}
		if _, err := b.Open(b.ctx, newKey(), 0, -1); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("Open: %v", err)
		}
	},
	"an object is deleted once and for all, and again without complaint": func(t *testing.T, b *bench) {
		info := b.put(t, newBytes(10))
		for range 2 {
			if err := b.Delete(b.ctx, info.Key); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := b.Head(b.ctx, info.Key); !errors.Is(err, storage.ErrNotFound) {
			t.Fatalf("Head: %v", err)
		}
	},
	"a listing has every object below its prefix and no other": func(t *testing.T, b *bench) {
		var infos []storage.Info
		for range 3 {
			infos = append(infos, b.put(t, newBytes(7)))
		}
		all := b.keys(t, storage.KeyPrefix)
		for _, want := range infos {
			if got := all[want.Key]; got.Size != 7 || !storage.SameETag(got.ETag, want.ETag) || got.Modified.IsZero() {
				t.Errorf("listed %+v, put %+v", got, want)
			}
		}
		if some := b.keys(t, infos[0].Key[:len(infos[0].Key)-3]); len(some) != 1 || len(all) != 3 {
			t.Errorf("%d of %d objects below one's prefix", len(some), len(all))
		}
	},
	"a listing ends with the caller's error": func(t *testing.T, b *bench) {
		b.put(t, newBytes(1))
		b.put(t, newBytes(1))
		stop, calls := errors.New("stop"), 0
		err := b.List(b.ctx, "", func(storage.Info) error { calls++; return stop })
		if !errors.Is(err, stop) || calls != 1 {
			t.Fatalf("%d calls, %v", calls, err)
		}
	},
	"a key that is no key is refused": func(t *testing.T, b *bench) {
		for _, key := range []string{"", "/", "a/../b", "../a", "a//b", "/a", "a/", ".", "a/.b", "a b", "a\x00b", "ä", "a\\b"} {
			if _, err := b.Put(b.ctx, key, nil, storage.Meta{}); err == nil {
				t.Errorf("put %q", key)
			}
			if _, err := b.PresignGet(b.ctx, key, storage.Delivery{}, linkTTL); err == nil {
				t.Errorf("signed %q", key)
			}
			if _, err := b.CreateUpload(b.ctx, key, 1, partSize, storage.Meta{}); err == nil {
				t.Errorf("began an upload of %q", key)
			}
		}
	},
	"the store checks out": func(t *testing.T, b *bench) {
		if err := b.Check(b.ctx); err != nil {
			t.Fatal(err)
		}
		if found := b.keys(t, ""); len(found) != 0 {
			t.Fatalf("the check left %v", found)
		}
	},
}
