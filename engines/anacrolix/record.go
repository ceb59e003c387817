package anacrolix

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/longshore-project/longshore/collections"
)

const (
	recordName   = ".longshore-pieces"
	recordMagic  = "longshore pieces 1"
	recordHeader = 20 + 40 + 20 + 64 // bytes: magic, infohash, pieces, boot
	bootIDFile   = "/proc/sys/kernel/random/boot_id"
)

// record remembers on disk which pieces are verified and written, and which are released. One
// byte is written per piece, right after the bytes of the piece: it survives the death of
// the process as they do, in the page cache. After a reboot only what is released counts.
type record struct {
	mu       sync.Mutex
	file     *os.File
	bytes    []byte // two bitmaps, one after the other: eight pieces a byte, lowest bit first
	released int    // where the second begins
}

// openRecord reads the record of this torrent in root, or begins a new one when there is
// none, or one of another torrent.
func openRecord(root *os.Root, m *collections.Metainfo, boot string) (*record, error) {
	f, err := root.OpenFile(recordName, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	n := (m.NumPieces + 7) / 8
	r := &record{file: f, bytes: make([]byte, 2*n), released: n}
	if err := r.load(m, boot); err != nil {
		f.Close()
		return nil, err
	}
	return r, nil
}

// load writes the header last: until then the old one stands, with which the verified pieces do not count.
func (r *record) load(m *collections.Metainfo, boot string) error {
	torrent, bootID := recordTitle(m), fmt.Sprintf("%-64s", boot)
	header := make([]byte, recordHeader)
	_, err := r.file.ReadAt(header, 0)
	known := err == nil && string(header[:len(torrent)]) == torrent && r.read()
	if known && string(header[len(torrent):]) == bootID {
		return nil
	}
	if !known {
		clear(r.bytes)
	}
	clear(r.bytes[:r.released])
	if _, err := r.file.WriteAt(r.bytes, recordHeader); err != nil {
		return err
	}
	_, err = r.file.WriteAt([]byte(torrent+bootID), 0)
	return err
}

func recordTitle(m *collections.Metainfo) string {
	return fmt.Sprintf("%-20s%40s%020d", recordMagic, m.Infohash, m.NumPieces)
}

func (r *record) read() bool {
	_, err := io.ReadFull(io.NewSectionReader(r.file, recordHeader, int64(len(r.bytes))), r.bytes)
	return err == nil
}

func (r *record) isVerified(i int) bool { return r.has(0, i) }
func (r *record) isReleased(i int) bool { return r.has(r.released, i) }

func (r *record) has(at, i int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bytes[at+i/8]&(1<<(i%8)) != 0
}

func (r *record) verify(i int) error { return r.put(0, i, true) }

// release is written before the bytes of the piece go.
func (r *record) release(i int) error {
	return errors.Join(r.put(0, i, false), r.put(r.released, i, true))
}

func (r *record) put(at, i int, member bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	at += i / 8
	if member {
		r.bytes[at] |= 1 << (i % 8)
	} else {
		r.bytes[at] &^= 1 << (i % 8)
	}
	_, err := r.file.WriteAt(r.bytes[at:at+1], recordHeader+int64(at))
	return err
}

func (r *record) close() error { return r.file.Close() }

// bootID names the present boot of the machine. Where the system does not tell, every
// process counts as one, so that no record is trusted.
func bootID() string {
	b, err := os.ReadFile(bootIDFile)
	if err != nil {
		return rand.Text()
	}
	return strings.TrimSpace(string(b))
}
