package api

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/dispatch"
	"github.com/longshore-project/longshore/hooks"
)

const idempotencyHeader = "Idempotency-Key"

// submission is a judged POST /jobs: one of magnet and metainfo is set.
type submission struct {
	magnet      *collections.Magnet
	metainfo    *collections.Metainfo
	known       *core.Record          // the torrent of a magnet, if there is one that its owner may have
	content     *collections.Metainfo // of the .torrent, or of the known torrent
	selection   []int                 // rising, without repetition; nil means all
	selectFiles bool
	engine      string
	label       string
	priority    int64
	wait        bool   // for storage instead of being refused
	key         string // Idempotency-Key
	owner       string
	requestID   string
}

func (a *API) createJob(e *core.RequestEvent) error {
	s, err := readSubmission(e)
	if err != nil {
		return err
	}
	if isForm(e.Request) { // whose body has been read only now
		if a.identifyAgain(e); e.Auth == nil {
			return signInFirst(nil)
		}
	}
	s.owner, s.key = e.Auth.Id, e.Request.Header.Get(idempotencyHeader)
	s.requestID = e.Request.Header.Get(requestIDHeader)
	job, err := s.earlier(e.App)
	if err != nil {
		return err
	}
	if job == nil {
		if job, err = a.accept(acts(e), e.Auth, s); err != nil {
			return asInvalidInput(err)
		}
	}
	a.addOtherFiles(e.App, job, s)
	e.Response.Header().Set("Location", prefix+"/jobs/"+job.Id)
	return e.JSON(http.StatusCreated, a.Board.Job(job))
}

// accept asks the operator's scripts and stores the job.
func (a *API) accept(ctx context.Context, user *core.Record, s *submission) (job *core.Record, err error) {
	if err := s.recognise(a.app); err != nil {
		return nil, err
	}
	if err := s.askScripts(a.app, user); err != nil {
		return nil, err
	}
	err = hooks.InTransaction(a.app, func(tx core.App) (err error) {
		job, err = s.store(ctx, tx, a.Now())
		return err
	})
	if err == nil {
		a.Logger.Info("a job was accepted", "job", job.Id, "infohash", job.GetString("infohash"), "request_id", s.requestID)
	}
	return job, err
}

// recognise finds out what is known of the content: all of a .torrent, and of a magnet whose torrent is here already.
func (s *submission) recognise(app core.App) (err error) {
	if s.metainfo != nil {
		s.content = s.metainfo
		return nil
	}
	s.known, s.content, err = dispatch.KnownTorrent(app, s.owner, s.magnet.Infohash)
	if err == nil && s.content != nil && !dispatch.SelectsSomething(s.content, s.selection) {
		err = invalid("selection", "The selection names no file of the torrent.")
	}
	return err
}

// store runs in one transaction. Write transactions come one after the other, so what it finds holds until its end.
func (s *submission) store(ctx context.Context, tx core.App, at time.Time) (*core.Record, error) {
	if job, err := s.earlier(tx); job != nil || err != nil {
		return job, err
	}
	if err := s.refuseDuplicate(tx); err != nil {
		return nil, err
	}
	job, err := s.record(tx)
	if err != nil {
		return nil, err
	}
	if err := hooks.AdmitJob(tx, job, s.wants()); err != nil {
		return nil, err
	}
	if err := hooks.AddMetrics(tx, s.owner, at, hooks.Metrics{Jobs: 1}); err != nil {
		return nil, err
	}
	if s.content == nil {
		return job, tx.SaveWithContext(ctx, job)
	}
	torrent := s.known
	if torrent == nil {
		if torrent, err = dispatch.SaveMetainfo(tx, s.owner, s.content); err != nil {
			return nil, err
		}
	}
	job.Set("torrent_id", torrent.Id)
	if err := tx.SaveWithContext(ctx, job); err != nil {
		return nil, err
	}
	return job, dispatch.AddFiles(tx, job, torrent, s.content)
}

// addOtherFiles makes the rows that did not fit into the transaction of a large torrent.
func (a *API) addOtherFiles(app core.App, job *core.Record, s *submission) {
	if job.GetString("torrent_id") == "" {
		return
	}
	if err := dispatch.FillFiles(app, job); err != nil {
		a.Logger.Error("files of a new job are missing", "job", job.Id, "request_id", s.requestID, "error", err)
	}
}

// earlier answers the job that the same user made with the same idempotency key.
func (s *submission) earlier(tx core.App) (*core.Record, error) {
	if s.key == "" {
		return nil, nil
	}
	return findOne(tx, dbx.HashExp{"user_id": s.owner, "idempotency_key": s.key})
}

func (s *submission) refuseDuplicate(tx core.App) error {
	var live string
	err := tx.DB().NewQuery(`SELECT id FROM jobs WHERE user_id = {:user} AND infohash = {:infohash} AND status NOT IN ('completed', 'failed', 'cancelled')`).
		Bind(dbx.Params{"user": s.owner, "infohash": string(s.infohash())}).Row(&live)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return &collections.Error{
		Code: collections.CodeDuplicateJob, Message: "You have a job for this torrent already.", Data: map[string]any{"job_id": live},
	}
}

// findOne answers the job, nil when there is none.
func findOne(app core.App, where ...dbx.Expression) (*core.Record, error) {
	job := &core.Record{}
	err := app.RecordQuery("jobs").AndWhere(dbx.And(where...)).Limit(1).One(job)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return job, err
}

// wants answers what the job asks of the plan and the blocklist.
func (s *submission) wants() hooks.Wants {
	link := s.link()
	w := hooks.Wants{Infohash: link.Infohash, InfohashV2: link.InfohashV2}
	if s.content != nil {
		w.Known, w.InfohashV2 = true, s.content.InfohashV2
		w.SizeBytes, w.LargestFile = dispatch.SelectedSize(s.content, s.selection), dispatch.LargestFile(s.content, s.selection)
	}
	return w
}

func (s *submission) infohash() collections.Infohash {
	if s.metainfo != nil {
		return s.metainfo.Infohash
	}
	return s.magnet.Infohash
}

func (s *submission) record(tx core.App) (*core.Record, error) {
	jobs, err := tx.FindCachedCollectionByNameOrId("jobs")
	if err != nil {
		return nil, err
	}
	job := core.NewRecord(jobs)
	job.Load(map[string]any{
		"user_id": s.owner, "infohash": string(s.infohash()), "status": string(s.firstStatus()), "desired": string(collections.DesiredRun),
		"engine": s.engine, "select_files": s.selectFiles, "label": s.label, "priority": s.priority, "wait_for_quota": s.wait, "idempotency_key": s.key, "request_id": s.requestID,
		"next_attempt_at": types.NowDateTime(),
	})
	if s.selection != nil {
		job.Set("selection", s.selection)
	}
	link := s.link()
	job.Set("magnet_uri", link.String())
	job.Set("name", link.Name)
	job.Set("infohash_v2", link.InfohashV2)
	if s.content != nil {
		job.Set("name", s.content.Name)
		job.Set("infohash_v2", s.content.InfohashV2)
		job.Set("size_bytes", dispatch.SelectedSize(s.content, s.selection))
	}
	return job, nil
}

// link answers the job's magnet. That of a .torrent carries its trackers and webseeds, which may hold a person's key
// and so are not kept with the torrent. What makes the link too long is left out.
func (s *submission) link() collections.Magnet {
	var m collections.Magnet
	if s.metainfo == nil {
		m = *s.magnet
	} else {
		m = collections.Magnet{
			Infohash: s.metainfo.Infohash, InfohashV2: s.metainfo.InfohashV2, Name: s.metainfo.Name,
			Trackers: s.metainfo.Trackers, Webseeds: s.metainfo.Webseeds,
		}
	}
	for len(m.String()) > collections.MaxMagnetBytes {
		m.Trackers, m.Webseeds, m.Peers = half(m.Trackers), half(m.Webseeds), half(m.Peers)
		if len(m.Trackers)+len(m.Webseeds)+len(m.Peers) == 0 {
			m.Select = nil // the job's selection has them
		}
	}
	return m
}

func half(list []string) []string { return list[:len(list)/2] }

// firstStatus: a torrent whose files are known can wait for their selection at once.
func (s *submission) firstStatus() collections.Status {
	if s.content != nil && s.selectFiles {
		return collections.StatusAwaitingSelection
	}
	return collections.StatusQueued
}

// checkSelection judges the selection against a known file list.
func (s *submission) checkSelection() error {
	for _, i := range s.selection {
		if i >= len(s.metainfo.Files) {
			return invalid("selection", fmt.Sprintf("The torrent has no file %d: it has %d, counted from 0.", i, len(s.metainfo.Files)))
		}
		if !s.metainfo.Files[i].Wanted() {
			return invalid("selection", fmt.Sprintf("File %d has no content of its own.", i))
		}
	}
	return nil
}
