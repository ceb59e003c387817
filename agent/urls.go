package agent

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/longshore-project/longshore/collections"
)

type heldURL struct {
	collections.URL
	at time.Time
}

func (u *upload) hold(urls []collections.URL) {
	now := time.Now()
	for _, url := range urls {
		u.urls[collections.PartRef{File: url.File, Number: url.Number}] = heldURL{url, now}
	}
}

func (u *upload) forget(ref collections.PartRef) { delete(u.urls, ref) }

// has says whether there is a usable URL for the part.
func (u *upload) has(ref collections.PartRef) bool {
	held, ok := u.urls[ref]
	return ok && held.usable(time.Now())
}

func (h heldURL) usable(now time.Time) bool {
	return h.ExpiresAt.IsZero() || now.Before(h.ExpiresAt.Add(-urlMargin)) || now.Sub(h.at) < urlFresh
}

// driveURLs asks for URLs of parts that wait for one, and of those that will be next.
func (j *job) driveURLs() {
	u := &j.upload
	if u.asking || u.paused || u.queued+len(u.urls) > maxURLsHeld && !j.pruneURLs() {
		return
	}
	refs := j.missingURLs()
	if len(refs) == 0 {
		return
	}
	u.asking = true
	probe := u.link == linkUnknown
	req := collections.URLsRequest{Attempt: j.req.Attempt, Parts: refs, CanLink: u.link != linkOff}
	j.spawn(func(ctx context.Context) {
		reply, err := j.agent.control.urls(ctx, j.req.JobID, req)
		j.post(func() {
			j.upload.asking = false
			if probe {
				j.handleProbe(reply, err)
			} else {
				j.handleURLs(refs, reply, err)
			}
		})
	})
}

// pruneURLs drops what will not be used any more, and while verified parts wait also what was got ahead for
// others: their pieces may never come. It says whether there is room again.
func (j *job) pruneURLs() bool {
	u := &j.upload
	maps.DeleteFunc(u.urls, func(ref collections.PartRef, held heldURL) bool {
		p := j.parts.find(ref)
		return p == nil || p.settled() || p.missing > 0 && len(u.ready) > 0 || !held.usable(time.Now())
	})
	return u.queued+len(u.urls) <= maxURLsHeld
}

func (j *job) missingURLs() []collections.PartRef {
	u := &j.upload
	if u.link == linkUnknown {
		return j.probe()
	}
	var refs []collections.PartRef
	for _, ref := range u.ready {
		if len(refs) == collections.MaxURLsPerRequest {
			return refs
		}
		if !u.has(ref) {
			refs = append(refs, ref)
		}
	}
	ahead := j.window.ahead
	j.window.ahead = nil
	return append(refs, ahead[:min(len(ahead), collections.MaxURLsPerRequest-len(refs))]...)
}

// handleURLs takes the URLs that came. Parts that got none have to wait behind the others.
func (j *job) handleURLs(asked []collections.PartRef, reply collections.URLsReply, err error) {
	u := &j.upload
	if err != nil {
		j.handleNoURLs(err)
		return
	}
	u.noURLs = ""
	u.hold(reply.URLs)
	j.checkLinks(reply.URLs)
	left := slices.DeleteFunc(asked, u.has)
	if len(left) == 0 {
		return
	}
	left = slices.DeleteFunc(left, func(ref collections.PartRef) bool { return !slices.Contains(u.ready, ref) })
	u.ready = slices.DeleteFunc(u.ready, func(ref collections.PartRef) bool { return slices.Contains(left, ref) })
	u.ready = append(u.ready, left...)
	if len(reply.URLs) == 0 && len(left) > 0 {
		u.noURLs = "the control plane gave no URL."
		j.pauseUpload()
	}
}

func (j *job) handleNoURLs(err error) {
	switch collections.CodeOf(err) {
	case collections.CodeAttemptStale:
		j.cancel(errStale)
	case collections.CodeJobEnded:
		j.cancel(errEnded)
	default:
		if j.ctx.Err() == nil {
			j.log.Warn("no URLs from the control plane", "error", err)
			j.upload.noURLs = err.Error()
			j.pauseUpload()
		}
	}
}
