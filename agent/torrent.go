package agent

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/plugins"
)

const (
	maxAddFailures = 5
	statsInterval  = time.Second
	statsEager     = 200 * time.Millisecond // until the first peer has something
)

// torrent is the engine's side of a job.
type torrent struct {
	session *session  // nil while the engine is down
	down    time.Time // since when it is
	id      string    // what the engine calls it; new whenever it begins from nothing
	old     string    // an id that must be removed first
	purge   bool      // resume data are not to be believed
	pending bool      // an Add is due
	busy    bool      // calls are under way
	polled  string    // id whose statistics are asked for
	retryAt time.Time
	refused int      // Adds in a row that failed
	paths   []string // of the files, relative to the job's data folder; nil until known
	crashes []time.Time
	stats   plugins.Statistics
	before  struct{ down, up int64 } // bytes of earlier Adds
	fetched int64                    // wanted bytes that came from the swarm; statistics are asked for once a second only
	lonely  time.Time                // since when there is no peer
}

func (j *job) handleEngineUp(s *session) {
	j.torrent.session = s
	j.torrent.pending = true
	j.torrent.id = newTorrentID(j.req.JobID)
}

// newTorrentID keeps late events of an earlier Add from being taken for those of the present one.
func newTorrentID(jobID string) string { return jobID + "x" + strings.ToLower(rand.Text()[:8]) }

// handleEngineDown keeps what is known: verified pieces are on disk. The next session adds the torrent again.
func (j *job) handleEngineDown(s *session, blamed bool) {
	t := &j.torrent
	if t.session != s {
		return
	}
	t.session, t.down, t.busy, t.old = nil, time.Now(), false, ""
	t.bank()
	if !blamed {
		return
	}
	now := time.Now()
	t.crashes = append(t.crashes, now)
	for now.Sub(t.crashes[0]) > j.agent.limits.crashWindow {
		t.crashes = t.crashes[1:]
	}
	if len(t.crashes) >= j.agent.limits.crashes {
		j.fail(collections.CodeEngineCrashed, fmt.Sprintf("The engine crashed %d times with this torrent.", len(t.crashes)), false)
	}
}

// handleSilence gives an attempt up whose engine does not come back: another agent may have a better one.
func (j *job) handleSilence() {
	if j.engineDown() > j.agent.limits.downTooLong {
		j.fail(collections.CodeEngineFailed, "The engine does not start.", false)
	}
}

// engineDown answers for how long there has been no engine.
func (j *job) engineDown() time.Duration {
	if j.torrent.session != nil || j.torrent.down.IsZero() {
		return 0
	}
	return time.Since(j.torrent.down)
}

func (j *job) handleEngineBroken(err error) {
	j.fail(collections.CodeEngineFailed, "The engine cannot be started: "+err.Error(), false)
}

// bank keeps the byte counts of an Add that has ended.
func (t *torrent) bank() {
	t.before.down += t.stats.Downloaded
	t.before.up += t.stats.Uploaded
	t.stats = plugins.Statistics{}
}

// again makes the engine begin from nothing: what is on disk is hashed by it, the rest is fetched.
func (t *torrent) again(purge bool) {
	t.purge = t.purge || purge
	t.pending = true
	if t.session != nil && t.old == "" {
		t.old = t.id
	}
}

// driveEngine brings the torrent into the engine.
func (j *job) driveEngine() {
	t := &j.torrent
	if t.session == nil || t.busy || !t.pending || time.Now().Before(t.retryAt) || j.judging && j.meta == nil {
		return
	}
	if j.parts != nil && j.parts.unsettled == 0 {
		return
	}
	t.busy, t.pending = true, false
	old, purge := t.old, t.purge
	if old != "" {
		j.host.drop(old)
		t.id, t.old = newTorrentID(j.req.JobID), ""
		t.bank()
		j.check.forget()
	}
	t.purge = false
	session, req := t.session, j.addRequest()
	j.host.carry(req.ID, j)
	j.spawn(func(ctx context.Context) {
		paths, err := j.add(ctx, session, old, purge, req)
		j.post(func() { j.handleAdded(session, req, paths, err) })
	})
}

func (j *job) addRequest() plugins.AddRequest {
	t := &j.torrent
	req := plugins.AddRequest{ID: t.id, Dir: j.data, Peers: j.magnet.Peers}
	if j.meta == nil {
		req.Magnet = j.req.Magnet
		return req
	}
	req.Metainfo = j.metainfo
	if t.session.can.Has(plugins.CapSelect) {
		req.Selection = j.selection
	}
	if t.session.can.Has(plugins.CapSkip) {
		req.Skip = unmarked(j.parts.wanted())
	}
	return req
}

// unmarked answers the ranges of pieces that are not marked.
func unmarked(marks []bool) (ranges []plugins.Range) {
	for piece, marked := range marks {
		n := len(ranges)
		switch {
		case marked:
		case n > 0 && ranges[n-1].End == piece:
			ranges[n-1].End++
		default:
			ranges = append(ranges, plugins.Range{Begin: piece, End: piece + 1})
		}
	}
	return ranges
}

// add makes the calls that bring a torrent into an engine. The end of the attempt breaks none of them off: an engine that carries
// out an Add whose caller is gone may do so after the Remove that follows, and would keep the torrent for ever.
func (j *job) add(ctx context.Context, s *session, old string, purge bool, req plugins.AddRequest) ([]string, error) {
	whole := j.agent.ctx
	if old != "" {
		if err := s.remove(whole, j, old); err != nil { //nolint:contextcheck // see above
			return nil, err
		}
	}
	if purge {
		if err := removeResumeData(req.Dir); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	err := s.call(whole, j, "add", func(ctx context.Context) error { return s.engine.Add(ctx, req) }) //nolint:contextcheck // see above
	if err != nil || req.Metainfo == nil {
		return nil, err
	}
	var files []plugins.File
	err = s.call(ctx, j, "files", func(ctx context.Context) (err error) {
		files, err = s.engine.Files(ctx, req.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	return filePaths(j.meta, files)
}

func (s *session) remove(ctx context.Context, j *job, id string) error {
	return s.call(ctx, j, "remove", func(ctx context.Context) error { return s.engine.Remove(ctx, id) })
}

// filePaths orders an engine's answer by index and holds it against the metainfo.
func filePaths(meta *collections.Metainfo, files []plugins.File) ([]string, error) {
	paths := make([]string, len(meta.Files))
	for _, f := range files {
		if f.Index < 0 || f.Index >= len(paths) || f.Size != meta.Files[f.Index].Size {
			return nil, fmt.Errorf("the engine tells of a file %d that the torrent does not have", f.Index)
		}
		paths[f.Index] = f.Path
	}
	return paths, nil
}

func (j *job) handleAdded(s *session, req plugins.AddRequest, paths []string, err error) {
	t := &j.torrent
	if t.session != s {
		return
	}
	t.busy = false
	if err != nil {
		j.handleNotAdded(req, err)
		return
	}
	if j.failure != nil {
		j.spawn(func(ctx context.Context) { j.removeTorrent(ctx, s, req.ID) })
		return
	}
	t.refused = 0
	if j.full.told != req.ID {
		j.full = diskFull{}
	}
	if paths != nil {
		t.paths = paths
		j.window.forget()
	}
	if t.polled != req.ID {
		t.polled = req.ID
		j.pollStatistics(s, req.ID)
	}
}

// handleNotAdded tries again, unless the engine says that it cannot use the torrent.
func (j *job) handleNotAdded(req plugins.AddRequest, err error) {
	t := &j.torrent
	code := plugins.EngineError(err).Code
	if code == plugins.ErrClosed || j.ctx.Err() != nil {
		t.pending = true // until the session's end is told
		t.retryAt = time.Now().Add(time.Second)
		return
	}
	j.log.Warn("the engine does not take the torrent", "error", err)
	t.refused++
	switch {
	case code == plugins.ErrInvalid || code == plugins.ErrUnsupported:
		j.fail(collections.CodeEngineFailed, "The engine cannot use this torrent: "+err.Error(), true)
	case code == plugins.ErrDiskFull:
		j.full = diskFull{message: "The agent's disk is full; the download begins when there is space."}
		t.pending, t.retryAt = true, time.Now().Add(5*time.Second)
	case t.refused >= maxAddFailures:
		j.fail(collections.CodeEngineFailed, "The engine does not take the torrent: "+err.Error(), false)
	default:
		t.pending, t.retryAt = true, time.Now().Add(time.Second)
	}
}

// removeTorrent takes the torrent out of the engine.
func (j *job) removeTorrent(ctx context.Context, s *session, id string) {
	if s == nil {
		return
	}
	err := s.remove(ctx, j, id)
	if err != nil && ctx.Err() == nil && plugins.EngineError(err).Code != plugins.ErrClosed {
		j.log.Warn("the engine did not let go of the torrent", "error", err)
	}
	j.host.drop(id)
}
