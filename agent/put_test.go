package agent

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/longshore-project/longshore/collections"
)

func writeSource(t *testing.T, content []byte) *os.Root {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

func TestPutSendsExactlyThePart(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	root := writeSource(t, content)
	var got []byte
	var length int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, _ = io.ReadAll(r.Body)
		length = r.ContentLength
		w.Header().Set("ETag", `"x"`)
	}))
	defer server.Close()
	for _, test := range []struct{ offset, length int64 }{{0, 1}, {5, 300_000}, {1 << 19, 1 << 19}, {0, 1 << 20}} {
		etag, err := put(t.Context(), source{root, "f", test.offset, test.length}, collections.URL{URL: server.URL})
		if err != nil || etag != `"x"` {
			t.Fatalf("%+v: %q %v", test, etag, err)
		}
		if length != test.length || !bytes.Equal(got, content[test.offset:test.offset+test.length]) {
			t.Errorf("%+v: %d bytes came, announced were %d", test, len(got), length)
		}
	}
}

// The kernel's way is taken only when Read is never asked for the bytes.
func TestABodyTravelsBySendfile(t *testing.T) {
	content := bytes.Repeat([]byte("x"), 1<<20)
	body, err := source{writeSource(t, content), "f", 4096, 500_000}.open()
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	received := make(chan int64, 1)
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			received <- -1
			return
		}
		n, _ := io.Copy(io.Discard, conn)
		received <- n
	}()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	n, err := conn.(*net.TCPConn).ReadFrom(io.LimitReader(unread{t, body.(*section)}, 500_000))
	conn.Close()
	if got := <-received; err != nil || n != 500_000 || got != n {
		t.Errorf("sent %d, received %d: %v", n, got, err)
	}
	if left, err := body.Read(make([]byte, 1)); left != 0 || err != io.EOF {
		t.Errorf("after its end the body has %d bytes: %v", left, err)
	}
}

// unread is a section that must not be read.
type unread struct {
	t *testing.T
	*section
}

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read instead of sent by the kernel")
	return 0, io.EOF
}

func TestPutTellsItsFailuresApart(t *testing.T) {
	root := writeSource(t, make([]byte, 100))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/403":
			http.Error(w, "no", http.StatusForbidden)
		case "/503":
			http.Error(w, "no", http.StatusServiceUnavailable)
		case "/moved":
			http.Redirect(w, r, "/", http.StatusTemporaryRedirect)
		case "/cut":
			panic(http.ErrAbortHandler)
		}
	}))
	defer server.Close()
	closed := httptest.NewServer(nil)
	closed.Close()
	for _, test := range []struct {
		name    string
		url     string
		length  int64
		local   bool
		refused bool
	}{
		{"a URL that is not valid any more", server.URL + "/403", 10, false, true},
		{"a connection that is cut", server.URL + "/cut", 10, false, true},
		{"a store that is overloaded", server.URL + "/503", 10, false, false},
		{"a store that leads elsewhere", server.URL + "/moved", 10, false, false},
		{"a store that is not there", closed.URL, 10, false, false},
		{"a file that is too short", server.URL, 101, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := put(t.Context(), source{root, "f", 0, test.length}, collections.URL{URL: test.url})
			if err == nil {
				t.Fatal("no error")
			}
			if _, local := errors.AsType[*fs.PathError](err); local != test.local {
				t.Errorf("local %v: %v", local, err)
			}
			if got := mayBeRefused(err); got != test.refused {
				t.Errorf("refused %v: %v", got, err)
			}
		})
	}
}

func TestOnlyRegularFilesBelowTheFolderAreOpened(t *testing.T) {
	root := writeSource(t, []byte("x"))
	dir := root.Name()
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, good := range map[string]bool{"f": true, "out": false, "fifo": false, "../x": false, "/etc/passwd": false, ".": false, "": false} {
		f, err := openRegular(root, path)
		if (err == nil) != good {
			t.Errorf("%q: %v", path, err)
		}
		if err == nil {
			f.Close()
		}
	}
}

func TestLinkMakesTheObjectWhateverIsThereAlready(t *testing.T) {
	content := bytes.Repeat([]byte("x"), 100_000)
	for _, there := range []string{"nothing", "an earlier try", "the file itself"} {
		t.Run(there, func(t *testing.T) {
			root := writeSource(t, content)
			src := source{root, "f", 0, int64(len(content))}
			path := filepath.Join(t.TempDir(), "object")
			switch there {
			case "an earlier try":
				if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
					t.Fatal(err)
				}
			case "the file itself":
				if err := link(t.Context(), src, path); err != nil {
					t.Fatal(err)
				}
			}
			if err := link(t.Context(), src, path); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(path)
			info, statErr := os.Stat(path)
			if err != nil || statErr != nil || !bytes.Equal(got, content) || info.Mode().Perm() != linkedMode {
				t.Errorf("%d bytes, %v: %v", len(got), info.Mode(), err)
			}
		})
	}
}

func TestLinkCopiesToAnotherFileSystem(t *testing.T) {
	const other = "/dev/shm"
	dir, err := os.MkdirTemp(other, "longshore-test-")
	if err != nil {
		t.Fatalf("this test needs a second file system at %s: %v", other, err)
	}
	defer os.RemoveAll(dir)
	content := bytes.Repeat([]byte("x"), 100_000)
	src := source{writeSource(t, content), "f", 0, int64(len(content))}
	path := filepath.Join(dir, "object")
	if err := link(t.Context(), src, path); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes: %v", len(got), err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left are %v", left)
	}
}
