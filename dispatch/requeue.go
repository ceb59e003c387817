package dispatch

import (
	"context"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// RetryJob makes a new job of one that failed or was cancelled, for the same owner and with the same torrent, selection, engine,
// label and priority, through the same judgement as a submission: scripts, blocklist, quotas. Its retry_of names the old one. Asked
// again while that new job lives or once it is complete, it answers it, so that two clicks make one job. illegal_transition,
// duplicate_job when another live job has the torrent, forbidden for a disabled owner, not_found, and the codes of hooks.AdmitJob.
func RetryJob(ctx context.Context, app core.App, jobID string) (*core.Record, error) {
	old, err := findFailed(app, jobID)
	if err != nil {
		return nil, err
	}
	if made, err := retryOf(app, old); made != nil || err != nil {
		return made, err
	}
	r, err := newRetry(ctx, app, old)
	if err != nil {
		return nil, err
	}
	var made *core.Record
	err = hooks.InTransaction(app, func(tx core.App) (err error) {
		made, err = r.store(ctx, tx)
		return err
	})
	if err != nil || r.info == nil {
		return made, err
	}
	if err := FillFiles(app, made); err != nil { // made again before it runs
		app.Logger().Error("files of a new job are missing", "job", made.Id, "error", err)
	}
	return made, nil
}

func findFailed(app core.App, jobID string) (*core.Record, error) {
	job, err := app.FindRecordById("jobs", jobID)
	if isNoRows(err) {
		return nil, collections.Errorf(collections.CodeNotFound, "There is no such job.")
	}
	if err != nil {
		return nil, err
	}
	if status := job.GetString("status"); status != string(collections.StatusFailed) && status != string(collections.StatusCancelled) {
		return nil, collections.Errorf(collections.CodeIllegalTransition, "Only a job that failed or was cancelled can be tried again: it is %s.", status)
	}
	return job, nil
}

// retryOf answers the job that an earlier try made, unless that failed or was cancelled too; nil when there is none.
func retryOf(app core.App, old *core.Record) (*core.Record, error) {
	return findJob(app, dbx.HashExp{"retry_of": old.Id, "user_id": old.GetString("user_id")},
		dbx.NotIn("status", string(collections.StatusFailed), string(collections.StatusCancelled)))
}

// findJob answers the job, nil when there is none.
func findJob(app core.App, where ...dbx.Expression) (*core.Record, error) {
	job := &core.Record{}
	err := app.RecordQuery("jobs").AndWhere(dbx.And(where...)).Limit(1).One(job)
	if isNoRows(err) {
		return nil, nil
	}
	return job, err
}

// retry is a new job on its way, and the old one.
type retry struct {
	old, job *core.Record
	torrent  *core.Record          // that came to be known since
	info     *collections.Metainfo // nil while unknown
}

func newRetry(ctx context.Context, app core.App, old *core.Record) (*retry, error) {
	owner, err := app.FindRecordById("users", old.GetString("user_id"))
	if err != nil {
		return nil, err
	}
	if owner.GetBool("disabled") {
		return nil, collections.Errorf(collections.CodeForbidden, "The owner of this job is disabled.")
	}
	r := &retry{old: old, job: core.NewRecord(old.Collection())}
	if err := r.recognise(app); err != nil {
		return nil, err
	}
	r.fill(ctx)
	return r, r.askScripts(app, owner)
}

// recognise finds out what is known of the content by now.
func (r *retry) recognise(app core.App) (err error) {
	if r.old.GetString("torrent_id") != "" {
		r.info, err = metainfoOfJob(app, r.old)
		return err
	}
	r.torrent, r.info, err = KnownTorrent(app, r.old.GetString("user_id"), collections.Infohash(r.old.GetString("infohash")))
	if err == nil && r.info != nil && !SelectsSomething(r.info, selectionOf(r.old)) {
		err = errNothingSelected
	}
	return err
}

// carried are the columns that say what its owner wants of a job, and what is known of its torrent.
var carried = []string{
	"user_id", "torrent_id", "infohash", "infohash_v2", "name", "magnet_uri", "engine", "selection", "select_files", "size_bytes", "label",
	"priority", "wait_for_quota",
}

func (r *retry) fill(ctx context.Context) {
	for _, column := range carried {
		r.job.Set(column, r.old.Get(column))
	}
	if r.torrent != nil {
		r.job.Set("torrent_id", r.torrent.Id)
		r.job.Set("name", r.info.Name)
		r.job.Set("size_bytes", SelectedSize(r.info, selectionOf(r.old)))
	}
	status := collections.StatusQueued
	if r.info != nil && r.old.GetBool("select_files") {
		status = collections.StatusAwaitingSelection
	}
	r.job.Set("status", string(status))
	r.job.Set("desired", string(collections.DesiredRun))
	r.job.Set("retry_of", r.old.Id)
	r.job.Set("request_id", hooks.ActorOf(ctx).RequestID)
}

// askScripts lets the operator's scripts refuse the job or change its label, priority and engine, as they may with a new one.
func (r *retry) askScripts(app core.App, owner *core.Record) error {
	event := &hooks.JobSubmitEvent{
		App: app, User: owner, Name: r.job.GetString("name"), Infohash: r.job.GetString("infohash"), Magnet: r.job.GetString("magnet_uri"),
		SizeBytes: r.job.GetInt64("size_bytes"), Label: r.job.GetString("label"), Priority: r.job.GetInt64("priority"), Engine: r.job.GetString("engine"),
	}
	if magnet, err := collections.ParseMagnet(event.Magnet); err == nil {
		event.Trackers = magnet.Trackers
	}
	if r.info != nil {
		for _, f := range r.info.Files {
			event.Files = append(event.Files, f.Path)
		}
	}
	if err := hooks.MomentsOf(app).JobSubmit.Trigger(event); err != nil {
		return err
	}
	r.job.Set("label", event.Label)
	r.job.Set("priority", event.Priority)
	r.job.Set("engine", event.Engine)
	return nil
}

// store runs in one transaction. Write transactions come one after the other, so what it finds holds until its end.
func (r *retry) store(ctx context.Context, tx core.App) (*core.Record, error) {
	if made, err := retryOf(tx, r.old); made != nil || err != nil {
		return made, err
	}
	if err := r.refuseDuplicate(tx); err != nil {
		return nil, err
	}
	if err := hooks.AdmitJob(tx, r.job, r.wants()); err != nil {
		return nil, err
	}
	owner := r.job.GetString("user_id")
	if err := hooks.AddMetrics(tx, owner, hooks.Now(tx), hooks.Metrics{Jobs: 1}); err != nil {
		return nil, err
	}
	if err := tx.SaveWithContext(ctx, r.job); err != nil || r.info == nil {
		return r.job, err
	}
	torrent, err := tx.FindRecordById("torrents", r.job.GetString("torrent_id"))
	if err != nil {
		return nil, err
	}
	return r.job, AddFiles(tx, r.job, torrent, r.info)
}

func (r *retry) refuseDuplicate(tx core.App) error {
	live, err := findJob(tx, dbx.HashExp{"user_id": r.job.GetString("user_id"), "infohash": r.job.GetString("infohash")},
		dbx.NotIn("status", string(collections.StatusCompleted), string(collections.StatusFailed), string(collections.StatusCancelled)))
	if live == nil || err != nil {
		return err
	}
	return &collections.Error{
		Code: collections.CodeDuplicateJob, Message: "There is a job for this torrent already.", Data: map[string]any{"job_id": live.Id},
	}
}

// wants answers what the job asks of the plan and the blocklist.
func (r *retry) wants() hooks.Wants {
	w := hooks.Wants{Infohash: collections.Infohash(r.job.GetString("infohash")), InfohashV2: r.job.GetString("infohash_v2")}
	if r.info != nil {
		selection := selectionOf(r.job)
		w.Known = true
		w.SizeBytes, w.LargestFile = SelectedSize(r.info, selection), LargestFile(r.info, selection)
	}
	return w
}
