package dispatch

import (
	"context"
	"errors"
	"slices"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// Metainfo takes the info dictionary that an agent got from the swarm of a magnet. One that breaks a limit or has another
// infohash fails the job (hostile_metadata) and is answered invalid_torrent or too_large. The reply says how the
// attempt goes on; it may be asked again.
func (d *Dispatcher) Metainfo(_ context.Context, agentID, jobID string, attempt int64, info []byte) (collections.MetainfoReply, error) {
	job, err := d.current(agentID, jobID, attempt)
	if err != nil {
		return collections.MetainfoReply{}, err
	}
	if job.GetString("status") == string(collections.StatusFetchingMetadata) {
		m, err := parseOf(job, info)
		if err != nil {
			d.endAttempt(d.App, jobID, attempt, ending{code: collections.CodeHostileMetadata, message: err.Error(), final: true})
			return collections.MetainfoReply{}, err
		}
		if !selectsSomething(m, selectionOf(job)) {
			const message = "The selection names no file of the torrent."
			d.endAttempt(d.App, jobID, attempt, ending{code: collections.CodeInvalidInput, message: message, final: true})
			return collections.MetainfoReply{Code: collections.CodeJobEnded}, nil
		}
		job, err = d.receive(job, attempt, m)
		if errors.Is(err, errStale) {
			return collections.MetainfoReply{Code: collections.CodeAttemptStale}, nil
		}
		if err != nil {
			return collections.MetainfoReply{}, err
		}
	}
	if !collections.Status(job.GetString("status")).Running() { // refused, or waiting for files to be chosen or for storage
		return collections.MetainfoReply{Code: collections.CodeJobEnded}, nil
	}
	if err := d.fin.putEmpty(jobID); err != nil {
		return collections.MetainfoReply{}, err
	}
	stored, err := storedAccount(d.App, jobID)
	return collections.MetainfoReply{Selection: selectionOf(job), Stored: stored}, err
}

func parseOf(job *core.Record, info []byte) (*collections.Metainfo, error) {
	m, err := collections.ParseInfo(info)
	if err != nil {
		return nil, err
	}
	if string(m.Infohash) != job.GetString("infohash") {
		return nil, collections.Errorf(collections.CodeInvalidTorrent, "The metadata is that of another torrent.")
	}
	if len(contentFiles(m)) == 0 {
		return nil, collections.Errorf(collections.CodeInvalidTorrent, "The torrent has no file with content.")
	}
	return m, nil
}

func selectsSomething(m *collections.Metainfo, selection []int) bool {
	return slices.ContainsFunc(contentFiles(m), func(f collections.MetaFile) bool { return selected(selection, f.Index) })
}

// receive makes the rows first, so that a job that is downloading has all its files.
func (d *Dispatcher) receive(job *core.Record, attempt int64, m *collections.Metainfo) (*core.Record, error) {
	torrent, err := SaveMetainfo(d.App, job.GetString("user_id"), m)
	if err != nil {
		return nil, err
	}
	if err := AddFiles(d.App, job, torrent, m); err != nil {
		return nil, err
	}
	return hooks.ChangeJob(d.App, job.Id, func(tx core.App, job *core.Record) error {
		if !runs(job, attempt) {
			return errStale
		}
		job.Set("torrent_id", torrent.Id)
		job.Set("name", m.Name)
		job.Set("infohash_v2", m.InfohashV2)
		job.Set("size_bytes", SelectedSize(m, selectionOf(job)))
		if job.GetString("status") == string(collections.StatusFetchingMetadata) {
			gotOn(job, d.Now())
			goOn(job)
		}
		if err := d.admit(tx, job, m); err != nil {
			return err
		}
		return hooks.AddEvent(tx, job.Id, collections.EventMetadata, map[string]any{"name": m.Name, "size_bytes": job.GetInt64("size_bytes")})
	})
}

// goOn leads a job with metadata on to its download, or to the person who is to choose files.
func goOn(job *core.Record) {
	if !job.GetBool("select_files") {
		job.Set("status", string(collections.StatusDownloading))
		return
	}
	leaveAgent(job, collections.StatusAwaitingSelection)
}

func leaveAgent(job *core.Record, to collections.Status) {
	job.Set("status", string(to))
	job.Set("agent_id", "")
	job.Set("agent_start", "")
}
