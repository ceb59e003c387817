package storage_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/longshore-project/longshore/storage"
)

const limit = 10 * time.Second // of every wait

func mustLink(t *testing.T, l *localStore, key string) {
	t.Helper()
	path, err := l.LinkPath(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("x"), 0o444); err != nil {
		t.Fatal(err)
	}
}

// waitFor polls until is holds.
func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.After(limit)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}

func (l *localStore) wantAnswer(t *testing.T, want int) {
	t.Helper()
	select {
	case got := <-l.answer:
		if got != want {
			t.Fatalf("answered %d, want %d", got, want)
		}
	case <-time.After(limit):
		t.Fatalf("no answer within %s", limit)
	}
}

// halfPut is a PUT whose body has stopped in the middle.
type halfPut struct {
	body *io.PipeWriter
	done chan error
}

// startPut answers once the PUT holds its part.
func (l *localStore) startPut(t *testing.T, key, id string, number int, length int64, sent []byte) *halfPut {
	t.Helper()
	writing := l.Writing()
	h := l.sendHalf(t, key, id, number, length, sent)
	waitFor(t, "the PUT is under way", func() bool { return l.Writing() > writing })
	return h
}

func (l *localStore) sendHalf(t *testing.T, key, id string, number int, length int64, sent []byte) *halfPut {
	t.Helper()
	u, err := l.PresignPart(t.Context(), key, id, number, length, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	req, err := http.NewRequest(http.MethodPut, u.URL, r)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = length
	h := &halfPut{body: w, done: make(chan error, 1)}
	go func() {
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			res.Body.Close()
		}
		r.CloseWithError(io.ErrClosedPipe)
		h.done <- err
	}()
	t.Cleanup(func() {
		w.CloseWithError(io.ErrClosedPipe)
		<-h.done
	})
	if _, err := w.Write(sent); err != nil {
		t.Fatal(err)
	}
	return h
}

func newBody(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func TestLocalRecordsNothingOfABrokenPut(t *testing.T) {
	l := newLocal(t, nil)
	body := newBody(partSize)
	id := l.begin(t, "objects/a", partSize)
	h := l.startPut(t, "objects/a", id, 1, partSize, body[:700_000])
	h.body.CloseWithError(errors.New("the agent died"))
	l.wantAnswer(t, 400)
	if parts := l.parts(t, "objects/a", id); len(parts) != 0 {
		t.Fatalf("recorded %+v", parts)
	}
	l.open(t) // a restart
	part := mustPutPart(t, l, "objects/a", id, 1, body)
	if _, err := l.Complete(t.Context(), "objects/a", id, []storage.Part{part}); err != nil {
		t.Fatal(err)
	}
	wantObject(t, l, "objects/a", body)
}

func TestLocalKeepsARecordedPartWhenItIsSentAgainAndBreaks(t *testing.T) {
	l := newLocal(t, nil)
	body := newBody(partSize)
	id := l.begin(t, "objects/a", partSize)
	part := mustPutPart(t, l, "objects/a", id, 1, body)
	l.wantAnswer(t, 200)
	l.startPut(t, "objects/a", id, 1, partSize, body[:700_000]).body.CloseWithError(io.ErrClosedPipe)
	l.wantAnswer(t, 400)
	if _, err := l.Complete(t.Context(), "objects/a", id, []storage.Part{part}); err != nil {
		t.Fatal(err)
	}
	wantObject(t, l, "objects/a", body)
}

func TestLocalForgetsARecordedPartOnceOtherBytesArrive(t *testing.T) {
	l := newLocal(t, nil)
	id := l.begin(t, "objects/a", partSize)
	part := mustPutPart(t, l, "objects/a", id, 1, newBody(partSize))
	l.wantAnswer(t, 200)
	l.startPut(t, "objects/a", id, 1, partSize, newBody(700_000)).body.CloseWithError(io.ErrClosedPipe)
	l.wantAnswer(t, 400)
	if _, err := l.Complete(t.Context(), "objects/a", id, []storage.Part{part}); !errors.Is(err, storage.ErrInvalidPart) {
		t.Fatalf("Complete: %v", err)
	}
}

func TestLocalGivesAPartToTheLaterPut(t *testing.T) {
	l := newLocal(t, nil)
	body := newBody(partSize)
	id := l.begin(t, "objects/a", partSize)
	l.startPut(t, "objects/a", id, 1, partSize, newBody(700_000))
	part := mustPutPart(t, l, "objects/a", id, 1, body)
	l.wantAnswer(t, 503)
	l.wantAnswer(t, 200)
	if _, err := l.Complete(t.Context(), "objects/a", id, []storage.Part{part}); err != nil {
		t.Fatal(err)
	}
	wantObject(t, l, "objects/a", body)
}

func TestLocalCompleteAndAbortDoNotWaitForASlowPut(t *testing.T) {
	l := newLocal(t, nil)
	body := newBody(partSize)
	id := l.begin(t, "objects/a", partSize)
	part := mustPutPart(t, l, "objects/a", id, 1, body)
	l.wantAnswer(t, 200)
	l.startPut(t, "objects/a", id, 1, partSize, body[:700_000])
	if _, err := l.Complete(t.Context(), "objects/a", id, []storage.Part{part}); err != nil {
		t.Fatal(err)
	}
	l.wantAnswer(t, 503)
	wantObject(t, l, "objects/a", body)

	id = l.begin(t, "objects/b", partSize)
	l.startPut(t, "objects/b", id, 1, partSize, body[:700_000])
	if err := l.Abort(t.Context(), "objects/b", id); err != nil {
		t.Fatal(err)
	}
	l.wantAnswer(t, 503)
	wantThere(t, false, filepath.Join(l.dir, "uploads", id))
}

// TestLocalSaysThatTheDiskIsFull writes to a device that is always full.
func TestLocalSaysThatTheDiskIsFull(t *testing.T) {
	l := newLocal(t, nil)
	id := l.begin(t, "objects/a", partSize)
	data := filepath.Join(l.dir, "uploads", id, "data")
	if err := errors.Join(os.Remove(data), os.Symlink("/dev/full", data)); err != nil {
		t.Fatal(err)
	}
	u, err := l.PresignPart(t.Context(), "objects/a", id, 1, partSize, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := put(u, newBody(partSize)); err == nil && res.StatusCode != 507 {
		t.Fatalf("answered %s", res.Status)
	}
	l.wantAnswer(t, 507)
	if parts := l.parts(t, "objects/a", id); len(parts) != 0 {
		t.Fatalf("recorded %+v", parts)
	}
}

// TestLocalCompleteAfterACrash leaves the folder as a crash between the steps of Complete would.
func TestLocalCompleteAfterACrash(t *testing.T) {
	body := newBody(partSize + 1)
	begin := func(t *testing.T) (l *localStore, id string, parts []storage.Part) {
		l = newLocal(t, nil)
		id = l.begin(t, "objects/a", int64(len(body)))
		return l, id, []storage.Part{
			mustPutPart(t, l, "objects/a", id, 1, body[:partSize]), mustPutPart(t, l, "objects/a", id, 2, body[partSize:]),
		}
	}
	t.Run("before the rename", func(t *testing.T) {
		l, id, parts := begin(t)
		if err := os.WriteFile(filepath.Join(l.dir, "uploads", id, "completed"), []byte("torn"), 0o600); err != nil {
			t.Fatal(err)
		}
		l.open(t)
		if _, err := l.Complete(t.Context(), "objects/a", id, parts); err != nil {
			t.Fatal(err)
		}
		wantObject(t, l, "objects/a", body)
	})
	t.Run("after the rename", func(t *testing.T) {
		l, id, parts := begin(t)
		first, err := l.Complete(t.Context(), "objects/a", id, parts)
		if err != nil {
			t.Fatal(err)
		}
		l.open(t)
		if again, err := l.Complete(t.Context(), "objects/a", id, parts); err != nil || again.ETag != first.ETag {
			t.Fatalf("%+v, %v", again, err)
		}
		parts[1].ETag = parts[0].ETag
		if _, err := l.Complete(t.Context(), "objects/a", id, parts); !errors.Is(err, storage.ErrNoUpload) {
			t.Fatalf("with another ETag: %v", err)
		}
	})
}

func TestLocalBearsASlowLink(t *testing.T) {
	l := newLocal(t, func(s *http.Server, _ *storage.Local) {
		s.ReadTimeout, s.WriteTimeout = 250*time.Millisecond, 250*time.Millisecond
	})
	body := newBody(8 << 20)
	slow := func(r io.Reader) io.Reader { return &pacedReader{r, time.NewTicker(25 * time.Millisecond), 0} } // 800 ms in all
	u, err := l.PresignPut(t.Context(), "objects/a", int64(len(body)), storage.Meta{}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPut, u.URL, slow(bytes.NewReader(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = int64(len(body))
	res, err := http.DefaultClient.Do(req)
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("%v, %v", res, err)
	}
	res.Body.Close()
	res, err = smallBuffers.Get(mustGetURL(t, l, "objects/a"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got, err := io.ReadAll(slow(res.Body)); err != nil || !bytes.Equal(got, body) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
}

// pacedReader gives 256 KiB at each tick.
type pacedReader struct {
	io.Reader
	tick *time.Ticker
	left int
}

func (p *pacedReader) Read(b []byte) (int, error) {
	if p.left == 0 {
		<-p.tick.C
		p.left = 256 << 10
	}
	n, err := p.Reader.Read(b[:min(len(b), p.left)])
	p.left -= n
	return n, err
}

// smallBuffers keeps the kernel from taking a download in before it is read.
var smallBuffers = &http.Client{Transport: &http.Transport{
	DisableKeepAlives: true,
	DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err == nil {
			err = c.(*net.TCPConn).SetReadBuffer(64 << 10)
		}
		return c, err
	},
}}

func TestLocalDropsADeadClient(t *testing.T) {
	l := newLocal(t, func(_ *http.Server, l *storage.Local) { l.SetStall(100 * time.Millisecond) })
	path, err := l.LinkPath("objects/a")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<30)); err != nil {
		t.Fatal(err)
	}
	res, err := smallBuffers.Get(mustGetURL(t, l, "objects/a"))
	if err != nil {
		t.Fatal(err)
	}
	l.wantAnswer(t, 200) // the handler has returned, nobody has read
	if n, err := io.Copy(io.Discard, res.Body); err == nil {
		t.Fatalf("all %d bytes came", n)
	}
	res.Body.Close()

	id := l.begin(t, "objects/b", partSize)
	l.sendHalf(t, "objects/b", id, 1, partSize, newBody(300_000))
	l.wantAnswer(t, 408)
	waitFor(t, "the part is free", func() bool { return l.Writing() == 0 })
}

func wantObject(t *testing.T, l *localStore, key string, want []byte) {
	t.Helper()
	r, err := l.Open(t.Context(), key, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d other bytes, %v", len(got), err)
	}
}
