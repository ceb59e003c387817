package script

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dop251/goja"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// moment is the name under which a script hears of something.
type moment string

const (
	jobSubmit    moment = "onJobSubmit"
	jobStatus    moment = "onJobStatus"
	fileComplete moment = "onFileComplete"
	linkSign     moment = "onLinkSign"
)

// moments lists all, each with the tags that it may be narrowed with.
var moments = map[moment][]string{
	jobSubmit: nil, jobStatus: statuses(), fileComplete: nil, linkSign: nil,
}

func statuses() []string {
	var names []string
	for _, status := range collections.Statuses() {
		names = append(names, string(status))
	}
	return names
}

// subject is what a moment is about, as the scripts of one file see it.
type subject struct {
	moment moment
	tag    string
	job    string // id, for the log
	// object makes the event in the runtime of a call. read answers what takes over the changes of the handlers, once the call
	// has come to its end; it may be nil.
	object func(c *call) (event *goja.Object, read func() (func(), error))
}

// bind makes the scripts hear of the moments.
func (s *Scripts) bind(m *hooks.Moments) {
	if s.hears(jobSubmit) {
		m.JobSubmit.BindFunc(func(e *hooks.JobSubmitEvent) error {
			if err := s.ask(aboutSubmit(e)); err != nil {
				return err
			}
			return e.Next()
		})
	}
	if s.hears(linkSign) {
		m.LinkSign.BindFunc(func(e *hooks.LinkSignEvent) error {
			if err := s.ask(aboutLinks(e)); err != nil {
				return err
			}
			return e.Next()
		})
	}
	if s.hears(jobStatus) {
		m.JobStatus.BindFunc(func(e *hooks.JobStatusEvent) error {
			s.inform(aboutStatus(e))
			return e.Next()
		})
	}
	if s.hears(fileComplete) {
		m.FileComplete.BindFunc(func(e *hooks.FileCompleteEvent) error {
			s.inform(aboutFile(e))
			return e.Next()
		})
	}
}

func (s *Scripts) hears(m moment) bool {
	return slices.ContainsFunc(s.files, func(f *file) bool { return f.heard[m] != nil })
}

// ask lets the scripts decide, one file after the other. The first that refuses ends it: refused_by_script with the
// script's sentence. When one cannot be asked, nothing is allowed: unavailable.
func (s *Scripts) ask(about subject) error {
	for _, f := range s.files {
		err := s.hear(s.decide, s.DecideLimit, f, about)
		if refusal, ok := errors.AsType[*router.ApiError](err); ok {
			return refused(refusal)
		}
		if err != nil {
			return &collections.Error{
				Code: collections.CodeUnavailable, Message: "The rules of this installation cannot be asked at the moment. Try again later.", Cause: err,
			}
		}
	}
	return nil
}

func refused(refusal *router.ApiError) error {
	return &collections.Error{Code: collections.CodeRefusedByScript, Message: shortened(refusal.Message, maxMessage), Cause: refusal}
}

// inform tells the scripts, one file after the other. What they throw is logged.
func (s *Scripts) inform(about subject) {
	for _, f := range s.files {
		_ = s.hear(s.tell, s.TellLimit, f, about)
	}
}

// hear runs the handlers of one file and logs why they did not come to their end, unless they refused.
func (s *Scripts) hear(l *lane, limit time.Duration, f *file, about subject) error {
	b := f.heard[about.moment]
	if b == nil {
		return nil
	}
	if b.open(s.Now()) {
		return errLeftAlone
	}
	takeOver, err := l.run(limit, func(vm *goja.Runtime) (func(), error) { return s.call(vm, f, about, limit) })
	if off := b.note(exceeded(err), s.Now()); off {
		s.Logger.Error("a script exceeded its limits too often and is left alone", "script", f.name, "moment", string(about.moment), "for", breakFor.String())
	}
	if err == nil && takeOver != nil {
		takeOver()
	}
	if _, refusal := errors.AsType[*router.ApiError](err); err != nil && (!refusal || l == s.tell) {
		s.Logger.Error("a script failed", "script", f.name, "moment", string(about.moment), "job", about.job, "error", shortened(err.Error(), maxLogged))
	}
	return err
}

var errLeftAlone = errors.New("the script is left alone because it exceeded its limits too often")

// call runs a file and its handlers for the moment in a new runtime.
func (s *Scripts) call(vm *goja.Runtime, f *file, about subject, limit time.Duration) (func(), error) {
	c, err := s.enter(vm, f, about.moment, limit)
	if err != nil {
		return nil, err
	}
	defer c.leave()
	event, read := about.object(c)
	for _, h := range c.handlers[about.moment] {
		if len(h.tags) > 0 && !slices.Contains(h.tags, about.tag) {
			continue
		}
		if err := c.invoke(h, event); err != nil {
			return nil, err
		}
	}
	if read == nil {
		return nil, nil
	}
	return read()
}

// ending is the context of a call: what it does in the database ends with it.
func ending(limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(context.Background(), limit, fmt.Errorf("%w: its limit is %s", errExceeded, limit))
}
