package agent

import (
	"errors"
	"slices"
	"time"

	"github.com/longshore-project/longshore/collections"
)

// state follows from what is known.
func (j *job) state() collections.AgentState {
	switch {
	case j.failure != nil:
		return collections.AgentFailed
	case j.parts == nil:
		return collections.AgentFetchingMetadata
	case j.parts.unfinished > 0:
		return collections.AgentDownloading
	}
	return collections.AgentUploading
}

// report answers the attempt's facts, without parts.
func (j *job) report() collections.JobReport {
	stats := &j.torrent.stats
	r := collections.JobReport{
		JobID: j.req.JobID, Attempt: j.req.Attempt, State: j.state(), ETASeconds: -1,
		DownloadRate: stats.DownloadRate, UploadRate: stats.UploadRate,
		Peers: stats.Peers, Seeds: stats.Seeds,
		Downloaded: max(j.torrent.before.down+stats.Downloaded, j.torrent.fetched),
		Uploaded:   j.torrent.before.up + stats.Uploaded,
	}
	if j.parts != nil {
		r.SizeBytes, r.DoneBytes, r.StoredBytes = j.parts.size, j.parts.done, j.parts.stored
		if r.State == collections.AgentDownloading && r.DownloadRate > 0 {
			r.ETASeconds = (r.SizeBytes - r.DoneBytes + r.DownloadRate - 1) / r.DownloadRate
		}
	}
	j.explain(&r)
	return r
}

// explain says why the attempt failed or stands still.
func (j *job) explain(r *collections.JobReport) {
	t := &j.torrent
	switch {
	case j.failure != nil:
		r.Code, r.Message, r.Final = j.failure.code, j.failure.message, j.failure.final
	case j.full.message != "":
		r.Code, r.Message = collections.CodeDiskFull, j.full.message
	case j.upload.trouble != "":
		r.Code, r.Message = collections.CodeUploadFailed, "The store does not take the files at present: "+j.upload.trouble
	case j.upload.noURLs != "" && len(j.upload.ready) > 0:
		r.Code, r.Message = collections.CodeUploadFailed, "There is no way into the store at present: "+j.upload.noURLs
	case len(t.crashes) > 0 && t.session == nil:
		r.Code, r.Message = collections.CodeEngineCrashed, "The engine ended unexpectedly; it is being started again."
	case j.engineDown() > j.agent.limits.down:
		r.Code, r.Message = collections.CodeEngineFailed, "The engine does not start; it is tried again."
	case r.State != collections.AgentUploading && !t.lonely.IsZero() && time.Since(t.lonely) > j.agent.limits.lonely:
		r.Code, r.Message = collections.CodeNoPeers, "No peer was found yet."
	}
}

// tell hands the facts to the reporter; a report follows at once when urgent.
func (j *job) tell(urgent bool) {
	j.told = j.report()
	j.agent.reports.put(j.told, false)
	if urgent {
		j.agent.reports.hurry()
	}
}

// tellChange tells at once what a person should see at once.
func (j *job) tellChange() {
	now := j.report()
	if now.State != j.told.State || now.Code != j.told.Code {
		j.tell(true)
	}
}

// tellEnd leaves the last word about the attempt to the reporter, when there is one to say.
func (j *job) tellEnd(cause error) {
	reports := j.agent.reports
	switch {
	case errors.Is(cause, errPaused), errors.Is(cause, errCancelled):
		r := j.report()
		r.State, r.Code, r.Message, r.Final = collections.AgentStopped, "", "", false
		r.DownloadRate, r.UploadRate, r.ETASeconds, r.Peers, r.Seeds = 0, 0, -1, 0, 0
		reports.put(r, true)
		reports.hurry()
	case errors.Is(cause, errStale), errors.Is(cause, errEnded):
		reports.forget(j.req.JobID, j.req.Attempt)
	}
}

// files lists the torrent's files with their progress; nil before the metadata is known.
func (j *job) files() []collections.AgentFile {
	if j.parts == nil {
		return []collections.AgentFile{}
	}
	bytes := j.parts.fileBytes()
	files := make([]collections.AgentFile, len(j.meta.Files))
	for i := range j.meta.Files {
		f := &j.meta.Files[i]
		files[i] = collections.AgentFile{
			Index: i, Path: f.Path, SizeBytes: f.Size, DoneBytes: bytes[i],
			Wanted: f.Wanted() && (j.selection == nil || slices.Contains(j.selection, i)),
		}
	}
	return files
}
