package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/longshore-project/longshore/plugins/enginetest"
)

// The main job in a real Chromium; the steps are in web/e2e. The seeder is slow, so that progress is seen to move.
func TestMainJobInTheBrowser(t *testing.T) {
	p := enginetest.NewPayload(t,
		enginetest.PayloadFile{Name: "film.mkv", Size: 48 << 20},
		enginetest.PayloadFile{Name: "extras/notes.txt", Size: 1200},
		enginetest.PayloadFile{Name: "extras/Ünïcode/Träiler.mp4", Size: 300_000},
		enginetest.PayloadFile{Name: "extras/empty.dat", Size: 0},
	)
	tracker := enginetest.NewTracker(t)
	enginetest.NewSeeder(t, p, enginetest.SeederOptions{Rate: 4 << 20, Trackers: []string{tracker.URL}})
	s := startServer(t, nil)
	hashes, err := json.Marshal(p.Hashes())
	must(t, err)
	web, err := filepath.Abs("../web")
	must(t, err)
	cmd := exec.Command("npm", "run", "e2e")
	cmd.Dir = web
	cmd.Env = append(os.Environ(),
		"LONGSHORE_URL="+s.url, "LONGSHORE_SETUP_URL="+s.setup,
		"LONGSHORE_TEST_MAGNET="+p.Magnet(tracker.URL), "LONGSHORE_TEST_SHA256="+string(hashes))
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("the browser test failed: %v", err)
	}
	s.mustPassDoctor(t)
}
