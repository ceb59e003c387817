package mail

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
)

func (m *Mailer) jobFinished(r row, _ *core.Record) (*letter, error) {
	var data collections.JobFinishedMail
	if err := json.Unmarshal(r.Data, &data); err != nil {
		return nil, err
	}
	l := &letter{
		Subject: "Ready: " + torrentName(data.Name, maxSubjectName), Title: "Your files are ready",
		Lines:  []string{torrentName(data.Name, maxName) + " is complete. You can fetch its files."},
		Button: link{"Open it", m.cfg.PublicURL + jobPage + data.JobID},
		Notes:  []string{quietNote},
	}
	if data.Status == collections.StatusFailed {
		l.Subject, l.Title = "Failed: "+torrentName(data.Name, maxSubjectName), "A job has failed"
		l.Lines = []string{torrentName(data.Name, maxName) + " could not be finished.", oneLine(data.Error, maxError)}
	}
	return l, nil
}

func (m *Mailer) leaving(r row, _ *core.Record) (*letter, error) {
	var data collections.LeavingMail
	if err := json.Unmarshal(r.Data, &data); err != nil {
		return nil, err
	}
	l := &letter{
		Subject: "Files of yours will be removed soon", Title: "Some of your files will leave soon",
		Lines:  []string{"Your plan keeps files for a time only. Fetch what you still need."},
		Button: link{"See my files", m.cfg.PublicURL + jobPage},
		Notes:  []string{quietNote},
	}
	for _, job := range data.Jobs {
		l.Items = append(l.Items, item{Name: torrentName(job.Name, maxName), URL: m.cfg.PublicURL + jobPage + job.JobID, Note: leavesOn(job.LeavesAt)})
	}
	if data.More > 0 {
		l.Items = append(l.Items, item{Name: fmt.Sprintf("and %d more", data.More)})
	}
	return l, nil
}

const quietNote = "You can turn such mails off in the settings of your account."

func leavesOn(at string) string {
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return ""
	}
	return "until " + t.UTC().Format("2 January 2006, 15:04 UTC")
}
