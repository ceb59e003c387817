package agent

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/longshore-project/longshore/collections"
)

// begin makes room on disk, reads what was given and asks for an engine.
func (j *job) begin() {
	j.host = j.agent.engine(j.req.Engine)
	if j.host == nil {
		j.fail(collections.CodeEngineMissing, fmt.Sprintf("This agent has no engine %q.", j.req.Engine), true)
		return
	}
	if err := j.makeRoom(); err != nil {
		j.log.Error("no scratch folder", "error", err)
		j.fail(diskCode(err), "The agent cannot write to its scratch space.", false)
		return
	}
	if err := j.read(); err != nil {
		j.fail(collections.CodeOf(err), err.Error(), true)
		return
	}
	j.log.Info("the attempt begins", "infohash", j.req.Infohash, "engine", j.host.name)
	j.torrent.down = time.Now()
	j.host.attach(j)
}

func (j *job) makeRoom() error {
	infohash, err := collections.ParseInfohash(j.req.Infohash)
	if err != nil {
		return err
	}
	j.data, err = j.agent.scratch.open(heldJob{JobID: j.req.JobID, Attempt: j.req.Attempt, Infohash: infohash})
	if err != nil {
		return err
	}
	j.root, err = os.OpenRoot(j.data)
	return err
}

func diskCode(err error) collections.Code {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return collections.CodeDiskFull
	}
	return collections.CodeInternal
}

// read takes magnet and metainfo from the request.
func (j *job) read() error {
	if j.req.Magnet != "" {
		magnet, err := collections.ParseMagnet(j.req.Magnet)
		if err != nil {
			return err
		}
		j.magnet = magnet
	}
	if len(j.req.Metainfo) == 0 {
		return nil
	}
	meta, err := collections.ParseMetainfo(j.req.Metainfo)
	if err != nil {
		return err
	}
	if err := j.rightInfohash(meta); err != nil {
		return err
	}
	j.accept(meta, j.req.Metainfo, j.req.Selection, j.req.Stored)
	return nil
}

func (j *job) rightInfohash(meta *collections.Metainfo) error {
	if want, err := collections.ParseInfohash(j.req.Infohash); err != nil || meta.Infohash != want {
		return collections.Errorf(collections.CodeInvalidTorrent, "The metainfo is of another torrent.")
	}
	return nil
}

// accept begins the download: what the torrent holds, what is wanted of it and what the store has are known.
func (j *job) accept(meta *collections.Metainfo, metainfo []byte, selection []int, stored collections.Stored) {
	j.meta, j.metainfo, j.selection, j.stored = meta, metainfo, selection, stored
	j.torrent.pending = true
	j.check = check{pieces: make([]checkState, meta.NumPieces)}
	j.layOut(func(int) bool { return false })
}

// layOut makes the account of parts anew.
func (j *job) layOut(whole func(file int) bool) {
	old := j.parts
	j.parts = newParts(j.meta, j.selection, whole)
	j.parts.record(j.stored)
	if old != nil {
		j.parts.adopt(old)
	}
	j.window = newWindow(j.parts)
	j.upload.ready = nil
	for _, p := range j.parts.complete() {
		j.upload.ready = append(j.upload.ready, p.ref)
	}
}
