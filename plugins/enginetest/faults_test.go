package enginetest_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/longshore-project/longshore/plugins"
	"github.com/longshore-project/longshore/plugins/fake"
)

// faulty is the fake engine with one fault, to show that the suite finds it.
type faulty struct {
	*fake.Engine
	fault string
}

func (f faulty) Add(ctx context.Context, req plugins.AddRequest) error {
	switch f.fault {
	case "forgets what to skip":
		req.Skip = nil
	case "ignores the selection":
		req.Selection = nil
	case "does not wait when paused":
		req.Paused = false
	case "makes a link":
		os.Symlink("/etc/passwd", filepath.Join(req.Dir, "link"))
	case "writes outside":
		os.WriteFile(filepath.Join(filepath.Dir(req.Dir), "outside"), nil, 0o600)
	case "writes for a magnet":
		os.WriteFile(filepath.Join(req.Dir, "early"), nil, 0o600)
	case "forgets what was released":
		os.Remove(filepath.Join(req.Dir, ".longshore-released"))
	}
	return f.Engine.Add(ctx, req)
}

func (f faulty) Pause(ctx context.Context, id string) error {
	if f.fault == "does not pause" || f.fault == "knows every id" {
		return nil
	}
	return f.Engine.Pause(ctx, id)
}

func (f faulty) Prioritise(ctx context.Context, id string, ranges []plugins.PriorityRange) error {
	if f.fault == "ignores priorities" {
		ranges = nil
	}
	return f.Engine.Prioritise(ctx, id, ranges)
}

func (f faulty) Files(ctx context.Context, id string) ([]plugins.File, error) {
	files, err := f.Engine.Files(ctx, id)
	if f.fault == "leads outside" && err == nil {
		files[0].Path = "../torrent/" + files[0].Path
	}
	return files, err
}

func (f faulty) Events(ctx context.Context) (<-chan plugins.Event, error) {
	events, err := f.Engine.Events(ctx)
	if err != nil {
		return nil, err
	}
	out := make(chan plugins.Event)
	go func() {
		defer close(out)
		for e := range events {
			for _, e := range f.distort(e) {
				out <- e
			}
		}
	}()
	return out, nil
}

func (f faulty) distort(e plugins.Event) []plugins.Event {
	switch {
	case e.Kind != plugins.EventVerified:
	case f.fault == "tells pieces twice":
		return []plugins.Event{e, e}
	case f.fault == "tells pieces that have not come":
		e.Ranges[len(e.Ranges)-1].End++
	case f.fault == "tells a piece short":
		e.Ranges = e.Ranges[1:]
	}
	return []plugins.Event{e}
}

func TestTheSuiteFindsFaults(t *testing.T) {
	cases := []struct{ fault, found string }{
		{"forgets what to skip", "skipped_pieces_are_never"},
		{"ignores the selection", "only_pieces_of_selected"},
		{"does not wait when paused", "added_paused_waits"},
		{"makes a link", "a_single_file"},
		{"writes outside", "a_single_file"},
		{"leads outside", "a_single_file"},
		{"writes for a magnet", "a_magnet_tells"},
		{"forgets what was released", "released_pieces_lose"},
		{"does not pause", "Pause_ends"},
		{"knows every id", "unknown_id"},
		{"ignores priorities", "higher_priorities"},
		{"tells pieces twice", "a_single_file"},
		{"tells pieces that have not come", "a_single_file"},
		{"tells a piece short", "a_single_file"},
	}
	for _, c := range cases {
		t.Run("an engine that "+c.fault, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTheFakeEngineKeepsTheContract$/"+c.found)
			cmd.Env = append(os.Environ(), faultKey+"="+c.fault)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: TestTheFakeEngineKeepsTheContract/") {
				t.Errorf("the suite passed: %v\n%s", err, out)
			}
		})
	}
}
