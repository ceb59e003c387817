package api

import (
	"strings"
	"time"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

var twoFiles = []testFile{{"a.txt", 5}, {"b.txt", 5}}

func (r *replay) job(i int) string { return r.ann.mustCreate(map[string]any{"magnet": magnet(i)}).ID }

// torrentJob answers a job with two files.
func (r *replay) torrentJob(fields ...string) string {
	return r.ann.mustCreate(newForm(fields...).torrent(torrent("T", twoFiles...))).ID
}

// cancelled answers a cancelled job with two files.
func (r *replay) cancelled() string {
	id := r.torrentJob()
	r.yes(r.ann, "POST", "/jobs/"+id+"/cancel", nil)
	return id
}

// fileOf answers the id of one of a job's files.
func (r *replay) fileOf(job string, index int) string {
	return r.ann.tree(job, "").Items[0].Children[index].ID
}

// plan gives ann a plan that allows one unit of each, and changes it.
func (r *replay) plan(fields map[string]any) {
	r.t.Helper()
	plan := map[string]any{
		"name": "tiny", "max_jobs": 100, "max_storage_gb": 1, "max_file_size_mb": 1, "bandwidth_gb": 1, "retention_days": 1, "slots": 1, "metadata_minutes": 1, "stall_minutes": 1, "priority": 0,
	}
	for name, v := range fields {
		plan[name] = v
	}
	r.yes(r.root, "POST", "/admin/plans", plan)
	r.yes(r.root, "PATCH", "/admin/users/"+r.ann.user.ID, map[string]any{"plan": "tiny"})
}

// ofScripts are the codes with which a moment keeps something from happening.
var ofScripts = []collections.Code{collections.CodeRefusedByScript, collections.CodeUnavailable}

// refusals provokes each code with which a submission of the .torrent, in one way or another, is refused.
func (r *replay) refusals(submit func(collections.Code)) {
	block := r.root.block(string(mustInfohash(torrent("T", twoFiles...))))
	submit(collections.CodeInfohashBlocked)
	r.yes(r.root, "DELETE", "/admin/blocklist/"+block.Id, nil)

	for _, code := range ofScripts {
		refuse := hooks.MomentsOf(r.app).JobSubmit.BindFunc(func(*hooks.JobSubmitEvent) error { return collections.Errorf(code, "Not here.") })
		submit(code)
		hooks.MomentsOf(r.app).JobSubmit.Unbind(refuse)
	}

	r.set("settings", "", map[string]any{"require_verified_email": true})
	r.set("users", r.ann.user.ID, map[string]any{"verified": false})
	submit(collections.CodeEmailUnverified)
	r.set("settings", "", map[string]any{"require_verified_email": false})

	r.plan(nil)
	for _, limit := range []struct {
		column string
		code   collections.Code
	}{{"max_jobs", collections.CodeQuotaJobs}, {"max_storage_gb", collections.CodeQuotaStorage}, {"max_file_size_mb", collections.CodeQuotaFileSize}} {
		r.yes(r.root, "PATCH", "/admin/plans/tiny", map[string]any{limit.column: 0})
		submit(limit.code)
		r.yes(r.root, "PATCH", "/admin/plans/tiny", map[string]any{limit.column: 1})
	}
}

func mustInfohash(b []byte) collections.Infohash {
	m, err := collections.ParseMetainfo(b)
	if err != nil {
		panic(err)
	}
	return m.Infohash
}

var replayJobs = map[string]func(*replay){
	"listJobs": func(r *replay) {
		r.job(1)
		r.yes(r.ann, "GET", "/jobs", nil)
	},
	"createJob": func(r *replay) {
		r.no(r.ann, "POST", "/jobs", map[string]any{"magnet": "magnet:?dn=x"}, collections.CodeInvalidMagnet)
		r.no(r.ann, "POST", "/jobs", newForm().torrent([]byte("d4:info")), collections.CodeInvalidTorrent)
		r.no(r.ann, "POST", "/jobs", newForm().torrent(make([]byte, collections.MaxMetainfoBytes+1)), collections.CodeTooLarge)
		r.refusals(func(code collections.Code) {
			r.no(r.ann, "POST", "/jobs", newForm().torrent(torrent("T", twoFiles...)), code)
		})
		r.job(1)
		r.no(r.ann, "POST", "/jobs", map[string]any{"magnet": magnet(1)}, collections.CodeDuplicateJob)
	},
	"getJob": func(r *replay) {
		r.yes(r.ann, "GET", "/jobs/"+r.torrentJob(), nil)
		r.no(r.root, "GET", "/jobs/"+r.job(1), nil, collections.CodeNotFound)
	},
	"updateJob": func(r *replay) { r.yes(r.ann, "PATCH", "/jobs/"+r.job(1), map[string]string{"label": "x"}) },
	"deleteJob": func(r *replay) { r.yes(r.ann, "DELETE", "/jobs/"+r.torrentJob(), nil) },
	"pauseJob": func(r *replay) {
		r.yes(r.ann, "POST", "/jobs/"+r.job(1)+"/pause", nil)
		r.no(r.ann, "POST", "/jobs/"+r.cancelled()+"/pause", nil, collections.CodeIllegalTransition)
	},
	"resumeJob": func(r *replay) {
		r.yes(r.ann, "POST", "/jobs/"+r.job(1)+"/resume", nil)
		r.no(r.ann, "POST", "/jobs/"+r.cancelled()+"/resume", nil, collections.CodeIllegalTransition)
	},
	"cancelJob": func(r *replay) {
		id := r.job(1)
		r.finish(id, collections.StatusCompleted)
		r.no(r.ann, "POST", "/jobs/"+id+"/cancel", nil, collections.CodeIllegalTransition)
		r.cancelled()
	},
	"retryJob": func(r *replay) { r.retrying(r.ann, func(job string) string { return "/jobs/" + job + "/retry" }) },
	"selectFiles": func(r *replay) {
		r.plan(nil)
		choose := "/jobs/" + r.torrentJob("select_files", "true") + "/select"
		all := map[string]any{"selection": "all"}
		for column, code := range map[string]collections.Code{"max_storage_gb": collections.CodeQuotaStorage, "max_file_size_mb": collections.CodeQuotaFileSize} {
			r.yes(r.root, "PATCH", "/admin/plans/tiny", map[string]any{column: 0})
			r.no(r.ann, "POST", choose, all, code)
			r.yes(r.root, "PATCH", "/admin/plans/tiny", map[string]any{column: 1})
		}
		r.blockQuietly(mustInfohash(torrent("T", twoFiles...)))
		r.no(r.ann, "POST", choose, all, collections.CodeInfohashBlocked)
		if _, err := r.app.NonconcurrentDB().NewQuery("DELETE FROM blocklist").Execute(); err != nil {
			r.t.Fatal(err)
		}
		r.yes(r.ann, "POST", choose, all)
		r.no(r.ann, "POST", choose, all, collections.CodeIllegalTransition)
	},
	"listJobEvents": func(r *replay) { r.yes(r.ann, "GET", "/jobs/"+r.job(1)+"/events", nil) },
	"changeJobs": func(r *replay) {
		if got := inShort(r.ann.bulk("pause", []string{r.job(1), "zzzzzzzzzzzzzzz"})); got != "ok not_found" {
			r.t.Error(got)
		}
	},
}

// agent makes one known that nobody can reach, and answers its id.
func (r *replay) agent() string { return r.enrolled(r.dispatching(), "far") }

func (r *replay) retrying(by *browser, path func(job string) string) {
	id := r.cancelled()
	r.refusals(func(code collections.Code) { r.no(by, "POST", path(id), nil, code) })
	other := r.torrentJob()
	r.no(by, "POST", path(id), nil, collections.CodeDuplicateJob)
	r.no(by, "POST", path(other), nil, collections.CodeIllegalTransition)
	r.yes(r.ann, "POST", "/jobs/"+other+"/cancel", nil)
	r.yes(by, "POST", path(id), nil)
}

// finish ends a job beside the application.
func (r *replay) finish(id string, status collections.Status) {
	_, err := r.app.NonconcurrentDB().NewQuery("UPDATE jobs SET status = {:status}, completed_at = {:now} WHERE id = {:id}").
		Bind(map[string]any{"status": string(status), "now": dbTime(time.Now()), "id": id}).Execute()
	if err != nil {
		r.t.Fatal(err)
	}
}

// blockQuietly adds to the blocklist as another process would, whose entries end no job at once.
func (r *replay) blockQuietly(infohash collections.Infohash) {
	_, err := r.app.NonconcurrentDB().Insert("blocklist", map[string]any{"id": "blockedblocked1", "infohash": string(infohash)}).Execute()
	if err != nil {
		r.t.Fatal(err)
	}
}

var replayFiles = map[string]func(*replay){
	"listJobFiles": func(r *replay) {
		id := r.torrentJob()
		r.yes(r.ann, "GET", "/jobs/"+id+"/files", nil)
		r.yes(r.ann, "GET", "/jobs/"+id+"/files?parent=T", nil)
	},
	"listFiles": func(r *replay) {
		r.mustStore(r.fileOf(r.torrentJob(), 0), "hello")
		r.yes(r.ann, "GET", "/files", nil)
		r.yes(r.ann, "GET", "/files?state=removed&sort=path&kind=video", nil)
	},
	"signJobFiles": func(r *replay) { r.signing(func(job, _ string) string { return "/jobs/" + job + "/signed-urls" }) },
	"signFile":     func(r *replay) { r.signing(func(_, file string) string { return "/files/" + file + "/signed-url" }) },
	"deleteFile": func(r *replay) {
		id := r.torrentJob()
		stored, missing := "/files/"+r.fileOf(id, 0), "/files/"+r.fileOf(id, 1)
		r.mustStore(r.fileOf(id, 0), "hello")
		r.no(r.ann, "DELETE", stored, nil, collections.CodeIllegalTransition)
		r.yes(r.ann, "POST", "/jobs/"+id+"/cancel", nil)
		r.yes(r.ann, "DELETE", stored, nil)
		r.no(r.ann, "DELETE", missing, nil, collections.CodeFileIncomplete)
	},
}

func (r *replay) signing(path func(job, file string) string) {
	r.plan(nil)
	job := r.torrentJob()
	file := r.fileOf(job, 0)
	var body any
	if strings.HasPrefix(path(job, file), "/jobs") {
		body = map[string]any{"files": []string{file}}
	}
	r.no(r.ann, "POST", path(job, file), body, collections.CodeFileIncomplete)
	r.mustStore(file, "hello")
	r.yes(r.ann, "POST", path(job, file), body)
	for _, code := range ofScripts {
		refuse := hooks.MomentsOf(r.app).LinkSign.BindFunc(func(*hooks.LinkSignEvent) error { return collections.Errorf(code, "Not here.") })
		r.no(r.ann, "POST", path(job, file), body, code)
		hooks.MomentsOf(r.app).LinkSign.Unbind(refuse)
	}
	if err := hooks.AddMetrics(r.app, r.ann.user.ID, r.clock.now(), hooks.Metrics{Served: collections.BytesPerGB}); err != nil {
		r.t.Fatal(err)
	}
	r.no(r.ann, "POST", path(job, file), body, collections.CodeQuotaBandwidth)
	r.blockQuietly(mustInfohash(torrent("T", twoFiles...)))
	r.no(r.ann, "POST", path(job, file), body, collections.CodeInfohashBlocked)
}
