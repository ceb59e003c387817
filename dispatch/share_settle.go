package dispatch

import (
	"sync"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

const settlers = 4 // jobs settled at once

// settler looks at queued jobs that may need no agent: all they want may be stored, or made by another job.
type settler struct {
	d    *Dispatcher
	wake chan struct{}

	mu      sync.Mutex
	pending map[string]bool
}

func newSettler(d *Dispatcher) *settler {
	return &settler{d: d, wake: make(chan struct{}, 1), pending: map[string]bool{}}
}

func (s *settler) add(jobIDs ...string) {
	s.mu.Lock()
	for _, id := range jobIDs {
		s.pending[id] = true
	}
	s.mu.Unlock()
	poke(s.wake)
}

func (s *settler) take() map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.pending
	s.pending = map[string]bool{}
	return taken
}

func (s *settler) loop() {
	s.resume()
	free := make(chan struct{}, settlers)
	for {
		select {
		case <-s.d.ctx.Done():
			return
		case <-s.wake:
		}
		for id := range s.take() {
			select {
			case <-s.d.ctx.Done():
				return
			case free <- struct{}{}:
			}
			s.d.work.Go(func() {
				defer func() { <-free }()
				s.try(id)
			})
		}
	}
}

// resume takes up what an earlier process left.
func (s *settler) resume() {
	queued, err := all[idRow](s.d.App, `SELECT id FROM jobs WHERE status = 'queued'`, nil)
	if err != nil {
		s.d.Logger.Error("the queued jobs could not be read", "error", err)
	}
	s.add(ids(queued)...)
}

// addKin takes the queued jobs of a torrent whose metadata were not known before.
func (s *settler) addKin(infohash string) {
	kin, err := all[idRow](s.d.App, `SELECT id FROM jobs WHERE infohash = {:infohash} AND status = 'queued' AND torrent_id = ''`, dbx.Params{"infohash": infohash})
	if err != nil {
		s.d.Logger.Error("the jobs of a torrent that is known now could not be read", "infohash", infohash, "error", err)
	}
	s.add(ids(kin)...)
}

func (s *settler) try(jobID string) {
	if _, err := s.d.settle(jobID); err != nil && !isOver(err) && s.d.ctx.Err() == nil {
		s.d.Logger.Warn("a queued job could not be looked at; it is again before it gets an agent", "job", jobID, "error", err)
	}
}

// settle leads a queued job as far as it comes without an agent and answers it when it needs one. errStale when it
// does not: it has ended, waits for a selection or for another job, or has all it wants.
func (d *Dispatcher) settle(jobID string) (*core.Record, error) {
	job, err := d.App.FindRecordById("jobs", jobID)
	if isNoRows(err) || err == nil && job.GetString("status") != string(collections.StatusQueued) {
		return nil, errStale
	}
	if err == nil && job.GetString("torrent_id") == "" {
		job, err = d.recognise(job)
	}
	if err != nil || job.GetString("torrent_id") == "" {
		return job, err
	}
	if err := FillFiles(d.App, job); err != nil {
		return nil, err
	}
	if job.GetBool("select_files") {
		return nil, d.awaitSelection(jobID)
	}
	if err := d.reserve(job); err != nil {
		return nil, err
	}
	if err := d.fin.putEmpty(jobID); err != nil {
		return nil, err
	}
	if err := d.completeQueued(jobID); err != nil {
		return nil, err
	}
	return job, d.waitForContent(jobID, job.GetString("torrent_id"))
}

// reserve has a job count what it wants, and only then gives it its files: errStale when it may not have them.
func (d *Dispatcher) reserve(job *core.Record) error {
	if !hooks.Unreserved(job) {
		return nil // FillFiles gave them
	}
	if err := d.mayRun(job); err != nil {
		return err
	}
	torrent, err := d.App.FindRecordById("torrents", job.GetString("torrent_id"))
	if err != nil {
		return err
	}
	return attachChosen(d.App, job, torrent)
}

// completeQueued ends a queued job whose files are all stored already, and answers errStale then.
func (d *Dispatcher) completeQueued(jobID string) error {
	open, err := hasOpenFiles(d.App, jobID)
	if err != nil || open {
		return err
	}
	if err := completeStored(d.App, jobID); err != nil {
		return err
	}
	return errStale
}

// waitForContent lets a queued job wait for the one that makes files it wants, and answers errStale then.
func (d *Dispatcher) waitForContent(jobID, torrentID string) error {
	runner, err := hooks.RunnerOf(d.App, jobID, torrentID)
	if err != nil || runner == "" {
		return err
	}
	waits := false
	_, err = hooks.ChangeJob(d.App, jobID, func(tx core.App, job *core.Record) (err error) {
		if job.GetString("status") != string(collections.StatusQueued) {
			return errStale
		}
		waits, err = waitForRunner(tx, job)
		return err
	})
	if err == nil && waits {
		poke(d.wake)
		return errStale
	}
	return err
}

// waitForRunner notes on a queued job whom it waits for; for use inside ChangeJob. False when it may run itself.
func waitForRunner(tx core.App, job *core.Record) (bool, error) {
	runner, err := hooks.RunnerOf(tx, job.Id, job.GetString("torrent_id"))
	job.Set("waits_for", runner)
	return runner != "", err
}

// withFiles answers how a job goes on whose files have just become known.
func withFiles(tx core.App, job *core.Record) (collections.Status, error) {
	if waits, err := waitForRunner(tx, job); waits || err != nil {
		return collections.StatusQueued, err
	}
	open, err := hasOpenFiles(tx, job.Id)
	if err != nil || !open {
		return collections.StatusQueued, err
	}
	return collections.StatusDownloading, nil
}

// recognise gives a magnet's job the torrent that is known already, so that nothing is fetched. It answers the job as it is
// then; errStale when it is not to run by that.
func (d *Dispatcher) recognise(job *core.Record) (*core.Record, error) {
	torrent, m, err := KnownTorrent(d.App, job.GetString("user_id"), collections.Infohash(job.GetString("infohash")))
	if err != nil || torrent == nil {
		return job, err
	}
	job, err = hooks.ChangeJob(d.App, job.Id, func(tx core.App, job *core.Record) error {
		if job.GetString("status") != string(collections.StatusQueued) || job.GetString("torrent_id") != "" {
			return errStale
		}
		if !SelectsSomething(m, selectionOf(job)) {
			return d.obey(job, errNothingSelected)
		}
		return d.learn(tx, job, torrent, m)
	})
	if err == nil && job.GetString("status") != string(collections.StatusQueued) {
		err = errStale
	}
	return job, err
}

var errNothingSelected = &collections.Error{Code: collections.CodeInvalidInput, Message: "The selection names no file of the torrent."}
