package plugins

import (
	"cmp"
	"slices"
	"time"

	"github.com/longshore-project/longshore/plugins/enginepb"
)

func rangesToWire(ranges []Range) *enginepb.Ranges {
	if len(ranges) == 0 {
		return nil
	}
	bounds := make([]uint32, 0, 2*len(ranges))
	for _, r := range MergeRanges(ranges) {
		bounds = append(bounds, uint32(r.Begin), uint32(r.End))
	}
	return &enginepb.Ranges{Bounds: bounds}
}

func rangesFromWire(w *enginepb.Ranges) ([]Range, error) {
	bounds := w.GetBounds()
	if len(bounds)%2 != 0 {
		return nil, invalid("a list of ranges has an odd number of bounds")
	}
	if len(bounds) == 0 {
		return nil, nil
	}
	ranges := make([]Range, 0, len(bounds)/2)
	end := 0
	for i := 0; i < len(bounds); i += 2 {
		r := Range{Begin: int(bounds[i]), End: int(bounds[i+1])}
		if r.Begin < end || r.End <= r.Begin {
			return nil, invalid("ranges are empty, overlap or do not ascend")
		}
		ranges, end = append(ranges, r), r.End
	}
	return ranges, nil
}

// MergeRanges answers the same pieces as few ascending ranges; empty ranges vanish.
func MergeRanges(ranges []Range) []Range {
	sorted := slices.DeleteFunc(slices.Clone(ranges), func(r Range) bool { return r.Begin >= r.End })
	slices.SortFunc(sorted, func(a, b Range) int { return cmp.Compare(a.Begin, b.Begin) })
	merged := sorted[:0]
	for _, r := range sorted {
		if last := len(merged) - 1; last >= 0 && r.Begin <= merged[last].End {
			merged[last].End = max(merged[last].End, r.End)
			continue
		}
		merged = append(merged, r)
	}
	return merged
}

func addToWire(r AddRequest) *enginepb.AddRequest {
	w := &enginepb.AddRequest{
		Id: r.ID, Dir: r.Dir, Magnet: r.Magnet, Metainfo: r.Metainfo,
		Skip: rangesToWire(r.Skip), Peers: r.Peers, Paused: r.Paused,
	}
	if r.Selection != nil {
		w.Selection = &enginepb.Selection{Files: indexesToWire(r.Selection)}
	}
	return w
}

func addFromWire(w *enginepb.AddRequest) (AddRequest, error) {
	skip, err := rangesFromWire(w.Skip)
	r := AddRequest{
		ID: w.Id, Dir: w.Dir, Magnet: w.Magnet, Metainfo: w.Metainfo,
		Skip: skip, Peers: w.Peers, Paused: w.Paused,
	}
	if w.Selection != nil {
		r.Selection = indexesFromWire(w.Selection.Files)
	}
	return r, err
}

func indexesToWire(indexes []int) []uint32 {
	w := make([]uint32, len(indexes))
	for i, index := range slices.Sorted(slices.Values(indexes)) {
		w[i] = uint32(index)
	}
	return w
}

func indexesFromWire(w []uint32) []int {
	indexes := make([]int, len(w))
	for i, index := range w {
		indexes[i] = int(index)
	}
	return indexes
}

func descriptionToWire(d Description) *enginepb.DescribeReply {
	w := &enginepb.DescribeReply{Name: d.Name, Version: d.Version}
	for _, c := range d.Capabilities {
		w.Capabilities = append(w.Capabilities, string(c))
	}
	return w
}

func descriptionFromWire(w *enginepb.DescribeReply) Description {
	d := Description{Name: w.GetName(), Version: w.GetVersion()}
	for _, c := range w.GetCapabilities() {
		d.Capabilities = append(d.Capabilities, Capability(c))
	}
	return d
}

func filesToWire(files []File) *enginepb.FilesReply {
	w := &enginepb.FilesReply{Files: make([]*enginepb.File, len(files))}
	for i, f := range files {
		w.Files[i] = &enginepb.File{Path: f.Path, Size: f.Size}
	}
	return w
}

func filesFromWire(w *enginepb.FilesReply) []File {
	files := make([]File, len(w.GetFiles()))
	for i, f := range w.GetFiles() {
		files[i] = File{Index: i, Path: f.Path, Size: f.Size}
	}
	return files
}

func statisticsToWire(s Statistics) *enginepb.StatisticsReply {
	return &enginepb.StatisticsReply{
		DownloadRate: s.DownloadRate, UploadRate: s.UploadRate,
		Downloaded: s.Downloaded, Uploaded: s.Uploaded,
		Peers: uint32(s.Peers), Seeds: uint32(s.Seeds),
		Availability: rangesToWire(s.Availability), Paused: s.Paused,
	}
}

func statisticsFromWire(w *enginepb.StatisticsReply) (Statistics, error) {
	availability, err := rangesFromWire(w.GetAvailability())
	return Statistics{
		DownloadRate: w.GetDownloadRate(), UploadRate: w.GetUploadRate(),
		Downloaded: w.GetDownloaded(), Uploaded: w.GetUploaded(),
		Peers: int(w.GetPeers()), Seeds: int(w.GetSeeds()),
		Availability: availability, Paused: w.GetPaused(),
	}, err
}

// prioritiesToWire sends one entry per priority.
func prioritiesToWire(ranges []PriorityRange) []*enginepb.Prioritised {
	by := map[Priority][]Range{}
	for _, r := range ranges {
		by[r.Priority] = append(by[r.Priority], r.Range)
	}
	var w []*enginepb.Prioritised
	for p := PriorityNormal; p <= PriorityNow; p++ {
		if len(by[p]) > 0 {
			w = append(w, &enginepb.Prioritised{Priority: enginepb.Priority(p), Ranges: rangesToWire(by[p])})
		}
	}
	return w
}

func prioritiesFromWire(w []*enginepb.Prioritised) ([]PriorityRange, error) {
	var out []PriorityRange
	for _, p := range w {
		if _, known := enginepb.Priority_name[int32(p.Priority)]; !known {
			return nil, invalid("%d is no priority", p.Priority)
		}
		ranges, err := rangesFromWire(p.Ranges)
		if err != nil {
			return nil, err
		}
		for _, r := range ranges {
			out = append(out, PriorityRange{Range: r, Priority: Priority(p.Priority)})
		}
	}
	return out, nil
}

func eventToWire(e Event) *enginepb.Event {
	w := &enginepb.Event{Id: e.ID, AtUnixNano: e.At.UnixNano()}
	switch e.Kind {
	case EventMetadata:
		w.What = &enginepb.Event_Metadata{Metadata: &enginepb.Metadata{Info: e.InfoBytes}}
	case EventVerified:
		w.What = &enginepb.Event_Verified{Verified: &enginepb.Verified{Ranges: rangesToWire(e.Ranges), Resumed: e.Resumed}}
	case EventFinished:
		w.What = &enginepb.Event_Finished{Finished: &enginepb.Finished{}}
	case EventError:
		err := cmp.Or(e.Err, &Error{Code: ErrInternal, Message: "the engine named no error"})
		w.What = &enginepb.Event_Failed{Failed: &enginepb.Failed{Code: string(err.Code), Message: err.Message}}
	case EventHealed:
		w.What = &enginepb.Event_Healed{Healed: &enginepb.Healed{}}
	}
	return w
}

func eventFromWire(w *enginepb.Event) (Event, error) {
	e := Event{ID: w.Id, At: time.Unix(0, w.AtUnixNano)}
	var err error
	switch what := w.What.(type) {
	case *enginepb.Event_Metadata:
		e.Kind, e.InfoBytes = EventMetadata, what.Metadata.Info
	case *enginepb.Event_Verified:
		e.Kind, e.Resumed = EventVerified, what.Verified.Resumed
		e.Ranges, err = rangesFromWire(what.Verified.Ranges)
	case *enginepb.Event_Finished:
		e.Kind = EventFinished
	case *enginepb.Event_Failed:
		e.Kind, e.Err = EventError, &Error{Code: knownCode(what.Failed.Code), Message: what.Failed.Message}
	case *enginepb.Event_Healed:
		e.Kind = EventHealed
	default:
		err = &Error{Code: ErrInternal, Message: "the engine sent an event of an unknown kind"}
	}
	return e, err
}
