package api

import (
	"context"
	"encoding/json"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/dispatch"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/progress"
)

// askScripts lets the operator's scripts refuse the job or change its label, priority and engine.
func (s *submission) askScripts(app core.App, user *core.Record) error {
	moment := &hooks.MomentsOf(app).JobSubmit
	if moment.Length() == 0 {
		return nil
	}
	link := s.link()
	event := &hooks.JobSubmitEvent{
		App: app, User: user, Name: link.Name, Infohash: string(s.infohash()), Magnet: link.String(), Trackers: link.Trackers,
		Label: s.label, Priority: s.priority, Engine: s.engine,
	}
	if s.content != nil {
		event.SizeBytes = dispatch.SelectedSize(s.content, s.selection)
		for _, f := range s.content.Files {
			event.Files = append(event.Files, f.Path)
		}
	}
	if err := moment.Trigger(event); err != nil {
		return err
	}
	s.label, s.priority, s.engine = event.Label, event.Priority, event.Engine
	return nil
}

// askScriptsAboutLinks lets the operator's scripts refuse links to files of one job, in one call for all of them.
func (a *API) askScriptsAboutLinks(e *core.RequestEvent, files ...progress.File) error {
	moment := &hooks.MomentsOf(a.app).LinkSign
	if moment.Length() == 0 || len(files) == 0 {
		return nil
	}
	job, err := a.app.FindRecordById("jobs", files[0].JobID)
	if err != nil {
		return err
	}
	event := &hooks.LinkSignEvent{App: a.app, User: e.Auth, Job: job, Files: make([]hooks.MomentFile, len(files))}
	for i, f := range files {
		event.Files[i] = hooks.MomentFile{ID: f.ID, Path: f.Path, SizeBytes: f.SizeBytes}
	}
	return moment.Trigger(event)
}

// SubmitFor accepts a job of user as POST /jobs does: the scripts are asked, blocklist and quotas judge. What only
// concerns the person at the browser, as the acceptable-use policy, is not asked. The errors are those of POST /jobs;
// forbidden for a disabled user.
func (a *API) SubmitFor(ctx context.Context, user *core.Record, in hooks.Submission) (*core.Record, error) {
	if user.GetBool("disabled") {
		return nil, collections.Errorf(collections.CodeForbidden, "The user is disabled.")
	}
	s := &submission{engine: in.Engine, label: in.Label, priority: in.Priority, owner: user.Id}
	err := errorsOf(
		func() error { return s.setMagnet(in.Magnet) },
		func() error { return checkEngine(in.Engine) },
		func() error { return s.setIndexes(in.Selection) },
		s.check,
	)
	if err != nil {
		return nil, err
	}
	job, err := a.accept(ctx, user, s)
	if err != nil {
		return nil, asInvalidInput(err)
	}
	a.addOtherFiles(a.app, job, s)
	return job, nil
}

func checkEngine(name string) error {
	if !engineName.MatchString(name) {
		return invalid("engine", "This is no name of an engine.")
	}
	return nil
}

func (s *submission) setIndexes(selection []int) error {
	if len(selection) == 0 {
		return nil
	}
	raw, err := json.Marshal(selection)
	if err != nil {
		return err
	}
	return s.setSelection(raw)
}
