// Package storetest is what every kind of store must pass, and a real S3 server to pass it with.
package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"testing"
	"time"

	"github.com/longshore-project/longshore/storage"
)

// Open answers an empty store that signs by the clock now.
type Open func(t *testing.T, now func() time.Time) storage.Store

// Run proves a kind of store: each sentence of the Store interface, over real HTTP.
func Run(t *testing.T, open Open) {
	for _, group := range []map[string]func(*testing.T, *bench){objectTests, uploadTests, linkTests, deliveryTests, sweepTests} {
		for name, test := range group {
			t.Run(name, func(t *testing.T) {
				b := &bench{ctx: t.Context()}
				b.Store = open(t, b.now)
				test(t, b)
			})
		}
	}
}

const (
	partSize = 5 << 20 // the least that S3 joins
	linkTTL  = time.Hour
)

// bench is a store with a clock that a test can move.
type bench struct {
	storage.Store
	ctx    context.Context
	offset time.Duration
}

func (b *bench) now() time.Time { return time.Now().Add(b.offset) }

// inThePast runs fn two hours ago, by the clock that signs.
func (b *bench) inThePast(fn func()) {
	b.offset = -2 * time.Hour
	fn()
	b.offset = 0
}

// newKey answers a key as the dispatcher makes it.
func newKey() string { return storage.KeyPrefix + rand.Text()[:15] + "/1-" + rand.Text()[:12] }

func newBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// begun is an upload with its bytes.
type begun struct {
	key, id string
	body    []byte
}

func (b *bench) begin(t *testing.T, size int) begun {
	t.Helper()
	u := begun{key: newKey(), body: newBytes(size)}
	id, err := b.CreateUpload(b.ctx, u.key, int64(size), partSize, storage.Meta{ContentType: "video/mp4", Filename: "a film.mp4"})
	if err != nil {
		t.Fatal(err)
	}
	u.id = id
	return u
}

// part answers the bytes of part number.
func (u begun) part(number int) []byte {
	return u.body[(number-1)*partSize : min(number*partSize, len(u.body))]
}

func (u begun) count() int { return (len(u.body) + partSize - 1) / partSize }

func (b *bench) partURL(t *testing.T, u begun, number, length int) storage.SignedURL {
	t.Helper()
	url, err := b.PresignPart(b.ctx, u.key, u.id, number, int64(length), linkTTL)
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// send PUTs part number and answers it as the store's answer names it.
func (b *bench) send(t *testing.T, u begun, number int) storage.Part {
	t.Helper()
	body := u.part(number)
	a := put(t, b.partURL(t, u, number, len(body)), body).want(t, 200)
	return storage.Part{Number: number, Size: int64(len(body)), ETag: a.header.Get("ETag")}
}

func (b *bench) sendAll(t *testing.T, u begun) []storage.Part {
	t.Helper()
	var parts []storage.Part
	for n := range u.count() {
		parts = append(parts, b.send(t, u, n+1))
	}
	return parts
}

func (b *bench) put(t *testing.T, body []byte) storage.Info {
	t.Helper()
	info, err := b.Put(b.ctx, newKey(), body, storage.Meta{ContentType: "text/plain", Filename: "note.txt"})
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// wantBytes reads the object whole.
func (b *bench) wantBytes(t *testing.T, key string, want []byte) {
	t.Helper()
	if got := b.read(t, key, 0, -1); !bytes.Equal(got, want) {
		t.Fatalf("%s holds %d other bytes, want %d", key, len(got), len(want))
	}
}

func (b *bench) read(t *testing.T, key string, offset, length int64) []byte {
	t.Helper()
	r, err := b.Open(b.ctx, key, offset, length)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// keys lists the keys below prefix.
func (b *bench) keys(t *testing.T, prefix string) map[string]storage.Info {
	t.Helper()
	found := map[string]storage.Info{}
	err := b.List(b.ctx, prefix, func(i storage.Info) error {
		found[i.Key] = i
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func (b *bench) uploads(t *testing.T) map[string]storage.Unfinished {
	t.Helper()
	found := map[string]storage.Unfinished{}
	err := b.ListUploads(b.ctx, func(u storage.Unfinished) error {
		found[u.UploadID] = u
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
