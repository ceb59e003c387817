package agent

import (
	"encoding/json"

	"github.com/longshore-project/longshore/collections"
)

// split deals the entries out to reports of at most limit bytes of JSON. An entry with too many
// parts appears in several reports, its parts in their order.
func split(head collections.ReportRequest, entries []collections.JobReport, limit int) [][]collections.JobReport {
	empty := jsonSize(head) + 16 // for seq to grow
	reports := [][]collections.JobReport{{}}
	size := empty
	for _, e := range entries {
		parts := e.Parts
		e.Parts = nil
		base := jsonSize(e) + len(`,"parts":[]`) + 1
		if size+base > limit {
			reports, size = append(reports, nil), empty
		}
		last := &reports[len(reports)-1]
		*last, size = append(*last, e), size+base
		for _, p := range parts {
			n := jsonSize(p) + 1
			if size+n > limit {
				reports, size = append(reports, []collections.JobReport{e}), empty+base
				last = &reports[len(reports)-1]
			}
			entry := &(*last)[len(*last)-1]
			entry.Parts = append(entry.Parts, p)
			size += n
		}
	}
	return reports
}

func jsonSize(v any) int {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // the wire's own types always can be written
	}
	return len(b)
}
