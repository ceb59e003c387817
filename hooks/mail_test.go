package hooks_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

func TestAFinishedJobIsMailedInItsTransaction(t *testing.T) {
	for _, tc := range []struct {
		name string
		smtp bool
		from collections.Status
		to   collections.Status
		mail bool
	}{
		{"completed", true, collections.StatusUploading, collections.StatusCompleted, true},
		{"failed", true, collections.StatusDownloading, collections.StatusFailed, true},
		{"cancelled", true, collections.StatusDownloading, collections.StatusCancelled, false},
		{"paused", true, collections.StatusDownloading, collections.StatusPaused, false},
		{"completed without a mail server", false, collections.StatusUploading, collections.StatusCompleted, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			app, user := newApp(t)
			settings := app.Settings()
			settings.SMTP.Enabled = tc.smtp
			settings.SMTP.Host, settings.SMTP.Port = "127.0.0.1", 25
			if err := app.Save(settings); err != nil {
				t.Fatal(err)
			}
			job := hookstest.MustCreateJob(t, app, user, func(job *core.Record) {
				job.Set("status", string(tc.from))
				job.Set("name", "Sintel")
			})
			queued := hooks.MailsQueued(app)
			_, err := hooks.ChangeJob(app, job.Id, func(_ core.App, job *core.Record) error {
				job.Set("status", string(tc.to))
				job.Set("error", "Nobody has it.")
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			mails, err := app.FindAllRecords("mails")
			if err != nil || len(mails) > 1 || (len(mails) == 1) != tc.mail || (len(queued) == 1) != tc.mail {
				t.Fatalf("%d mails, %d calls of the mailer, %v", len(mails), len(queued), err)
			}
			if !tc.mail {
				return
			}
			var data collections.JobFinishedMail
			if err := json.Unmarshal([]byte(mails[0].GetString("data")), &data); err != nil {
				t.Fatal(err)
			}
			want := collections.JobFinishedMail{JobID: job.Id, Name: "Sintel", Status: tc.to, Error: "Nobody has it."}
			if data != want || mails[0].GetString("user_id") != user.Id || mails[0].GetString("kind") != "job_finished" {
				t.Errorf("it says %+v to %s", data, mails[0].GetString("user_id"))
			}
		})
	}
}

func TestTheMailerIsWokenAfterTheCommitOnly(t *testing.T) {
	app, user := newApp(t)
	queued := hooks.MailsQueued(app)
	queue := func(err error) func(tx core.App) error {
		return func(tx core.App) error {
			if err := hooks.QueueMail(tx, user.Id, collections.MailReset, "", nil); err != nil {
				return err
			}
			if len(queued) != 0 {
				t.Error("it is woken inside the transaction")
			}
			return err
		}
	}
	if err := app.RunInTransaction(queue(errors.New("rolled back"))); err == nil || len(queued) != 0 {
		t.Errorf("it is woken by what was rolled back: %v", err)
	}
	if err := app.RunInTransaction(queue(nil)); err != nil || len(queued) != 1 {
		t.Errorf("it is not woken by a commit: %v", err)
	}
	if err := hooks.QueueMail(app, user.Id, collections.MailReset, "", nil); err != nil || len(queued) != 1 {
		t.Errorf("%v, %d", err, len(queued))
	}
}
