package fake

import (
	"os"
	"syscall"
	"time"

	"github.com/longshore-project/longshore/plugins"
)

// struckByDefault is where a script's mode begins that names no percentage.
const struckByDefault = 50

// locked runs f under the engine's lock.
func (t *torrent) locked(f func()) {
	t.engine.mu.Lock()
	defer t.engine.mu.Unlock()
	f()
}

// run is the torrent's life.
func (t *torrent) run() {
	defer close(t.done)
	if t.script.Early && !t.strike() {
		return
	}
	t.locked(func() {
		if !t.told {
			t.told = true
			t.tell(plugins.Event{Kind: plugins.EventMetadata, InfoBytes: t.payload.InfoBytes})
		}
	})
	if !t.awaitMetainfo() || !t.resume() {
		return
	}
	t.download()
}

func (t *torrent) awaitMetainfo() bool {
	for {
		var open bool
		t.locked(func() { open = t.open && !t.paused })
		if open {
			return true
		}
		if !t.await(t.changed) {
			return false
		}
	}
}

// resume makes the files and looks which pieces they hold already.
func (t *torrent) resume() bool {
	if err := t.disk.prepare(); err != nil {
		return t.fail(plugins.ErrIO, err)
	}
	found := t.disk.verify()
	t.locked(func() {
		for i := range found {
			t.verified[i] = found[i] && !t.released[i]
			t.resumed[i] = t.verified[i]
		}
		if ranges := rangesOf(len(found), func(i int) bool { return t.verified[i] }); len(ranges) > 0 {
			t.tell(plugins.Event{Kind: plugins.EventVerified, Ranges: ranges, Resumed: true})
		}
	})
	return true
}

func (t *torrent) download() {
	struck := t.script.Mode == Complete || t.script.Early
	if t.script.Mode == Crash && !t.script.Always {
		struck = struck || t.reached()
	}
	var due time.Time
	for {
		if !struck && t.reached() {
			struck = true
			if !t.strike() {
				return
			}
		}
		piece, ok := t.next()
		if !ok {
			due = time.Time{}
			if !t.await(t.changed) {
				return
			}
			continue
		}
		due = t.due(due, t.payload.PieceSize(piece))
		if !t.awaitTime(due) || !t.fetch(piece) {
			return
		}
	}
}

// next chooses a piece; without one left it tells that the torrent is finished.
func (t *torrent) next() (piece int, ok bool) {
	t.engine.mu.Lock()
	defer t.engine.mu.Unlock()
	if t.paused {
		return 0, false
	}
	for i := range t.wanted {
		if t.missing(i) && (!ok || t.priority[i] > t.priority[piece]) {
			piece, ok = i, true
		}
	}
	if !ok && !t.finished {
		t.tell(plugins.Event{Kind: plugins.EventFinished})
	}
	t.finished = !ok
	return piece, ok
}

func (t *torrent) missing(i int) bool {
	return t.wanted[i] && !t.verified[i] && !t.skipped[i] && !t.released[i]
}

// fetch writes a piece. It may have become unwanted while the rate was kept to.
func (t *torrent) fetch(piece int) bool {
	var still bool
	t.locked(func() { still = t.missing(piece) && !t.paused })
	if !still {
		return true
	}
	if err := t.disk.write(piece); err != nil {
		return t.fail(plugins.ErrIO, err)
	}
	t.locked(func() {
		if t.released[piece] || t.paused {
			return
		}
		t.verified[piece] = true
		t.traffic.add(t.payload.PieceSize(piece), time.Now())
		t.tell(plugins.Event{Kind: plugins.EventVerified, Ranges: []plugins.Range{{Begin: piece, End: piece + 1}}})
	})
	return true
}

// reached says whether the script's mode is to begin.
func (t *torrent) reached() bool {
	t.engine.mu.Lock()
	defer t.engine.mu.Unlock()
	var have, want int64
	for i, wanted := range t.wanted {
		if wanted {
			want += t.payload.PieceSize(i)
		}
		if wanted && !t.missing(i) {
			have += t.payload.PieceSize(i)
		}
	}
	at := t.script.At
	if at == 0 {
		at = struckByDefault
	}
	return have*100 >= want*int64(at)
}

// strike does what the mode says and answers whether the download goes on after it.
func (t *torrent) strike() bool {
	switch t.script.Mode {
	case Crash:
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		return false
	case Hang:
		t.engine.hang()
		return false
	case Fail:
		return t.strikeFailure()
	case Stall:
		<-t.ctx.Done()
		return false
	}
	return true
}

func (t *torrent) strikeFailure() bool {
	code := t.script.Code
	if code == "" {
		code = plugins.ErrInternal
	}
	t.locked(func() {
		t.failure = &plugins.Error{Code: code, Message: "the script says so"}
		t.tell(plugins.Event{Kind: plugins.EventError, Err: t.failure})
	})
	if t.script.Heal <= 0 {
		<-t.ctx.Done()
		return false
	}
	if !t.awaitTime(time.Now().Add(t.script.Heal)) {
		return false
	}
	t.locked(func() {
		t.failure = nil
		t.tell(plugins.Event{Kind: plugins.EventHealed})
	})
	return true
}

// fail tells an error of the disk, which ends the torrent until it is removed.
func (t *torrent) fail(code plugins.ErrorCode, err error) bool {
	t.locked(func() {
		t.failure = &plugins.Error{Code: code, Message: err.Error()}
		t.tell(plugins.Event{Kind: plugins.EventError, Err: t.failure})
	})
	return false
}

// due is when a piece of n bytes may be there if the one before came at last.
func (t *torrent) due(last time.Time, n int64) time.Time {
	now := time.Now()
	if t.script.Rate <= 0 {
		return now
	}
	if last.IsZero() {
		last = now
	}
	return last.Add(time.Duration(float64(n) / float64(t.script.Rate) * float64(time.Second)))
}

// await waits for a change; it answers false when the torrent is stopped.
func (t *torrent) await(change <-chan struct{}) bool {
	select {
	case <-change:
		return true
	case <-t.ctx.Done():
		return false
	}
}

func (t *torrent) awaitTime(at time.Time) bool {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return t.ctx.Err() == nil
	case <-t.ctx.Done():
		return false
	}
}
