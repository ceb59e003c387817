package agent

import (
	"errors"
	"io/fs"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/longshore-project/longshore/collections"
)

const (
	maxURLsHeld   = 2 * collections.MaxURLsPerRequest // unused ones and those on their way
	urlMargin     = 30 * time.Second                  // before its end a URL is not used any more
	urlFresh      = time.Minute                       // a URL this young is used whatever our clock says of it
	maxRetryPause = 15 * time.Second
)

// linkMode says whether whole files are linked into the store instead of uploaded.
type linkMode uint8

const (
	linkUnknown linkMode = iota // the control plane was not asked yet
	linkOff
	linkOn
)

// upload is a job's way into the store.
type upload struct {
	ready   []collections.PartRef // verified, in the order they came
	urls    map[collections.PartRef]heldURL
	queued  int  // parts on their way
	asking  bool // for URLs
	paused  bool // after a failure
	pause   *backoff.ExponentialBackOff
	refused bool   // the last failure was one that a new URL may mend
	trouble string // why nothing reaches the store, "" while something does
	noURLs  string // why there are no URLs
	link    linkMode
}

func newUpload(retry time.Duration, urls []collections.URL) upload {
	u := upload{urls: map[collections.PartRef]heldURL{}, pause: newBackOff(retry)}
	u.hold(urls)
	return u
}

func newBackOff(first time.Duration) *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval, b.Multiplier = first, maxRetryPause, 2
	return b
}

// driveUploads sends parts on their way, as far as there are URLs.
func (j *job) driveUploads() {
	u := &j.upload
	if u.paused || u.link == linkUnknown || j.torrent.paths == nil {
		return
	}
	for len(u.ready) > 0 {
		ref := u.ready[0]
		p := j.parts.find(ref)
		wanted := p != nil && p.state == partOpen && p.missing == 0
		if wanted && !u.has(ref) {
			return
		}
		u.ready = u.ready[1:]
		if wanted {
			url := u.urls[ref]
			u.forget(ref)
			j.sendPart(p, url)
		}
	}
}

// sendPart hands a part to the uploader.
func (j *job) sendPart(p *part, url heldURL) {
	j.parts.set(p, partQueued)
	j.upload.queued++
	src := source{root: j.root, path: j.torrent.paths[p.ref.File], offset: p.offset, length: p.length}
	done := collections.PartDone{File: p.ref.File, Number: p.ref.Number, Size: p.length, Key: url.Key}
	j.agent.uploads.submit(j, func() {
		var err error
		if done.Number == 0 {
			err = link(j.ctx, src, url.LinkPath)
		} else {
			done.ETag, err = put(j.ctx, src, url.URL)
		}
		j.post(func() { j.handleSent(url, done, err) })
	})
}

// handleSent notes how a part fared.
func (j *job) handleSent(url heldURL, done collections.PartDone, err error) {
	u := &j.upload
	u.queued--
	ref := collections.PartRef{File: done.File, Number: done.Number}
	p := j.parts.find(ref)
	if p == nil || p.state != partQueued || j.ctx.Err() != nil {
		return
	}
	if err == nil {
		u.succeeded()
		j.parts.set(p, partUploaded)
		j.agent.reports.add(j, done)
		j.tell(true)
		return
	}
	j.parts.set(p, partOpen)
	j.handleNotSent(p, url, err)
}

func (j *job) handleNotSent(p *part, url heldURL, err error) {
	u := &j.upload
	if _, local := errors.AsType[*fs.PathError](err); local && p.ref.Number > 0 {
		j.handleLost(p, err)
		return
	}
	if p.ref.Number == 0 {
		j.log.Warn("a file cannot be linked into the store: uploading instead", "file", p.ref.File, "error", err)
		j.stopLinking()
		return
	}
	j.log.Warn("a part did not reach the store", "file", p.ref.File, "part", p.ref.Number, "error", err)
	u.ready = append(u.ready, p.ref)
	refused := mayBeRefused(err)
	if !refused {
		u.urls[p.ref] = url
	}
	j.handleTrouble(err, refused)
}

// handleTrouble waits before the next try. The first refusal in a row waits for nothing: asking for a new URL tells whether the attempt is current.
func (j *job) handleTrouble(err error, refused bool) {
	u := &j.upload
	if refused && !u.refused {
		u.refused = true
		return
	}
	u.trouble = err.Error()
	j.pauseUpload()
}

func (j *job) pauseUpload() {
	u := &j.upload
	if u.paused {
		return
	}
	u.paused = true
	time.AfterFunc(u.pause.NextBackOff(), func() { j.post(func() { j.upload.paused = false }) })
}

func (u *upload) succeeded() {
	u.trouble, u.refused = "", false
	u.pause.Reset()
}
