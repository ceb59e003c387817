package enginetest

import (
	"strings"
	"sync"
	"testing"

	"github.com/longshore-project/longshore/plugins/payload"
)

// PayloadFile is one file of a torrent to make: Name, a path separated by "/", and Size in bytes.
type PayloadFile = payload.File

// PayloadSpec says what torrent to make.
type PayloadSpec = payload.Spec

// Payload is a torrent with its bytes, for the time of a test.
type Payload struct {
	*payload.Payload
	dir func() string
}

// NewPayload makes a torrent of files: a single-file one of one file without a folder, else one named "payload".
func NewPayload(tb testing.TB, files ...PayloadFile) *Payload {
	tb.Helper()
	single := len(files) == 1 && !strings.Contains(files[0].Name, "/")
	return MakePayload(tb, PayloadSpec{Files: files, Single: single})
}

// MakePayload makes a torrent.
func MakePayload(tb testing.TB, spec PayloadSpec) *Payload {
	tb.Helper()
	made, err := payload.Make(spec)
	if err != nil {
		tb.Fatalf("making the payload: %v", err)
	}
	return &Payload{made, sync.OnceValue(func() string {
		dir := tb.TempDir()
		if err := made.Write(dir); err != nil {
			tb.Fatalf("writing the payload: %v", err)
		}
		return dir
	})}
}

// Dir answers a folder that holds the payload as any client would have downloaded it: the file or the
// folder of the torrent's name. It is written at the first call and removed with the test.
func (p *Payload) Dir() string { return p.dir() }
