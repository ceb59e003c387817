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
		if !SelectsSomething(m, selectionOf(job)) {
			d.endAttempt(d.App, jobID, attempt, ending{code: collections.CodeInvalidInput, message: errNothingSelected.Message, final: true})
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

// SelectsSomething says whether the selection names a file with content of its own. An empty selection means all.
func SelectsSomething(m *collections.Metainfo, selection []int) bool {
	selection = ordered(selection)
	return slices.ContainsFunc(contentFiles(m), func(f collections.MetaFile) bool { return selected(selection, f.Index) })
}

// receive makes the rows first and then, if the job may have them, the objects, so that a job that is downloading has all its files.
func (d *Dispatcher) receive(job *core.Record, attempt int64, m *collections.Metainfo) (*core.Record, error) {
	torrent, err := SaveMetainfo(d.App, job.GetString("user_id"), m)
	if err != nil {
		return nil, err
	}
	defer d.set.addKin(job.GetString("infohash"))
	if err := AddFiles(d.App, job, torrent, m); err != nil {
		return nil, err
	}
	job, err = d.changeRunning(job.Id, attempt, func(tx core.App, job *core.Record) error {
		if job.GetBool("select_files") {
			leaveAgent(job, collections.StatusAwaitingSelection)
		}
		return d.learn(tx, job, torrent, m)
	})
	if err != nil || job.GetString("status") != string(collections.StatusFetchingMetadata) {
		return job, err
	}
	if err := attachChosen(d.App, job, torrent); err != nil {
		return nil, err
	}
	return d.changeRunning(job.Id, attempt, goOn)
}

// changeRunning changes a job while that attempt runs; errStale afterwards.
func (d *Dispatcher) changeRunning(jobID string, attempt int64, fn func(tx core.App, job *core.Record) error) (*core.Record, error) {
	return hooks.ChangeJob(d.App, jobID, func(tx core.App, job *core.Record) error {
		if !runs(job, attempt) {
			return errStale
		}
		return fn(tx, job)
	})
}

// learn sets what a job knows with its metadata, and judges it by that.
func (d *Dispatcher) learn(tx core.App, job, torrent *core.Record, m *collections.Metainfo) error {
	news := job.GetString("torrent_id") == ""
	job.Set("torrent_id", torrent.Id)
	job.Set("name", m.Name)
	job.Set("infohash_v2", m.InfohashV2)
	job.Set("size_bytes", SelectedSize(m, selectionOf(job)))
	if news {
		gotOn(job, d.Now())
	}
	if err := d.admit(tx, job, m); err != nil || !news {
		return err
	}
	return hooks.AddEvent(tx, job.Id, collections.EventMetadata, map[string]any{"name": m.Name, "size_bytes": job.GetInt64("size_bytes")})
}

// goOn leads a job with files on to its download, or back into the queue when they are stored or made by another job.
func goOn(tx core.App, job *core.Record) error {
	if job.GetString("status") != string(collections.StatusFetchingMetadata) {
		return nil
	}
	next, err := withFiles(tx, job)
	if err == nil && next == collections.StatusQueued {
		leaveAgent(job, next)
	} else if err == nil {
		job.Set("status", string(next))
	}
	return err
}

func leaveAgent(job *core.Record, to collections.Status) {
	job.Set("status", string(to))
	job.Set("agent_id", "")
	job.Set("agent_start", "")
}
