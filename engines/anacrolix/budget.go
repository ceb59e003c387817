package anacrolix

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// budget bounds the memory of pieces that are not yet written, over all torrents, and
// keeps buffers for the next ones. The buffers are not of Go's heap, which would grow to
// twice their size before it is collected.
type budget struct {
	mu    sync.Mutex
	limit int64
	used  int64
	free  [][]byte
	kept  int64 // bytes of free
	idle  bool  // nothing was used at the last trim
	due   int   // buffers being hashed, which come back when that is done
	freed chan struct{}
}

// hashPatience is how long a chunk waits for a buffer that is being hashed, which slows
// its peer down to the speed of hashing.
const hashPatience = 20 * time.Millisecond

func newBudget(limit int64) *budget {
	return &budget{limit: limit, freed: make(chan struct{})}
}

// wait answers a buffer like get. Without room it waits for buffers that are about to come back.
func (b *budget) wait(n int64) []byte {
	timeout := time.NewTimer(hashPatience)
	defer timeout.Stop()
	for {
		b.mu.Lock()
		buf, freed, hope := b.get(n), b.freed, b.due > 0 && n <= b.limit
		b.mu.Unlock()
		if buf != nil || !hope {
			return buf
		}
		select {
		case <-freed:
		case <-timeout.C:
			return nil
		}
	}
}

// expect tells that n buffers more are being hashed, or n fewer.
func (b *budget) expect(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.due += n
}

// get answers a buffer of n bytes with any content, or nil when the budget has no room.
// The caller gives it back by put, whole, and does not touch it any more.
func (b *budget) get(n int64) []byte {
	if b.used+n > b.limit {
		return nil
	}
	for i := len(b.free) - 1; i >= 0; i-- {
		if c := int64(cap(b.free[i])); c >= n && b.used+c <= b.limit {
			return b.take(i)[:n]
		}
	}
	if b.used+b.kept+n > b.limit {
		b.drop()
	}
	buf, err := unix.Mmap(-1, 0, int(n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil
	}
	b.used += n
	return buf
}

func (b *budget) take(i int) []byte {
	buf := b.free[i]
	last := len(b.free) - 1
	b.free[i] = b.free[last]
	b.free[last] = nil
	b.free = b.free[:last]
	b.kept -= int64(cap(buf))
	b.used += int64(cap(buf))
	return buf
}

func (b *budget) put(buf []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.freed)
	b.freed = make(chan struct{})
	buf = buf[:cap(buf)]
	b.used -= int64(len(buf))
	b.kept += int64(len(buf))
	b.free = append(b.free, buf)
}

// trim gives the kept buffers back when two calls in a row find none used.
func (b *budget) trim() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used == 0 && b.idle {
		b.drop()
	}
	b.idle = b.used == 0
}

func (b *budget) drop() {
	for _, buf := range b.free {
		// It was mapped by get with this length, so it cannot fail.
		_ = unix.Munmap(buf)
	}
	b.free, b.kept = nil, 0
}
