package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// StoragePath is where (*Local).ServeHTTP must be mounted.
const StoragePath = "/storage/"

// LocalConfig says where a local store lies and how it is reached.
type LocalConfig struct {
	Dir       string           // made when missing; on one file system
	PartURL   func() string    // scheme, host and port of the URLs that agents PUT to
	PublicURL func() string    // the same of the URLs that people GET
	Key       []byte           // signs URLs
	Now       func() time.Time // nil is time.Now
	Logger    *slog.Logger     // nil is slog.Default()

	// Served is told, while a delivery lasts, how many bytes of it were sent for the account that the link was signed for.
	// It must not block. nil counts nothing.
	Served func(account string, bytes int64)
}

// Local is a Store in a directory, and the HTTP handler behind the URLs it signs. One
// process may serve it; others may read it and sign.
//
//	Dir/objects/KEY           an object, mode 0444
//	Dir/uploads/ID/upload     what CreateUpload was told (JSON)
//	Dir/uploads/ID/data       each part at its offset; renamed to the object by Complete
//	Dir/uploads/ID/parts/…    one empty file per recorded part, named number-size-md5
//	Dir/uploads/ID/completed  the ETag that proves a repeated Complete right
//	Dir/temporary/…           a single PUT on its way
//
// A part is recorded after its bytes have been synced, so a record never lies.
// The ETag of a part is the MD5 of its bytes, as in S3. The ETag of an object is its size and
// modification time: an object is never written again under its key, and one that was linked need not be read.
type Local struct {
	cfg       LocalConfig
	objects   string
	uploads   string
	temporary string
	gate      *gate
	stall     time.Duration

	mu     sync.Mutex
	synced map[string]bool // keys that Head need not sync
}

var _ Store = (*Local)(nil)

const minKeyBytes = 16

// NewLocal makes the directories and answers the store.
func NewLocal(cfg LocalConfig) (*Local, error) {
	if cfg.Dir == "" || cfg.PartURL == nil || cfg.PublicURL == nil || len(cfg.Key) < minKeyBytes {
		return nil, errors.New("storage: the local store needs a directory, its two URLs and a key")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	l := &Local{
		cfg:       cfg,
		objects:   filepath.Join(cfg.Dir, "objects"),
		uploads:   filepath.Join(cfg.Dir, "uploads"),
		temporary: filepath.Join(cfg.Dir, "temporary"),
		gate:      newGate(),
		stall:     defaultStall,
		synced:    map[string]bool{},
	}
	for _, dir := range []string{l.objects, l.uploads, l.temporary} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("storage: %w", err)
		}
	}
	return l, nil
}

// Kind answers "local".
func (l *Local) Kind() string { return KindLocal }

// Check proves that a file can be written, and moved from the uploads to the objects.
func (l *Local) Check(context.Context) error {
	f, err := os.CreateTemp(l.uploads, probePattern)
	if err != nil {
		return fmt.Errorf("storage: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString("longshore")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("storage: %w", err)
	}
	moved := filepath.Join(l.objects, filepath.Base(f.Name()))
	if err := os.Rename(f.Name(), moved); err != nil {
		return fmt.Errorf("storage: %s must be on one file system: %w", l.cfg.Dir, err)
	}
	return os.Remove(moved)
}

const probePattern = ".probe-"

// LinkPath answers where a local agent may link, clone or move the finished object to, in one
// step; the folder is there. The object counts once Head has answered it.
func (l *Local) LinkPath(key string) (string, error) {
	path, err := l.path(key)
	if err != nil {
		return "", err
	}
	if err := l.makeDir(filepath.Dir(path)); err != nil {
		return "", err
	}
	now := time.Now()
	return path, os.Chtimes(filepath.Dir(path), now, now) // Tidy spares young folders
}

// path answers where key's object lies.
func (l *Local) path(key string) (string, error) {
	if err := checkKey(key); err != nil {
		return "", err
	}
	return filepath.Join(l.objects, filepath.FromSlash(key)), nil
}
