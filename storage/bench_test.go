package storage_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/longshore-project/longshore/storage"
	"github.com/longshore-project/longshore/storage/storetest"
)

const benchPart = 16 << 20

// BenchmarkLocalPut PUTs parts of 16 MiB over loopback, four at once, syncs and checksums included.
func BenchmarkLocalPut(b *testing.B) {
	l := storetest.OpenLocal(b, time.Now)
	body := newBody(benchPart)
	id, err := l.CreateUpload(b.Context(), "objects/a", int64(b.N)*benchPart, benchPart, storage.Meta{})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(benchPart)
	var g errgroup.Group
	g.SetLimit(4)
	b.ResetTimer()
	for i := range b.N {
		g.Go(func() error {
			u, err := l.PresignPart(b.Context(), "objects/a", id, i+1, benchPart, time.Hour)
			if err != nil {
				return err
			}
			res, err := put(u, body)
			if err == nil && res.StatusCode != 200 {
				err = fmt.Errorf("answered %s", res.Status)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkLocalGet GETs an object of 256 MiB over loopback.
func BenchmarkLocalGet(b *testing.B) {
	const size = 256 << 20
	l := storetest.OpenLocal(b, time.Now)
	path, err := l.LinkPath("objects/a")
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(path, newBody(size), 0o444); err != nil {
		b.Fatal(err)
	}
	u, err := l.PresignGet(b.Context(), "objects/a", storage.Delivery{}, time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(size)
	for b.Loop() {
		res, err := http.Get(u.URL)
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, res.Body); err != nil || n != size {
			b.Fatal(n, err)
		}
		res.Body.Close()
	}
}
