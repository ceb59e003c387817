package agent

import (
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"sort"
	"syscall"

	"github.com/longshore-project/longshore/collections"
)

// checkBatch is how many pieces are hashed before the loop hears of them.
const checkBatch = 32

// checkState is what is known of a piece that an engine found on disk.
type checkState uint8

const (
	checkNone checkState = iota
	checkDue
	checkFailed  // once: the engine was made to look again
	checkDueLast // due, after it failed once
)

// check hashes pieces that an engine found on disk, before their parts are uploaded: its
// record of them may be older than the data are, or newer.
type check struct {
	pieces []checkState
	queue  []int
	busy   bool
}

func (c *check) add(piece int) {
	switch c.pieces[piece] {
	case checkNone:
		c.pieces[piece] = checkDue
	case checkFailed:
		c.pieces[piece] = checkDueLast
	default:
		return
	}
	c.queue = append(c.queue, piece)
}

// forget drops what is queued; the engine will tell anew.
func (c *check) forget() {
	for _, piece := range c.queue {
		if c.pieces[piece] == checkDueLast {
			c.pieces[piece] = checkFailed
		} else {
			c.pieces[piece] = checkNone
		}
	}
	c.queue = nil
}

// checked is the result for one piece.
type checked struct {
	piece int
	err   error // nil: its bytes are right
}

var (
	errWrongBytes = errors.New("its hash is wrong")
	errUnselected = errors.New("it reaches into a file that is not selected and not on disk")
)

// driveCheck hashes the next pieces.
func (j *job) driveCheck() {
	c := &j.check
	if c.busy || len(c.queue) == 0 || j.torrent.paths == nil {
		return
	}
	batch := c.queue[:min(checkBatch, len(c.queue))]
	c.queue = c.queue[len(batch):]
	c.busy = true
	r := pieceReader{meta: j.meta, root: j.root, paths: j.torrent.paths, selected: selectedSet(j.meta, j.selection)}
	j.spawn(func(ctx context.Context) {
		defer r.close()
		select {
		case j.agent.hashing <- struct{}{}:
			defer func() { <-j.agent.hashing }()
		case <-ctx.Done():
			return
		}
		var results []checked
		for _, piece := range batch {
			if ctx.Err() != nil {
				return
			}
			results = append(results, checked{piece, r.verify(piece)})
		}
		j.post(func() { j.handleChecked(results) })
	})
}

func selectedSet(meta *collections.Metainfo, selection []int) map[int]bool {
	set := map[int]bool{}
	for _, i := range selectedFiles(meta, selection) {
		set[i] = true
	}
	return set
}

// handleChecked takes right pieces for verified, and makes the engine look again at wrong ones, once.
func (j *job) handleChecked(results []checked) {
	j.check.busy = false
	var again bool
	for _, r := range results {
		state := &j.check.pieces[r.piece]
		last := *state == checkDueLast
		*state = checkNone
		switch {
		case r.err == nil:
			j.verified(r.piece)
		case j.parts.have[r.piece]: // it came anew in the meantime
		case last && errors.Is(r.err, errUnselected):
			j.verified(r.piece) // nobody but the engine can tell
		case last:
			j.fail(collections.CodeEngineFailed, fmt.Sprintf("Piece %d is wrong on disk although the engine verified it twice.", r.piece), false)
		default:
			j.log.Warn("a piece that was found on disk is not right", "piece", r.piece, "error", r.err)
			*state = checkFailed
			again = true
		}
	}
	if again {
		j.torrent.again(true)
	}
}

// handleLost takes back the pieces of a part whose bytes cannot be read, and makes the engine look again.
func (j *job) handleLost(p *part, err error) {
	j.log.Error("verified bytes cannot be read", "file", p.ref.File, "part", p.ref.Number, "error", err)
	for piece := p.begin; piece < p.end; piece++ {
		if j.check.pieces[piece] != checkNone {
			j.fail(collections.CodeEngineFailed, "Verified bytes cannot be read from the agent's disk.", false)
			return
		}
		j.parts.doubt(piece)
		j.check.pieces[piece] = checkFailed
	}
	j.window = newWindow(j.parts)
	j.torrent.again(true)
}

// pieceReader reads pieces as they lie in a torrent's files; pad files are zeros (BEP 47).
type pieceReader struct {
	meta     *collections.Metainfo
	root     *os.Root
	paths    []string
	selected map[int]bool
	file     *os.File // the last one read
	index    int
	buffer   []byte
}

// verify reads a piece and holds it against its hash.
func (r *pieceReader) verify(piece int) error {
	sum := sha1.New()
	offset := int64(piece) * r.meta.PieceLength
	end := offset + r.meta.PieceSize(piece)
	files := r.meta.Files
	i := sort.Search(len(files), func(i int) bool { return files[i].Offset+files[i].Size > offset })
	for ; offset < end; i++ {
		f := &files[i]
		n := min(f.Offset+f.Size, end) - offset
		if err := r.copy(sum, f, offset-f.Offset, n); err != nil {
			return err
		}
		offset += n
	}
	if [sha1.Size]byte(sum.Sum(nil)) != r.meta.PieceHash(piece) {
		return errWrongBytes
	}
	return nil
}

// copy hashes n bytes of a file from offset on.
func (r *pieceReader) copy(sum hash.Hash, f *collections.MetaFile, offset, n int64) error {
	if n == 0 {
		return nil
	}
	if r.buffer == nil {
		r.buffer = make([]byte, 128<<10)
	}
	var from io.Reader = zeros{}
	if !f.Pad {
		file, err := r.open(f.Index)
		if err != nil {
			return err
		}
		from = io.NewSectionReader(file, offset, n)
	}
	_, err := io.CopyBuffer(sum, io.LimitReader(from, n), r.buffer)
	return err
}

func (r *pieceReader) open(index int) (*os.File, error) {
	if r.file != nil && r.index == index {
		return r.file, nil
	}
	r.close()
	file, err := openRegular(r.root, r.paths[index])
	if errors.Is(err, fs.ErrNotExist) && !r.selected[index] {
		return nil, errUnselected
	}
	if err != nil {
		return nil, err
	}
	r.file, r.index = file, index
	return file, nil
}

func (r *pieceReader) close() {
	if r.file != nil {
		r.file.Close()
		r.file = nil
	}
}

// openRegular opens a file that an engine wrote; it never leaves root, nor waits on a pipe.
func openRegular(root *os.Root, path string) (*os.File, error) {
	if path == "" {
		return nil, fs.ErrNotExist
	}
	file, err := root.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		file.Close()
		return nil, errors.Join(err, fmt.Errorf("%s is no regular file", path))
	}
	return file, nil
}

// zeros is an endless reader of them.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
