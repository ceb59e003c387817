package api

import (
	"net/http"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/hooks"
)

// deleteFile: the row stays and says since when the file is gone.
func (a *API) deleteFile(e *core.RequestEvent) error {
	file, err := findFile(e)
	if err != nil {
		return err
	}
	removed, err := hooks.RemoveFile(acts(e), e.App, file.JobID, file.ID)
	if err != nil {
		return err
	}
	if removed {
		a.Board.FilesChanged(e.Auth.Id, file.JobID, []string{file.ID})
	}
	return e.NoContent(http.StatusNoContent)
}
