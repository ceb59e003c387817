package hooks

import (
	"context"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
)

// Terminate ends any job that has not ended: cancelled, with the code terminated and the reason for its owner to read. Files that
// are complete can be fetched until the job is deleted. illegal_transition, not_found.
func Terminate(ctx context.Context, app core.App, jobID, reason string) (*core.Record, error) {
	return ChangeJobAs(ctx, app, jobID, func(_ core.App, job *core.Record) error {
		if err := wish(job, collections.DesiredCancel, collections.StatusCancelled); err != nil {
			return err
		}
		job.Set("error", terminated(reason))
		job.Set("error_code", string(collections.CodeTerminated))
		return nil
	})
}

func terminated(reason string) string {
	if reason = strings.TrimSpace(reason); reason != "" {
		return "An admin ended this job: " + reason
	}
	return "An admin ended this job."
}
