package progress

import (
	"encoding/json"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
)

// Topics.
const (
	topicConnect     = "PB_CONNECT" // of PocketBase's SDKs: the id of the connection
	topicProgress    = "progress"
	topicProgressAll = "progress/all"
	topicJobs        = "jobs/*"
	topicJobsAll     = "jobs/all"
	topicFiles       = "files/*"
	topicVerdicts    = "verdicts"
)

// MaxFileMessages is how many files of one transaction are told one by one; more are one resync.
const MaxFileMessages = 100

// message is a record's newest value for the listeners of its topics.
type message struct {
	topics     []string // of the owner
	adminTopic string   // of every admin; "" for none
	id         string   // of the record
	version    int64
	last       bool // the record is gone
	body       any
	adminBody  any // what an admin sees, if it differs
}

type recordMessage struct {
	Action string `json:"action"`
	Record any    `json:"record,omitempty"`
	JobID  string `json:"job_id,omitempty"`
}

type verdictMessage struct {
	JobID   string   `json:"job_id"`
	Version int64    `json:"version"`
	Verdict *Verdict `json:"verdict"` // null when the job no longer stands still
}

func (b *Board) publish(owner string, m message) {
	user, admin := encoder(m.body), encoder(m.body)
	if m.adminBody != nil {
		admin = encoder(m.adminBody)
	}
	for _, c := range b.conns.of(owner, func(c *client) bool { return c.holder.user }) {
		for _, topic := range m.topics {
			if !c.HasSubscription(topic) {
				continue
			}
			if b.conns.isAdmin(c) {
				c.offer(topic, &m, admin())
			} else {
				c.offer(topic, &m, user())
			}
		}
	}
	if m.adminTopic == "" {
		return
	}
	for _, c := range b.conns.ofAdmins() {
		if c.HasSubscription(m.adminTopic) {
			c.offer(m.adminTopic, &m, admin())
		}
	}
}

// encoder encodes v when it is first asked for.
func encoder(v any) func() []byte {
	var data []byte
	return func() []byte {
		if data == nil {
			data, _ = json.Marshal(v) // structs of strings and numbers
		}
		return data
	}
}

func (b *Board) jobChanged(action string, r *core.Record) {
	job := b.Job(r)
	b.publish(job.UserID, message{
		topics: []string{topicJobs, "jobs/" + job.ID}, adminTopic: topicJobsAll, id: job.ID, version: job.Revision,
		last: action == "delete", body: recordMessage{Action: action, Record: job},
	})
}

// FilesChanged tells the owner's browsers of files of one job that changed in one transaction (ids of file
// records): each one, or when they are many that the job's files are to be read again.
func (b *Board) FilesChanged(owner, jobID string, fileIDs []string) {
	if len(fileIDs) == 0 || len(b.conns.of(owner, func(*client) bool { return true })) == 0 {
		return
	}
	if len(fileIDs) > MaxFileMessages {
		b.resyncFiles(owner, jobID)
		return
	}
	files, err := FindFiles(b.app, dbx.HashExp{"f.id": anys(fileIDs), "f.user_id": owner})
	if err != nil {
		b.app.Logger().Warn("files could not be read for realtime", "job", jobID, "error", err)
		b.resyncFiles(owner, jobID)
		return
	}
	for _, f := range files {
		b.publish(owner, message{
			topics: []string{topicFiles, "files/" + f.ID}, id: f.ID, version: f.Revision,
			body:      recordMessage{Action: "update", Record: f.For(collections.RoleUser)},
			adminBody: recordMessage{Action: "update", Record: f},
		})
	}
}

func (b *Board) resyncFiles(owner, jobID string) {
	b.publish(owner, message{topics: []string{topicFiles}, id: jobID, body: recordMessage{Action: "resync", JobID: jobID}})
}

// FindFiles reads the files that where accepts, in the order of their indexes: at most collections.WholeTreeFiles of them.
func FindFiles(app core.App, where dbx.Expression) ([]File, error) {
	files := []File{}
	err := app.DB().Select(FileColumns...).From("files f").LeftJoin("objects o", dbx.NewExp("o.id = f.object_id")).
		Where(where).OrderBy("f.file_index").Limit(collections.WholeTreeFiles).All(&files)
	return files, err
}

func anys(ids []string) []any {
	out := make([]any, len(ids))
	for i, id := range ids {
		out[i] = id
	}
	return out
}
