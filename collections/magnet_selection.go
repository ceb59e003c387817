package collections

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// indexRange is the closed range of file indexes first-last (BEP 53).
type indexRange struct{ first, last int }

func (r *magnetReader) selection(s string) error {
	for item := range strings.SplitSeq(s, ",") {
		if item == "" {
			continue
		}
		from, to, span := strings.Cut(item, "-")
		if !span {
			to = from
		}
		first, okFirst := fileIndex(from)
		last, okLast := fileIndex(to)
		if !okFirst || !okLast || first > last {
			return badMagnet("The magnet link's selection %.40q names no files below %d.", item, MaxFiles)
		}
		r.ranges = append(r.ranges, indexRange{first, last})
	}
	return nil
}

func fileIndex(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && isNumber(s) && n < MaxFiles
}

// expand answers each index of the ranges once, in order.
func expand(ranges []indexRange) []int {
	slices.SortFunc(ranges, func(a, b indexRange) int { return cmp.Compare(a.first, b.first) })
	var out []int
	next := 0
	for _, r := range ranges {
		for i := max(next, r.first); i <= r.last; i++ {
			out = append(out, i)
		}
		next = max(next, r.last+1)
	}
	return out
}

// formatSelection writes ascending indexes as BEP 53 does.
func formatSelection(indexes []int) string {
	var b strings.Builder
	for i := 0; i < len(indexes); {
		end := i
		for end+1 < len(indexes) && indexes[end+1] == indexes[end]+1 {
			end++
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(indexes[i]))
		if end > i {
			b.WriteString("-" + strconv.Itoa(indexes[end]))
		}
		i = end + 1
	}
	return b.String()
}
