package storage

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	temporaryAge = 24 * time.Hour     // no PUT lasts longer
	completedAge = 7 * 24 * time.Hour // Complete may be asked again until then
)

// tidy removes what crashes and completed uploads leave behind, and folders that have been
// empty since before cutoff. Nothing it removes is listed.
func (l *Local) tidy(ctx context.Context, now, cutoff time.Time) error {
	return errors.Join(
		removeOlder(l.temporary, now.Add(-temporaryAge), func(string) bool { return true }),
		removeOlder(l.uploads, now.Add(-completedAge), l.isDead),
		l.removeEmpty(ctx, cutoff),
	)
}

func (l *Local) isDead(id string) bool {
	_, err := os.Lstat(filepath.Join(l.uploads, id, "data"))
	return err != nil
}

func removeOlder(dir string, cutoff time.Time, is func(name string) bool) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		fi, infoErr := e.Info()
		if infoErr != nil || !fi.ModTime().Before(cutoff) || !is(e.Name()) {
			continue
		}
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}

func (l *Local) removeEmpty(ctx context.Context, cutoff time.Time) error {
	return filepath.WalkDir(l.objects, func(path string, d fs.DirEntry, err error) error {
		if path == l.objects || err == nil && !d.IsDir() || errors.Is(err, fs.ErrNotExist) {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		if fi, err := d.Info(); err == nil && fi.ModTime().Before(cutoff) && os.Remove(path) == nil {
			return fs.SkipDir
		}
		return ctx.Err()
	})
}
