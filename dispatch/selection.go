package dispatch

import (
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// endSelections decides for owners who chose no files within the time that the settings give them.
func (d *Dispatcher) endSelections() error {
	settings, err := hooks.Settings(d.App)
	if err != nil || settings.SelectionMinutes == 0 {
		return err
	}
	wait := time.Duration(settings.SelectionMinutes) * time.Minute
	late, err := all[idRow](d.App, `SELECT id FROM jobs WHERE status = 'awaiting_selection' AND status_since <= {:late} AND status_since != ''`,
		dbx.Params{"late": stamp(d.Now().Add(-wait))})
	if err != nil {
		return err
	}
	for _, row := range late {
		if err := d.endSelection(row.ID, settings.SelectionTimeout, wait); err != nil && !isOver(err) {
			d.Logger.Error("nobody chose the files of a job, and nor could be decided", "job", row.ID, "error", err)
		}
	}
	return nil
}

func (d *Dispatcher) endSelection(jobID string, choice collections.SelectionTimeout, wait time.Duration) error {
	if choice == collections.SelectionCancel {
		return d.cancelUnselected(jobID, wait)
	}
	job, err := d.App.FindRecordById("jobs", jobID)
	if err != nil {
		return err
	}
	if err := FillFiles(d.App, job); err != nil {
		return err
	}
	info, err := metainfoOfJob(d.App, job)
	if err != nil {
		return err
	}
	_, err = hooks.ChangeJob(d.App, jobID, func(tx core.App, job *core.Record) error {
		if job.GetString("status") != string(collections.StatusAwaitingSelection) {
			return errStale
		}
		job.Set("select_files", false)
		job.Set("status", string(collections.StatusQueued))
		job.Set("next_attempt_at", "")
		return d.admit(tx, job, info)
	})
	return err
}

func (d *Dispatcher) cancelUnselected(jobID string, wait time.Duration) error {
	_, err := hooks.ChangeJob(d.App, jobID, func(_ core.App, job *core.Record) error {
		if job.GetString("status") != string(collections.StatusAwaitingSelection) {
			return errStale
		}
		job.Set("status", string(collections.StatusCancelled))
		job.Set("desired", string(collections.DesiredCancel))
		job.Set("error", "No files were chosen within "+span(wait)+".")
		job.Set("error_code", string(collections.CodeNotSelected))
		return nil
	})
	return err
}
