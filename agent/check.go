package agent

import (
	"context"
	"errors"
	"fmt"

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
