package plugins_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/longshore-project/longshore/plugins"
	"github.com/longshore-project/longshore/plugins/fake"
)

// echo is an engine that says back what it was told, to see that nothing is lost on the wire.
type echo struct {
	*fake.Engine
	feed plugins.Feed
}

// Pause fails with the code that the id names.
func (*echo) Pause(_ context.Context, id string) error {
	return &plugins.Error{Code: plugins.ErrorCode(id), Message: "as told"}
}

// Resume waits for the end of its context.
func (*echo) Resume(ctx context.Context, _ string) error {
	<-ctx.Done()
	return ctx.Err()
}

var figures = plugins.Statistics{
	DownloadRate: 1, UploadRate: 2, Downloaded: 1 << 40, Uploaded: 4, Peers: 5, Seeds: 6, Paused: true,
	Availability: []plugins.Range{{Begin: 0, End: 3}, {Begin: 5, End: 1 << 20}},
}

func (*echo) Statistics(context.Context, string) (plugins.Statistics, error) { return figures, nil }

var places = []plugins.File{{Index: 0, Path: "a/ü.bin", Size: 1 << 40}, {Index: 1, Size: 7}}

func (*echo) Files(context.Context, string) ([]plugins.File, error) { return places, nil }

// Prioritise fails with what it understood.
func (*echo) Prioritise(_ context.Context, _ string, ranges []plugins.PriorityRange) error {
	if !slices.Equal(ranges, urgencies) {
		return &plugins.Error{Code: plugins.ErrInvalid, Message: "other ranges"}
	}
	return nil
}

var urgencies = []plugins.PriorityRange{
	{Range: plugins.Range{Begin: 7, End: 9}, Priority: plugins.PriorityHigh},
	{Range: plugins.Range{Begin: 0, End: 1}, Priority: plugins.PriorityNow},
	{Range: plugins.Range{Begin: 3, End: 4}, Priority: plugins.PriorityNow},
}

func (*echo) Add(_ context.Context, req plugins.AddRequest) error {
	want := request
	want.Dir = req.Dir
	if !reflect.DeepEqual(req, want) {
		return &plugins.Error{Code: plugins.ErrInvalid, Message: "another request"}
	}
	return nil
}

var request = plugins.AddRequest{
	ID: "a1Z", Magnet: "magnet:?x", Metainfo: make([]byte, 17<<20), Selection: []int{}, Paused: true,
	Skip: []plugins.Range{{Begin: 1, End: 2}, {Begin: 4, End: 9}}, Peers: []string{"127.0.0.1:1", "[::1]:2"},
}

var moments = []plugins.Event{
	{ID: "a", Kind: plugins.EventMetadata, InfoBytes: make([]byte, 16<<20)},
	{ID: "a", Kind: plugins.EventVerified, Ranges: []plugins.Range{{Begin: 1, End: 2}, {Begin: 4, End: 9}}, Resumed: true},
	{ID: "b", Kind: plugins.EventFinished},
	{ID: "c", Kind: plugins.EventError, Err: &plugins.Error{Code: plugins.ErrDiskFull, Message: "no space"}},
	{ID: "c", Kind: plugins.EventHealed},
}

func (e *echo) Events(ctx context.Context) (<-chan plugins.Event, error) {
	return e.feed.Open(ctx, func() []plugins.Event {
		var now []plugins.Event
		for i, m := range moments {
			m.At = time.Unix(1, int64(i))
			now = append(now, m)
		}
		return now
	}), nil
}

func startEcho(t *testing.T) plugins.Engine {
	t.Helper()
	p, err := plugins.Launch(t.Context(), plugins.Spec{Name: "echo", Env: []string{roleKey + "=echo"}, RunDir: runDir(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p.Engine()
}

func TestEveryCodeCrossesTheWire(t *testing.T) {
	e := startEcho(t)
	for _, code := range []plugins.ErrorCode{
		plugins.ErrNotFound, plugins.ErrUnsupported, plugins.ErrInvalid, plugins.ErrDiskFull,
		plugins.ErrIO, plugins.ErrClosed, plugins.ErrInternal,
	} {
		err := e.Pause(t.Context(), string(code))
		if got := plugins.EngineError(err); got == nil || got.Code != code || got.Message != "as told" {
			t.Errorf("%s came as %v", code, err)
		}
	}
	if got := plugins.EngineError(e.Pause(t.Context(), "invented")); got.Code != plugins.ErrInternal {
		t.Errorf("an invented code came as %s", got.Code)
	}
	if plugins.EngineError(nil) != nil {
		t.Error("nil is an error")
	}
}

func TestTheEndOfAContextIsItsOwnError(t *testing.T) {
	e := startEcho(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := e.Resume(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a call past its deadline answered %v", err)
	}
}

func TestEveryFieldCrossesTheWire(t *testing.T) {
	e := startEcho(t)
	if got, err := e.Statistics(t.Context(), "a"); err != nil || !reflect.DeepEqual(got, figures) {
		t.Errorf("Statistics: %+v, %v", got, err)
	}
	if got, err := e.Files(t.Context(), "a"); err != nil || !reflect.DeepEqual(got, places) {
		t.Errorf("Files: %+v, %v", got, err)
	}
	if err := e.Prioritise(t.Context(), "a", []plugins.PriorityRange{urgencies[2], urgencies[0], urgencies[1]}); err != nil {
		t.Errorf("Prioritise: %v", err)
	}
	req := request
	req.Dir, req.Skip = t.TempDir(), []plugins.Range{request.Skip[1], request.Skip[0]}
	if err := e.Add(t.Context(), req); err != nil {
		t.Errorf("Add: %v", err)
	}
	events, err := e.Events(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range moments {
		want.At = time.Unix(1, int64(i))
		if got := <-events; !reflect.DeepEqual(got, want) {
			t.Errorf("event %d differs: %v, want %v", i, got.Kind, want.Kind)
		}
	}
}

func TestRangesThatAreNoneAreRefusedBeforeTheWire(t *testing.T) {
	e := startEcho(t)
	for name, span := range map[string]plugins.Range{
		"empty": {Begin: 3, End: 3}, "backwards": {Begin: 3, End: 2}, "negative": {Begin: -1, End: 2}, "beyond the limit": {Begin: 0, End: 1<<21 + 1},
	} {
		for _, err := range []error{
			e.Skip(t.Context(), "a", []plugins.Range{span}),
			e.Release(t.Context(), "a", []plugins.Range{span}),
			e.Prioritise(t.Context(), "a", []plugins.PriorityRange{{Range: span}}),
			e.Add(t.Context(), plugins.AddRequest{ID: "a", Skip: []plugins.Range{span}}),
		} {
			if plugins.EngineError(err).Code != plugins.ErrInvalid {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
