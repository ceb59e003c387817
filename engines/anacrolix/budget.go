package anacrolix

import "sync"

// budget bounds the memory of pieces that are not yet written, over all torrents,
// and keeps buffers for the next ones.
type budget struct {
	mu    sync.Mutex
	limit int64
	used  int64
	free  [][]byte
	kept  int64 // bytes of free
	idle  bool  // nothing was used at the last trim
}

// get answers a buffer of n bytes with any content, or nil when the budget has no room.
func (b *budget) get(n int64) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used+n > b.limit {
		return nil
	}
	for i := len(b.free) - 1; i >= 0; i-- {
		if c := int64(cap(b.free[i])); c >= n && b.used+c <= b.limit {
			return b.take(i)[:n]
		}
	}
	if b.used+b.kept+n > b.limit {
		b.free, b.kept = nil, 0
	}
	b.used += n
	return make([]byte, n)
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
	b.used -= int64(cap(buf))
	b.kept += int64(cap(buf))
	b.free = append(b.free, buf)
}

// trim gives the kept buffers back when two calls in a row find none used.
func (b *budget) trim() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used == 0 && b.idle {
		b.free, b.kept = nil, 0
	}
	b.idle = b.used == 0
}
