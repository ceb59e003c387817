package agent

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/longshore-project/longshore/collections"
)

func TestWhatAnEngineLogsOfATorrentNamesItsJobAndRequest(t *testing.T) {
	var out bytes.Buffer
	h := &host{torrents: map[string]*job{"job1xabc": {req: collections.StartRequest{JobID: "job1", Attempt: 3, RequestID: "req-1"}}}}
	log := slog.New(engineLog{slog.NewJSONHandler(&out, nil), h}).With("engine", "anacrolix")
	for _, c := range []struct {
		torrent string
		want    map[string]any
	}{
		{"job1xabc", map[string]any{"job": "job1", "attempt": 3.0, "request_id": "req-1", "piece": 7.0, "engine": "anacrolix"}},
		{"job2xabc", map[string]any{"job": "job2xabc", "piece": 7.0, "engine": "anacrolix"}},
	} {
		out.Reset()
		log.Warn("a piece is broken", "job", c.torrent, "piece", 7)
		var line map[string]any
		if err := json.Unmarshal(out.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		for name, value := range c.want {
			if line[name] != value {
				t.Errorf("%s: %s is %v instead of %v", c.torrent, name, line[name], value)
			}
		}
		if _, named := line["request_id"]; named != (c.want["request_id"] != nil) {
			t.Errorf("%s", out.String())
		}
	}
}
