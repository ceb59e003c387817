package enginetest

import (
	"context"
	"crypto/sha1"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/longshore-project/longshore/plugins"
)

// record is what one event stream told, checked against the disk as it came.
type record struct {
	engine plugins.Engine
	ended  chan struct{} // closed when the stream ended

	mu       sync.Mutex
	accounts map[string]*account
}

// account is what a stream told of one torrent.
type account struct {
	download *download
	info     []byte
	told     []int  // how often each piece was told verified
	resumed  []bool // pieces told as found on disk
	order    []int  // pieces as they were told
	batches  int    // events that told pieces
	finishes int
	failure  *plugins.Error // the last one that was not taken back
	failures int
	healed   int
	faults   []string
}

func (r *record) open(d *download) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.accounts[d.id] = newAccount(d)
}

func newAccount(d *download) *account {
	return &account{download: d, told: make([]int, d.NumPieces), resumed: make([]bool, d.NumPieces)}
}

// restarted answers empty accounts of the same torrents.
func (r *record) restarted() map[string]*account {
	r.mu.Lock()
	defer r.mu.Unlock()
	accounts := map[string]*account{}
	for id, a := range r.accounts {
		accounts[id] = newAccount(a.download)
	}
	return accounts
}

func (r *record) follow(ctx context.Context, events <-chan plugins.Event) {
	defer close(r.ended)
	for e := range events {
		var lies []string
		if a := r.account(e.ID); a != nil && e.Kind == plugins.EventVerified {
			lies = r.lies(ctx, a.download, e.Ranges)
		}
		r.take(e, lies)
	}
}

func (r *record) account(id string) *account {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.accounts[id]
}

func (r *record) take(e plugins.Event, lies []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.accounts[e.ID]
	if a == nil {
		return
	}
	a.faults = append(a.faults, lies...)
	switch e.Kind {
	case plugins.EventMetadata:
		a.info = e.InfoBytes
	case plugins.EventVerified:
		a.verified(e)
	case plugins.EventFinished:
		a.finishes++
	case plugins.EventError:
		a.failure, a.failures = e.Err, a.failures+1
	case plugins.EventHealed:
		a.failure, a.healed = nil, a.healed+1
	}
}

func (a *account) verified(e plugins.Event) {
	a.batches++
	for _, span := range e.Ranges {
		for i := span.Begin; i < span.End; i++ {
			if i >= len(a.told) {
				a.faults = append(a.faults, fmt.Sprintf("piece %d was told verified; there are %d", i, len(a.told)))
				return
			}
			if a.told[i]++; a.told[i] > 1 {
				a.faults = append(a.faults, fmt.Sprintf("piece %d was told verified twice", i))
			}
			a.resumed[i] = e.Resumed
			a.order = append(a.order, i)
		}
	}
}

// lies hashes on disk what an event calls verified. When the engine cannot say where the files are any more, nothing is known.
func (r *record) lies(ctx context.Context, d *download, ranges []plugins.Range) (lies []string) {
	files, err := r.engine.Files(ctx, d.id)
	if err != nil {
		return nil
	}
	for _, span := range ranges {
		for i := span.Begin; i < min(span.End, d.NumPieces); i++ {
			if err := d.checkPiece(files, i); err != nil {
				lies = append(lies, fmt.Sprintf("piece %d was told verified: %v", i, err))
			}
		}
	}
	return lies
}

// checkPiece hashes a piece on disk.
func (d *download) checkPiece(files []plugins.File, piece int) error {
	data := make([]byte, d.PieceSize(piece))
	first := int64(piece) * d.PieceLength
	for i, f := range d.Files {
		begin, end := max(first, f.Offset), min(first+int64(len(data)), f.Offset+f.Size)
		if begin >= end || files[i].Path == "" {
			continue
		}
		disk, err := os.Open(filepath.Join(d.dir, filepath.FromSlash(files[i].Path)))
		if err != nil {
			return err
		}
		_, err = disk.ReadAt(data[begin-first:end-first], begin-f.Offset)
		disk.Close()
		if err != nil {
			return err
		}
	}
	if sha1.Sum(data) != d.PieceHash(piece) {
		return fmt.Errorf("the bytes on disk have another hash")
	}
	return nil
}

// account answers a copy of what is told by now.
func (d *download) account() account {
	r := d.r.record
	r.mu.Lock()
	defer r.mu.Unlock()
	a := *r.accounts[d.id]
	a.told, a.order = append([]int{}, a.told...), append([]int{}, a.order...)
	a.resumed, a.faults = append([]bool{}, a.resumed...), append([]string{}, a.faults...)
	return a
}

// verifiedBytes counts what was told of pieces.
func (d *download) verifiedBytes(r plugins.Range) (n int64) {
	a := d.account()
	for i := r.Begin; i < r.End; i++ {
		if a.told[i] > 0 {
			n += d.PieceSize(i)
		}
	}
	return n
}

// checkAccount fails the test when a stream told what is not so.
func (d *download) checkAccount() {
	d.r.t.Helper()
	a := d.account()
	a.report(d.r.t)
}

func (a *account) report(t *testing.T) {
	t.Helper()
	for i, fault := range a.faults {
		if i == 10 {
			t.Fatalf("and %d more", len(a.faults)-i)
		}
		t.Error(fault)
	}
}

// String is for the log of a failed test.
func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	for id, a := range r.accounts {
		fmt.Fprintf(&b, "%s: %d of %d pieces told, metadata %v, finished %d times, error %v, %d faults\n",
			id, len(a.order), len(a.told), a.info != nil, a.finishes, a.failure, len(a.faults))
	}
	return b.String()
}
