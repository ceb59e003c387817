package api

import (
	"path"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/progress"
	"github.com/longshore-project/longshore/storage"
)

// fileRoutes are those of a file, and links.
func (a *API) fileRoutes() []route {
	return []route{
		{"GET", "/files", user, small, "", a.listFiles},
		{"DELETE", "/files/{id}", user, small, "file.delete", a.deleteFile},
		{"POST", "/jobs/{id}/signed-urls", user, large, "", a.signJobFiles},
		{"POST", "/files/{id}/signed-url", user, small, "", a.signFile},
	}
}

// maxLinks is how many links one request gets: FindFiles answers no more.
const maxLinks = collections.WholeTreeFiles

type link struct {
	URL       string `json:"url"`
	ExpiresAt string `json:"expires_at"`
}

type fileLink struct {
	ID   string `json:"id"`
	Path string `json:"path"`
	link
}

func (a *API) signFile(e *core.RequestEvent) error {
	var in struct {
		Disposition string `json:"disposition"`
	}
	if err := readBody(e, &in); err != nil {
		return err
	}
	file, err := findFile(e)
	if err != nil {
		return err
	}
	if err := hooks.RefuseBlocked(e.App, file.JobID); err != nil {
		return err
	}
	if err := a.askScriptsAboutLinks(e, file); err != nil {
		return err
	}
	if err := a.countLinks(e, file); err != nil {
		return err
	}
	l, err := a.sign(e, file, in.Disposition == "inline")
	if err != nil {
		return err
	}
	return ok(e, l)
}

// findFile answers the file of the path if it is the caller's.
func findFile(e *core.RequestEvent) (progress.File, error) {
	files, err := progress.FindFiles(e.App, dbx.And(
		dbx.HashExp{"f.id": e.Request.PathValue("id"), "f.user_id": e.Auth.Id},
		dbx.NewExp("EXISTS (SELECT 1 FROM jobs WHERE jobs.id = f.job_id)"))) // files of a deleted job go one after the other
	if err != nil {
		return progress.File{}, err
	}
	if len(files) == 0 {
		return progress.File{}, collections.Errorf(collections.CodeNotFound, "There is no such file.")
	}
	return files[0], nil
}

// countLinks counts links to files that are whole in the store against their owner's bandwidth, or refuses them. A local
// store counts what it delivers itself; what others deliver nobody sees.
func (a *API) countLinks(e *core.RequestEvent, files ...progress.File) error {
	if len(files) == 0 {
		return nil
	}
	linked := make([]hooks.LinkedFile, len(files))
	for i, f := range files {
		if !f.IsComplete || f.ObjectKey == "" {
			return &collections.Error{
				Code: collections.CodeFileIncomplete, Message: "The file is not complete yet.", Data: map[string]any{"file_id": f.ID},
			}
		}
		linked[i] = hooks.LinkedFile{ID: f.ID, SizeBytes: f.SizeBytes}
	}
	if a.Store.Kind() == storage.KindLocal {
		return hooks.JudgeLinks(e.App, e.Auth.Id, a.Now())
	}
	return hooks.ChargeLinks(e.App, e.Auth.Id, a.Now(), linked)
}

// sign answers a link to a file. The store decides whether its type may be shown inline.
func (a *API) sign(e *core.RequestEvent, f progress.File, inline bool) (link, error) {
	url, err := a.Store.PresignGet(e.Request.Context(), f.ObjectKey, storage.Delivery{
		Filename: path.Base(f.Path), ContentType: f.MimeType, Inline: inline, Account: e.Auth.Id,
	}, a.LinkTTL)
	return link{URL: url.URL, ExpiresAt: progress.FormatTime(url.ExpiresAt)}, err
}

func (a *API) signJobFiles(e *core.RequestEvent) error {
	var in struct {
		Files []string `json:"files"`
	}
	if err := readBody(e, &in); err != nil {
		return err
	}
	job, err := findJob(e)
	if err != nil {
		return err
	}
	if err := hooks.RefuseBlocked(e.App, job.Id); err != nil {
		return err
	}
	files, err := filesToSign(e.App, job.Id, in.Files)
	if err != nil {
		return err
	}
	if err := a.askScriptsAboutLinks(e, files...); err != nil {
		return err
	}
	if err := a.countLinks(e, files...); err != nil {
		return err
	}
	list := page[fileLink]{Page: 1, PerPage: maxLinks, TotalItems: len(files), TotalPages: 1, Items: []fileLink{}}
	for _, f := range files {
		l, err := a.sign(e, f, false)
		if err != nil {
			return err
		}
		list.Items = append(list.Items, fileLink{ID: f.ID, Path: f.Path, link: l})
	}
	return ok(e, list)
}

// filesToSign answers the files with these ids, or the first complete ones when ids is empty.
func filesToSign(app core.App, jobID string, ids []string) ([]progress.File, error) {
	where := dbx.HashExp{"f.job_id": jobID}
	if len(ids) == 0 {
		where["f.is_complete"] = true
		return progress.FindFiles(app, where)
	}
	where["f.id"] = anys(ids)
	files, err := progress.FindFiles(app, where)
	if err == nil && len(files) != len(ids) {
		err = collections.Errorf(collections.CodeNotFound, "The job has no such file.")
	}
	return files, err
}
