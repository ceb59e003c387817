package agent

import (
	"context"
	"slices"

	"github.com/cenkalti/backoff/v5"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/plugins"
)

// handleEvent takes an event of the engine.
func (j *job) handleEvent(ev plugins.Event) {
	if ev.ID != j.torrent.id || j.failure != nil {
		return
	}
	switch ev.Kind {
	case plugins.EventMetadata:
		j.handleMetadata(ev.InfoBytes)
	case plugins.EventVerified:
		j.handleVerified(ev.Ranges, ev.Resumed)
	case plugins.EventError:
		j.handleEngineError(ev.Err)
	case plugins.EventHealed:
		j.full = diskFull{}
	}
}

// diskFull is the verdict that the engine has no space for the torrent.
type diskFull struct {
	message string // "" while there is space
	told    string // the torrent's id in the engine when an event told it; that one is taken back by another event
}

func (j *job) handleEngineError(err *plugins.Error) {
	switch {
	case err.Code == plugins.ErrInvalid && j.meta == nil:
		j.handleHostileMetadata(err)
	case err.Code == plugins.ErrDiskFull:
		j.log.Warn("the disk is full", "error", err)
		j.full = diskFull{"The agent's disk is full; the download goes on when there is space.", j.torrent.id}
	default:
		j.fail(collections.CodeEngineFailed, "The engine gave up: "+err.Message, false)
	}
}

// handleVerified takes pieces as they come. What was found on disk is hashed before it counts.
func (j *job) handleVerified(ranges []plugins.Range, resumed bool) {
	if j.parts == nil {
		return
	}
	for _, r := range ranges {
		for piece := max(0, r.Begin); piece < min(r.End, j.meta.NumPieces); piece++ {
			if resumed {
				if j.parts.wants(piece) {
					j.check.add(piece)
				}
			} else {
				before := j.parts.done
				j.verified(piece)
				j.torrent.fetched += j.parts.done - before
			}
		}
	}
}

func (j *job) verified(piece int) {
	if j.parts.have[piece] {
		return
	}
	j.window.verified(piece)
	for _, p := range j.parts.verify(piece) {
		j.upload.ready = append(j.upload.ready, p.ref)
		j.window.dirty = true
	}
}

// handleMetadata judges what the swarm says the torrent is, and asks the control plane how to go on.
func (j *job) handleMetadata(info []byte) {
	if j.meta != nil || j.judging {
		return
	}
	j.judging = true
	j.spawn(func(ctx context.Context) {
		meta, err := collections.ParseInfo(info)
		if err == nil {
			err = j.rightInfohash(meta)
		}
		if err != nil {
			j.post(func() { j.handleHostileMetadata(err) })
			return
		}
		reply, err := j.sendMetainfo(ctx, info)
		j.post(func() { j.handleMetainfoReply(meta, reply, err) })
	})
}

func (j *job) handleHostileMetadata(err error) {
	j.fail(collections.CodeHostileMetadata, "The swarm's metadata is refused: "+err.Error(), true)
}

// sendMetainfo asks until it is answered.
func (j *job) sendMetainfo(ctx context.Context, info []byte) (collections.MetainfoReply, error) {
	return backoff.Retry(ctx, func() (collections.MetainfoReply, error) {
		reply, err := j.agent.control.metainfo(ctx, j.req.JobID, j.req.Attempt, info)
		if err != nil && refused(err) && !unrecognised(err) {
			return reply, backoff.Permanent(err)
		}
		return reply, err
	}, backoff.WithBackOff(j.agent.retries()), backoff.WithMaxElapsedTime(0), backoff.WithNotify(j.agent.notify("the metainfo was not taken, trying again")))
}

func (j *job) handleMetainfoReply(meta *collections.Metainfo, reply collections.MetainfoReply, err error) {
	code := reply.Code
	if err != nil {
		code = collections.CodeOf(err)
	}
	switch {
	case code == collections.CodeAttemptStale || code == collections.CodeNotFound:
		j.cancel(errStale)
	case code == collections.CodeJobEnded:
		j.cancel(errEnded)
	case j.ctx.Err() != nil:
	case err != nil:
		j.fail(code, err.Error(), true)
	case code != "":
		j.fail(code, "The control plane refused the metainfo.", true)
	default:
		metainfo := collections.BuildMetainfo(meta.InfoBytes, j.magnet.Trackers, j.magnet.Webseeds)
		j.accept(meta, metainfo, reply.Selection, reply.Stored)
	}
}

// handleReply does what the control plane answered to a report in which done were told.
func (j *job) handleReply(done []collections.PartDone, reply collections.JobReply) {
	if j.parts != nil {
		for _, d := range done {
			p := j.parts.find(collections.PartRef{File: d.File, Number: d.Number})
			if p != nil && p.state == partUploaded {
				j.parts.set(p, partStored)
			}
		}
	}
	switch {
	case reply.Code == collections.CodeJobEnded:
		j.cancel(errEnded)
	case reply.Code == collections.CodeAttemptStale || reply.Attempt > j.req.Attempt:
		j.cancel(errStale)
	case reply.Desired == collections.DesiredPause:
		j.cancel(errPaused)
	case reply.Desired == collections.DesiredCancel:
		j.cancel(errCancelled)
	case reply.Stored != nil && j.parts != nil:
		j.handleStored(*reply.Stored)
	}
}

// handleStored takes the control plane's account for the true one: what it lacks is uploaded
// again, from disk when it is still there.
func (j *job) handleStored(stored collections.Stored) {
	j.stored = stored
	reopened := j.parts.record(stored)
	if len(reopened) == 0 {
		return
	}
	j.log.Warn("the store lacks parts that were uploaded", "parts", len(reopened))
	for _, p := range reopened {
		j.upload.forget(p.ref)
		if p.missing == 0 {
			j.upload.ready = append(j.upload.ready, p.ref)
		}
	}
	j.window = newWindow(j.parts)
	if slices.ContainsFunc(reopened, func(p *part) bool { return p.missing > 0 }) {
		j.torrent.again(false) // the engine was told to skip their pieces
	}
}

// handleSecond is due once a second.
func (j *job) handleSecond() {
	j.handleSilence()
	j.tell(false)
}
