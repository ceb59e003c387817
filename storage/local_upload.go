package storage

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/longshore-project/longshore/collections"
)

// upload is an unfinished upload on disk. It lives as long as its data file does.
type upload struct {
	dir       string
	Key       string    `json:"key"`
	Size      int64     `json:"size"`
	PartSize  int64     `json:"part_size"`
	Initiated time.Time `json:"initiated"`
}

func (u *upload) data() string      { return filepath.Join(u.dir, "data") }
func (u *upload) completed() string { return filepath.Join(u.dir, "completed") }

// CreateUpload makes the upload's folder with a sparse data file.
func (l *Local) CreateUpload(_ context.Context, key string, size, partSize int64, _ Meta) (string, error) {
	if err := checkUpload(key, size, partSize); err != nil {
		return "", err
	}
	id := newUploadID()
	u := &upload{dir: filepath.Join(l.uploads, id), Key: key, Size: size, PartSize: partSize, Initiated: time.Now().UTC()}
	if err := u.create(); err != nil {
		return "", errors.Join(err, os.RemoveAll(u.dir))
	}
	return id, syncDir(l.uploads)
}

func newUploadID() string {
	b := make([]byte, 16)
	rand.Read(b)
	return hex.EncodeToString(b)
}

func (u *upload) create() error {
	if err := os.MkdirAll(u.parts(), 0o700); err != nil {
		return err
	}
	body, err := json.Marshal(u)
	if err != nil {
		return err
	}
	if err := writeSynced(filepath.Join(u.dir, "upload"), body); err != nil {
		return err
	}
	f, err := os.OpenFile(u.data(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(u.Size), f.Close(), syncDir(u.dir))
}

// upload reads an upload that lives; ErrNoUpload when it does not, or is of another key.
func (l *Local) upload(key, id string) (*upload, error) {
	u, err := l.readUpload(id)
	if err != nil {
		return nil, err
	}
	if _, err := os.Lstat(u.data()); err != nil || u.Key != key {
		return nil, fmt.Errorf("%w: %.64q", ErrNoUpload, id)
	}
	return u, nil
}

// readUpload reads an upload, a completed one too.
func (l *Local) readUpload(id string) (*upload, error) {
	if !uploadIDShape.MatchString(id) {
		return nil, fmt.Errorf("%w: %.64q", ErrNoUpload, id)
	}
	u := &upload{dir: filepath.Join(l.uploads, id)}
	body, err := os.ReadFile(filepath.Join(u.dir, "upload"))
	if errors.Is(err, fs.ErrNotExist) || err == nil && json.Unmarshal(body, u) != nil {
		return nil, fmt.Errorf("%w: %s", ErrNoUpload, id)
	}
	return u, err
}

// ListParts reads the records.
func (l *Local) ListParts(_ context.Context, key, uploadID string) ([]Part, error) {
	u, err := l.upload(key, uploadID)
	if err != nil {
		return nil, err
	}
	parts, err := u.records()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNoUpload, uploadID)
	}
	return parts, err
}

// Complete stops the PUTs that are still running, checks the records and renames the data
// file into place.
func (l *Local) Complete(_ context.Context, key, uploadID string, parts []Part) (Info, error) {
	if err := checkParts(parts); err != nil {
		return Info{}, err
	}
	defer l.gate.shut(uploadID)()
	u, err := l.upload(key, uploadID)
	if errors.Is(err, ErrNoUpload) {
		return l.completedBefore(key, uploadID, parts, err)
	}
	if err != nil {
		return Info{}, err
	}
	if err := u.confirm(parts); err != nil {
		return Info{}, err
	}
	if err := l.publish(u, parts); err != nil {
		return Info{}, fmt.Errorf("storage: complete %s: %w", key, err)
	}
	return l.stat(key)
}

// confirm compares the parts given with the whole and with the records.
func (u *upload) confirm(parts []Part) error {
	records, err := u.records()
	if err != nil {
		return err
	}
	if want := collections.PartCount(u.Size, u.PartSize); len(parts) != want || len(records) != want {
		return fmt.Errorf("%w: %d parts given and %d recorded of %d", ErrInvalidPart, len(parts), len(records), want)
	}
	for i, r := range records {
		if p := parts[i]; p.Number != r.Number || p.Size != r.Size || !SameETag(p.ETag, r.ETag) {
			return fmt.Errorf("%w: part %d is not the one recorded", ErrInvalidPart, p.Number)
		}
	}
	return nil
}

// publish leaves the folder with what completedBefore needs. A crash anywhere lets the next
// Complete go on: before the rename the upload lives, after it completed proves it.
func (l *Local) publish(u *upload, parts []Part) error {
	path, err := l.path(u.Key)
	if err != nil {
		return err
	}
	etag, _ := multipartETag(parts)
	if err := writeSynced(u.completed(), []byte(etag)); err != nil {
		return err
	}
	if err := errors.Join(syncDir(u.dir), syncPath(u.data())); err != nil {
		return err
	}
	if err := l.place(u.data(), path); err != nil {
		return err
	}
	return os.RemoveAll(u.parts())
}

// completedBefore answers the object of an upload that is completed with the same parts, else gone.
func (l *Local) completedBefore(key, id string, parts []Part, gone error) (Info, error) {
	u, err := l.readUpload(id)
	if err != nil || u.Key != key {
		return Info{}, gone
	}
	was, err := os.ReadFile(u.completed())
	if etag, ok := multipartETag(parts); err != nil || !ok || !SameETag(string(was), etag) {
		return Info{}, gone
	}
	info, err := l.stat(key)
	if errors.Is(err, ErrNotFound) || err == nil && info.Size != totalSize(parts) {
		return Info{}, gone
	}
	return info, err
}

// Abort stops the PUTs that are still running and removes the upload. One that is completed stays so.
func (l *Local) Abort(_ context.Context, key, uploadID string) error {
	if !uploadIDShape.MatchString(uploadID) {
		return nil
	}
	defer l.gate.shut(uploadID)()
	u, err := l.upload(key, uploadID)
	if errors.Is(err, ErrNoUpload) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(os.Remove(u.data()), os.RemoveAll(u.dir))
}

// ListUploads reads the folders.
func (l *Local) ListUploads(ctx context.Context, fn func(Unfinished) error) error {
	entries, err := os.ReadDir(l.uploads)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		u, err := l.readUpload(e.Name())
		if err == nil {
			_, err = l.upload(u.Key, e.Name())
		}
		if errors.Is(err, ErrNoUpload) {
			continue
		}
		if err != nil {
			return err
		}
		if err := fn(Unfinished{Key: u.Key, UploadID: e.Name(), Initiated: u.Initiated}); err != nil {
			return err
		}
	}
	return nil
}
