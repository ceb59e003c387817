package agent

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/plugins"
	"github.com/longshore-project/longshore/plugins/fake"
)

// get reads an answer of the agent's API.
func (r *runningAgent) get(path string, into any) int {
	r.cp.t.Helper()
	status, body := r.call(http.MethodGet, path, nil)
	if err := json.Unmarshal(body, into); err != nil {
		r.cp.t.Fatalf("%s: %d %s", path, status, body)
	}
	return status
}

func TestStatusAndFilesOfAJob(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	torrent := makeScript(t, fake.Params{Mode: fake.Stall, At: 100, Size: 3 * 100_000, Files: 3, PieceLength: 64 << 10})
	j := cp.job("job1")
	j.finishes, j.selection = false, []int{0, 2}
	a := cp.agent(t.TempDir())
	a.mustStart(torrent.start("job1", 1))
	cp.await("all is stored", func() bool { return len(j.done) == 2 })
	var status collections.AgentStatus
	if code := a.get("/status/job1", &status); code != http.StatusOK || status.State != collections.AgentUploading || status.StoredBytes != 200_000 {
		t.Errorf("%d %+v", code, status)
	}
	var files []collections.AgentFile
	a.get("/files/job1", &files)
	want := []collections.AgentFile{
		{Index: 0, Path: torrent.Files[0].Path, SizeBytes: 100_000, DoneBytes: 100_000, Wanted: true},
		{Index: 1, Path: torrent.Files[1].Path, SizeBytes: 100_000},
		{Index: 2, Path: torrent.Files[2].Path, SizeBytes: 100_000, DoneBytes: 100_000, Wanted: true},
	}
	if !slices.Equal(files, want) {
		t.Errorf("files are %+v", files)
	}
}

func TestHealthNamesTheEngines(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, script := range map[string]string{
		"longshore-engine-mine": "#!/bin/sh\nexec " + self + " engine fake\n", "readme": "", "longshore-engine-notes.txt": "",
	} {
		mode := os.FileMode(0o600)
		if script != "" {
			mode = 0o700
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), mode); err != nil {
			t.Fatal(err)
		}
	}
	a := cp.agentWith(Config{Dir: t.TempDir(), EngineDir: dir, Version: "1.2.3", Engines: []plugins.Spec{fakeEngine()}})
	var health collections.AgentHealth
	eventually(t, "both engines have told what they are", func() bool {
		a.get("/health", &health)
		return len(health.Engines) == 2 && health.Engines[0].Version != "" && health.Engines[1].Version != ""
	})
	if health.Engines[0].Name != "fake" || health.Engines[1].Name != "mine" || !slices.Contains(health.Engines[1].Capabilities, "ranges") {
		t.Errorf("engines are %+v", health.Engines)
	}
	if health.AgentID != "agent1" || health.StartID != a.startID || health.Version != "1.2.3" || health.Slots != defaultSlots {
		t.Errorf("health is %+v", health)
	}
}
