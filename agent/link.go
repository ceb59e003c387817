package agent

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/longshore-project/longshore/collections"
)

// linkedMode is the mode of a file in the store: it is never written again.
const linkedMode = 0o444

// link makes the object at path from a whole file: a clone that shares its blocks, else a hard link, else a
// copy. It is on disk when link returns. An earlier try that ended half-way is no hindrance.
func link(ctx context.Context, src source, path string) error {
	if !filepath.IsAbs(path) {
		return errors.New("the link path is not absolute")
	}
	file, err := openRegular(src.root, src.path)
	if err != nil {
		return err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || info.Size() != src.length {
		return errors.Join(err, &fs.PathError{Op: "link", Path: src.path, Err: io.ErrUnexpectedEOF})
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := replace(path, func(tmp *os.File) error { return unix.IoctlFileClone(int(tmp.Fd()), int(file.Fd())) }); err == nil {
		return nil
	}
	if err := hardLink(file, src, path); err == nil {
		return nil
	}
	return replace(path, func(tmp *os.File) error {
		_, err := io.Copy(tmp, &contextReader{ctx, file})
		return err
	})
}

// replace makes a file by fill and puts it at path in one step.
func replace(path string, fill func(*os.File) error) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".link-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	err = fill(tmp)
	if err = errors.Join(err, tmp.Chmod(linkedMode), tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// hardLink gives the file a second name. Its mode changes first: from then on both names are read-only.
func hardLink(file *os.File, src source, path string) error {
	if err := file.Chmod(linkedMode); err != nil {
		return err
	}
	from := filepath.Join(src.root.Name(), filepath.FromSlash(src.path))
	err := unix.Linkat(unix.AT_FDCWD, from, unix.AT_FDCWD, path, 0)
	if errors.Is(err, fs.ErrExist) {
		if err = os.Remove(path); err == nil {
			err = unix.Linkat(unix.AT_FDCWD, from, unix.AT_FDCWD, path, 0)
		}
	}
	if err != nil {
		return err
	}
	return errors.Join(sameFile(file, path), syncDir(filepath.Dir(path)))
}

// sameFile makes sure that the name was not led elsewhere on its way.
func sameFile(file *os.File, path string) error {
	a, errA := file.Stat()
	b, errB := os.Lstat(path)
	if errA != nil || errB != nil || !os.SameFile(a, b) {
		return errors.Join(errA, errB, os.Remove(path), errors.New("the linked file is another one"))
	}
	return nil
}

// contextReader ends a long copy with its context.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(b)
}

// probe is the first thing to ask: whether files may be linked. Until it is answered nothing is uploaded.
func (j *job) probe() []collections.PartRef {
	for i := range j.parts.list {
		if p := &j.parts.list[i]; !p.settled() {
			return []collections.PartRef{{File: p.ref.File}}
		}
	}
	return nil
}

func (j *job) handleProbe(reply collections.URLsReply, err error) {
	if err != nil && !refused(err) {
		j.handleNoURLs(err)
		return
	}
	if code := collections.CodeOf(err); err != nil && (code == collections.CodeAttemptStale || code == collections.CodeJobEnded || unrecognised(err)) {
		j.handleNoURLs(err)
		return
	}
	if err != nil || len(reply.URLs) == 0 || reply.URLs[0].LinkPath == "" {
		j.upload.link = linkOff
		return
	}
	j.upload.link = linkOn
	j.upload.hold(reply.URLs)
	begun := map[int]bool{}
	for _, s := range j.stored.Parts {
		begun[s.File] = true
	}
	j.layOut(func(file int) bool { return !begun[file] })
}

// checkLinks gives linking up when the control plane no longer offers it.
func (j *job) checkLinks(urls []collections.URL) {
	for _, url := range urls {
		if url.Number == 0 && url.LinkPath == "" {
			j.stopLinking()
			return
		}
	}
}

// stopLinking goes on with parts for all files that were not linked yet and are not being linked now.
func (j *job) stopLinking() {
	j.upload.link = linkOff
	old := j.parts
	j.layOut(func(file int) bool {
		p := old.find(collections.PartRef{File: file})
		return p != nil && p.state != partOpen
	})
}
