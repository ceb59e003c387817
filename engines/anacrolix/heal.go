package anacrolix

import (
	"errors"
	"time"

	"github.com/longshore-project/longshore/plugins"
)

// healInterval is how often failed writes are tried again on a full disk.
const healInterval = 500 * time.Millisecond

// writeFailed hears from the store that bytes could not be written. It may be called
// under locks of store and library, so all that follows happens elsewhere.
func (t *torrent) writeFailed(err error) {
	if errors.Is(err, errClosed) || t.ctx.Err() != nil || !t.failing.CompareAndSwap(false, true) {
		return
	}
	go t.suffer(asError(err))
}

// suffer stops downloading and tells of the failure, unless it has healed meanwhile. A full disk it waits out.
func (t *torrent) suffer(failure *plugins.Error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || !t.failing.Load() {
		return
	}
	if t.lib != nil {
		t.lib.DisallowDataDownload()
	}
	t.entry.fail(failure)
	if failure.Code == plugins.ErrDiskFull {
		t.work.Go(t.awaitSpace)
	}
}

// awaitSpace tries the failed writes again until they succeed.
func (t *torrent) awaitSpace() {
	ticker := time.NewTicker(healInterval)
	defer ticker.Stop()
	for t.failing.Load() {
		select {
		case <-t.ctx.Done():
			return
		case <-ticker.C:
			t.tryHeal()
		}
	}
}

func (t *torrent) tryHeal() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.recover()
	}
}

// recover takes downloading up again when everything that failed can be written now.
func (t *torrent) recover() {
	if !t.failing.Load() || t.store == nil {
		return
	}
	settled, err := t.store.retry()
	for _, i := range settled {
		t.updateCompletion(i, i+1)
	}
	if err != nil {
		return
	}
	t.failing.Store(false)
	t.entry.heal()
	if t.lib != nil {
		t.lib.AllowDataDownload()
	}
}
