package plugins_test

import (
	"context"
	"log/slog"
	"reflect"
	"testing"

	"github.com/longshore-project/longshore/plugins"
)

// signal is a log handler that tells of errors.
type signal struct {
	slog.Handler
	to chan<- struct{}
}

func loggerTo(to chan<- struct{}) *slog.Logger { return slog.New(signal{slog.DiscardHandler, to}) }

func (s signal) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelError }
func (s signal) WithAttrs([]slog.Attr) slog.Handler           { return s }
func (s signal) Handle(context.Context, slog.Record) error {
	select {
	case s.to <- struct{}{}:
	default:
	}
	return nil
}

func verified(id string, begin, end int) plugins.Event {
	return plugins.Event{ID: id, Kind: plugins.EventVerified, Ranges: []plugins.Range{{Begin: begin, End: end}}}
}

func TestFeedMergesRangesThatNobodyRead(t *testing.T) {
	var feed plugins.Feed
	events := feed.Open(t.Context(), func() []plugins.Event {
		return []plugins.Event{{ID: "first", Kind: plugins.EventFinished}}
	})
	// The pump may hold the first event already; it is of another torrent.
	feed.Put(verified("a", 4, 5), verified("b", 0, 1), verified("a", 2, 4))
	feed.Put(plugins.Event{ID: "b", Kind: plugins.EventFinished}, verified("b", 1, 2), verified("a", 7, 8))
	got := map[string][]any{}
	for range 5 {
		e := <-events
		if e.At.IsZero() {
			t.Errorf("%v has no time", e)
		}
		if e.Kind == plugins.EventVerified {
			got[e.ID] = append(got[e.ID], e.Ranges)
		} else {
			got[e.ID] = append(got[e.ID], e.Kind)
		}
	}
	want := map[string][]any{
		"first": {plugins.EventFinished},
		"a":     {[]plugins.Range{{Begin: 2, End: 5}, {Begin: 7, End: 8}}},
		"b":     {[]plugins.Range{{Begin: 0, End: 1}}, plugins.EventFinished, []plugins.Range{{Begin: 1, End: 2}}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

func TestFeedEndsTheEarlierStream(t *testing.T) {
	var feed plugins.Feed
	nothing := func() []plugins.Event { return nil }
	first := feed.Open(t.Context(), nothing)
	second := feed.Open(t.Context(), nothing)
	if _, open := <-first; open {
		t.Error("the first stream is open")
	}
	feed.Put(verified("a", 0, 1))
	if e := <-second; e.ID != "a" {
		t.Errorf("the second stream has %v", e)
	}
}

func TestFeedForgetsWhatNobodyListensTo(t *testing.T) {
	var feed plugins.Feed
	feed.Put(verified("a", 0, 1))
	ctx, cancel := context.WithCancel(t.Context())
	events := feed.Open(ctx, func() []plugins.Event { return nil })
	cancel()
	if e, open := <-events; open {
		t.Errorf("it sent %v", e)
	}
}

func TestMergeRanges(t *testing.T) {
	got := plugins.MergeRanges([]plugins.Range{{Begin: 5, End: 6}, {Begin: 3, End: 3}, {Begin: 0, End: 2}, {Begin: 1, End: 3}, {Begin: 6, End: 9}})
	want := []plugins.Range{{Begin: 0, End: 3}, {Begin: 5, End: 9}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
