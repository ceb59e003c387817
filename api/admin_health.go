package api

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/longshore-project/longshore/api/wire"
	"github.com/longshore-project/longshore/collections"
)

const (
	healthKept   = 2 * time.Second // how long figures are given again
	storageKept  = time.Minute     // and the sum over all objects
	storeTimeout = 2 * time.Second
	errorWindow  = time.Hour
)

// adminHealthRoutes tell how the installation does.
func (a *API) adminHealthRoutes() []route {
	return []route{{"GET", "/admin/system-health", admin, small, "", a.systemHealth}}
}

func (a *API) systemHealth(e *core.RequestEvent) error {
	h, err := a.health.get(a.Now(), healthKept, a.measure)
	if err != nil {
		return err
	}
	return ok(e, h)
}

// kept is a value that is costly to make and may be a little old.
type kept[T any] struct {
	mu    sync.Mutex
	at    time.Time
	value T
}

func (k *kept[T]) get(now time.Time, age time.Duration, make func() (T, error)) (T, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.at.IsZero() && now.Sub(k.at) < age {
		return k.value, nil
	}
	value, err := make()
	if err == nil {
		k.at, k.value = now, value
	}
	return value, err
}

// measure asks database and store at the same time.
func (a *API) measure() (wire.SystemHealth, error) {
	h := wire.SystemHealth{At: a.Now().UTC().Truncate(time.Millisecond), Version: a.Version}
	var asking sync.WaitGroup
	asking.Go(func() { a.measureStore(&h) })
	err := errorsOf(
		func() error { return a.measureJobs(&h) },
		func() error { return a.measureLastHour(&h) },
		func() error { return a.measureAgents(&h) },
		func() error { return a.measureStorage(&h) },
		func() error { return a.measureDatabase(&h) },
		func() error { return a.app.DB().NewQuery(`SELECT COUNT(*) FROM mails`).Row(&h.MailsWaiting) },
	)
	asking.Wait()
	return h, err
}

func (a *API) measureJobs(h *wire.SystemHealth) error {
	var rows []struct {
		Status string `db:"status"`
		Jobs   int    `db:"jobs"`
	}
	if err := a.app.DB().NewQuery(`SELECT status, COUNT(*) AS jobs FROM jobs GROUP BY status`).All(&rows); err != nil {
		return err
	}
	h.Jobs = map[string]int{}
	for _, status := range collections.Statuses() {
		h.Jobs[string(status)] = 0
	}
	for _, row := range rows {
		h.Jobs[row.Status] = row.Jobs
	}
	h.Queue.Depth = h.Jobs[string(collections.StatusQueued)]
	var oldest string
	err := a.app.DB().NewQuery(`SELECT COALESCE(MIN(created_at), '') FROM jobs WHERE status = 'queued' AND desired = 'run' AND waits_for = ''`).Row(&oldest)
	if at, parseErr := time.Parse(types.DefaultDateLayout, oldest); err == nil && parseErr == nil {
		h.Queue.OldestSeconds = int(max(0, a.Now().Sub(at)) / time.Second)
	}
	return errors.Join(err, a.app.DB().NewQuery(`SELECT COUNT(*) FROM jobs WHERE `+deadLetter).Row(&h.DeadLetters))
}

func (a *API) measureLastHour(h *wire.SystemHealth) error {
	since := dbx.Params{"since": dbTime(a.Now().Add(-errorWindow))}
	err := a.app.DB().NewQuery(`SELECT COUNT(CASE WHEN status = 'completed' THEN 1 END), COUNT(CASE WHEN status = 'failed' THEN 1 END)
		FROM jobs WHERE completed_at > {:since}`).Bind(since).Row(&h.LastHour.Completed, &h.LastHour.Failed)
	if ended := h.LastHour.Completed + h.LastHour.Failed; ended > 0 {
		h.LastHour.ErrorRate = float32(h.LastHour.Failed) / float32(ended)
	}
	return errors.Join(err, a.app.DB().NewQuery(`SELECT COUNT(*) FROM job_events WHERE event_type = 'retry' AND created_at > {:since}`).
		Bind(since).Row(&h.LastHour.FailedAttempts))
}

func (a *API) measureAgents(h *wire.SystemHealth) error {
	agents, err := a.findAgents(a.app, nil)
	h.Agents.Total = len(agents)
	for _, agent := range agents {
		if agent.Draining {
			h.Agents.Draining++
		}
		if !agent.Online {
			continue
		}
		h.Agents.Online++
		h.Agents.Slots += agent.Slots
		h.Agents.SlotsUsed += agent.RunningJobs
		h.Agents.ScratchFreeBytes += agent.ScratchFreeBytes
		h.Agents.ScratchReservedBytes += agent.ScratchReservedBytes
		if !agent.Draining {
			h.Agents.SlotsFree += max(0, agent.Slots-agent.RunningJobs)
		}
	}
	return err
}

type storageSums struct {
	Objects int `db:"objects"`
	Bytes   int `db:"bytes"`
}

func (a *API) measureStorage(h *wire.SystemHealth) error {
	sums, err := a.storage.get(a.Now(), storageKept, func() (sums storageSums, err error) {
		return sums, a.app.DB().NewQuery(`SELECT COUNT(*) AS objects, COALESCE(SUM(size_bytes), 0) AS bytes FROM objects WHERE state = 'stored'`).One(&sums)
	})
	h.Storage.Objects, h.Storage.Bytes = sums.Objects, sums.Bytes
	return err
}

func (a *API) measureStore(h *wire.SystemHealth) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	asked := time.Now()
	err := a.Store.Check(ctx)
	h.Store.Reachable, h.Store.LatencyMs = err == nil, int(time.Since(asked).Milliseconds())
	if err != nil {
		a.Logger.Warn("the object store did not answer", "error", err)
	}
}

func (a *API) measureDatabase(h *wire.SystemHealth) error {
	var err error
	for name, bytes := range map[string]*int{"data.db": &h.Database.SizeBytes, "data.db-wal": &h.Database.WalBytes} {
		info, statErr := os.Stat(filepath.Join(a.app.DataDir(), name))
		if errors.Is(statErr, fs.ErrNotExist) { // no log after a clean end
			continue
		}
		if statErr == nil {
			*bytes = int(info.Size())
		}
		err = errors.Join(err, statErr)
	}
	return err
}
