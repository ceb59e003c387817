package anacrolix

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/longshore-project/longshore/collections"
)

const (
	recordName   = ".longshore-pieces"
	recordMagic  = "longshore pieces 1\n"
	recordHeader = 128 // bytes; the bitmap follows
	bootIDFile   = "/proc/sys/kernel/random/boot_id"
)

// record remembers on disk which pieces are verified and written. One byte is written
// per piece, right after the bytes of the piece: it survives the death of the process
// as they do, in the page cache. After a reboot it counts for nothing.
type record struct {
	mu     sync.Mutex
	file   *os.File
	bitmap []byte // eight pieces a byte, lowest bit first
}

// openRecord reads the record of this torrent in root, or begins a new one when there is
// none, or one of another torrent or boot.
func openRecord(root *os.Root, m *collections.Metainfo, boot string) (*record, error) {
	f, err := root.OpenFile(recordName, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	r := &record{file: f, bitmap: make([]byte, (m.NumPieces+7)/8)}
	header := recordHeaderOf(m, boot)
	if !r.read(header) {
		clear(r.bitmap)
		err = r.begin(header)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return r, nil
}

func recordHeaderOf(m *collections.Metainfo, boot string) []byte {
	h := make([]byte, recordHeader)
	n := copy(h, recordMagic)
	n += copy(h[n:], m.Infohash)
	n += copy(h[n:], boot)
	binary.BigEndian.PutUint32(h[n:], uint32(m.NumPieces))
	return h
}

func (r *record) read(header []byte) bool {
	got := make([]byte, recordHeader)
	if _, err := r.file.ReadAt(got, 0); err != nil || !bytes.Equal(got, header) {
		return false
	}
	_, err := io.ReadFull(io.NewSectionReader(r.file, recordHeader, int64(len(r.bitmap))), r.bitmap)
	return err == nil
}

// begin writes the header last: until then the old one, which does not match, stands.
func (r *record) begin(header []byte) error {
	if _, err := r.file.WriteAt(r.bitmap, recordHeader); err != nil {
		return err
	}
	_, err := r.file.WriteAt(header, 0)
	return err
}

func (r *record) has(i int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bitmap[i/8]&(1<<(i%8)) != 0
}

func (r *record) put(i int, verified bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := &r.bitmap[i/8]
	if verified {
		*b |= 1 << (i % 8)
	} else {
		*b &^= 1 << (i % 8)
	}
	_, err := r.file.WriteAt(r.bitmap[i/8:i/8+1], recordHeader+int64(i/8))
	return err
}

func (r *record) close() error { return r.file.Close() }

// bootID names the present boot of the machine.
func bootID() (string, error) {
	b, err := os.ReadFile(bootIDFile)
	if err != nil {
		return "", fmt.Errorf("which boot this is: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}
