package anacrolix

import (
	"math/bits"

	"github.com/longshore-project/longshore/plugins"
)

// bitset is a set of pieces.
type bitset []uint64

func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) has(i int) bool { return b[i/64]&(1<<(i%64)) != 0 }
func (b bitset) set(i int)      { b[i/64] |= 1 << (i % 64) }
func (b bitset) clear(i int)    { b[i/64] &^= 1 << (i % 64) }

func (b bitset) setRange(begin, end int) {
	for i := begin; i < end; i++ {
		b.set(i)
	}
}

func (b bitset) count() (n int) {
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

// ranges answers the members as sorted, disjoint ranges.
func (b bitset) ranges() (out []plugins.Range) {
	for w, word := range b {
		for word != 0 {
			i := w*64 + bits.TrailingZeros64(word)
			run := bits.TrailingZeros64(^(word >> (i % 64)))
			out = appendRange(out, i, i+run)
			if i%64+run >= 64 {
				break
			}
			word &= ^uint64(0) << (i%64 + run)
		}
	}
	return out
}

// appendRange adds [begin, end), which lies behind all earlier ranges, joining it to the last where they touch.
func appendRange(list []plugins.Range, begin, end int) []plugins.Range {
	if n := len(list); n > 0 && list[n-1].End >= begin {
		list[n-1].End = max(list[n-1].End, end)
		return list
	}
	return append(list, plugins.Range{Begin: begin, End: end})
}
