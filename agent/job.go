package agent

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/longshore-project/longshore/collections"
)

// job is one attempt at a job. Its goroutine (run) owns everything below "owned by the
// loop": others reach it by post, and what takes long runs beside it (spawn) and posts its result.
type job struct {
	agent    *Agent
	req      collections.StartRequest
	log      *slog.Logger
	previous *job // the attempt this one replaces; it must have ended first
	ctx      context.Context
	cancel   context.CancelCauseFunc // with a cause of attempts.go
	inbox    chan func()
	ending   chan struct{} // closed when the loop has ended
	done     chan struct{} // closed when nothing is left of the attempt
	children sync.WaitGroup
	failed   atomic.Bool

	// Owned by the loop.
	failure   *failure
	full      diskFull
	host      *host
	data      string // folder of the torrent's files
	root      *os.Root
	magnet    *collections.Magnet
	judging   bool // metadata came and is being judged
	meta      *collections.Metainfo
	metainfo  []byte
	selection []int
	stored    collections.Stored // as the control plane told when the metainfo was accepted
	torrent   torrent
	parts     *parts
	check     check
	window    window
	upload    upload
	told      collections.JobReport // last handed to the reporter
}

// failure is why an attempt failed. When it is final, trying elsewhere is of no use.
type failure struct {
	code    collections.Code
	message string
	final   bool
}

func (a *Agent) newJob(req collections.StartRequest, previous *job) *job {
	j := &job{
		agent: a, req: req, previous: previous,
		inbox:  make(chan func(), 16),
		ending: make(chan struct{}),
		done:   make(chan struct{}),
		magnet: &collections.Magnet{},
	}
	j.log = slog.New(a.log.Handler().WithAttrs(j.names()))
	j.ctx, j.cancel = context.WithCancelCause(collections.WithRequestID(a.ctx, req.RequestID))
	j.upload = newUpload(a.limits.retry, req.URLs)
	if !a.cfg.Link {
		j.upload.link = linkOff
	}
	return j
}

// names says in the log what a line is about.
func (j *job) names() []slog.Attr {
	return []slog.Attr{slog.String("job", j.req.JobID), slog.Int64("attempt", j.req.Attempt), slog.String("request_id", j.req.RequestID)}
}

// run is the attempt's whole life.
func (j *job) run() {
	defer close(j.done)
	j.waitForPrevious()
	if j.ctx.Err() == nil {
		j.begin()
	}
	j.loop()
	j.finish()
}

func (j *job) waitForPrevious() {
	for j.previous != nil {
		select {
		case <-j.previous.done:
			j.previous = nil
		case fn := <-j.inbox:
			fn()
		}
	}
}

func (j *job) loop() {
	defer close(j.ending)
	second := time.NewTicker(collections.ReportInterval)
	defer second.Stop()
	for {
		j.settle()
		select {
		case <-j.ctx.Done():
			return
		case fn := <-j.inbox:
			fn()
		case <-second.C:
			j.handleSecond()
		}
	}
}

// post runs fn on the loop, or never when that has ended.
func (j *job) post(fn func()) {
	select {
	case j.inbox <- fn:
	case <-j.ending:
	}
}

// spawn runs fn beside the loop. It must heed its context, which ends with the attempt.
func (j *job) spawn(fn func(ctx context.Context)) {
	j.children.Go(func() { fn(j.ctx) })
}

// settle does all that follows from what is known now. It runs after every event, so each step is cheap when nothing has changed for it.
func (j *job) settle() {
	if j.failure == nil && j.ctx.Err() == nil {
		j.driveEngine()
		if j.parts != nil {
			j.driveCheck()
			j.driveUploads()
			j.driveURLs()
			j.driveWindow()
		}
	}
	j.tellChange()
}

// fail ends the work but not the attempt: it is reported until the control plane says what is to become of it.
func (j *job) fail(code collections.Code, message string, final bool) {
	if j.failure != nil {
		return
	}
	j.log.Warn("the job failed", "code", code, "message", message, "final", final)
	j.failure = &failure{code: code, message: message, final: final}
	j.failed.Store(true)
	j.agent.uploads.drop(j)
	session, id := j.torrent.session, j.torrent.id
	j.spawn(func(ctx context.Context) { j.removeTorrent(ctx, session, id) })
}

// finish ends all that the attempt began, and leaves or removes its data as the cause of its end says.
func (j *job) finish() {
	cause := context.Cause(j.ctx)
	j.agent.uploads.drop(j)
	j.children.Wait()
	if !errors.Is(cause, context.Canceled) {
		j.removeTorrent(context.WithoutCancel(j.ctx), j.torrent.session, j.torrent.id)
	}
	if j.host != nil {
		j.host.detach(j)
	}
	if j.root != nil {
		_ = j.root.Close()
	}
	j.log.Info("the attempt ends", "cause", cause)
	j.agent.forget(j)
	if errors.Is(cause, errCancelled) || errors.Is(cause, errEnded) {
		if err := j.agent.discard(j.req.JobID); err != nil {
			j.log.Error("data stay in scratch", "error", err)
		}
	}
	j.tellEnd(cause)
}
