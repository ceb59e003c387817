package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/longshore-project/longshore/plugins/enginetest"
)

// linesOf answers the messages that a program logged with that request id.
func (p *process) linesOf(requestID string) (messages []string) {
	for line := range strings.Lines(p.out.String()) {
		var fields struct {
			Message   string `json:"msg"`
			RequestID string `json:"request_id"`
		}
		if json.Unmarshal([]byte(line), &fields) == nil && fields.RequestID == requestID {
			messages = append(messages, fields.Message)
		}
	}
	return messages
}

// One search by the id of a submission finds what the control plane and the agent logged of it, in two processes.
func TestOneRequestIDIsFoundInEveryLog(t *testing.T) {
	const id = "find-me.42"
	p := enginetest.NewPayload(t, enginetest.PayloadFile{Name: "a.bin", Size: 1<<20 + 7})
	tracker := enginetest.NewTracker(t)
	seed := enginetest.NewSeeder(t, p, enginetest.SeederOptions{Trackers: []string{tracker.URL}})
	defer seed.Close()
	s := startServer(t, nil, "--agent", "none")
	agent := s.startAgent(t, t.TempDir(), strings.TrimSpace(s.command(t, "", "agents", "token")))
	user := signIn(t, s)

	body, _ := json.Marshal(map[string]string{"magnet": p.Magnet(tracker.URL)})
	req, err := http.NewRequest("POST", s.url+"/api/v1/jobs", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-CSRF-Token", user.csrf)
	req.Header.Set("X-Request-Id", id)
	resp, err := user.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var j job
	if err := json.NewDecoder(resp.Body).Decode(&j); err != nil || resp.StatusCode != 201 {
		t.Fatalf("%d, %v", resp.StatusCode, err)
	}
	user.waitStatus(j.ID, "completed", time.Minute)

	for _, c := range []struct {
		process *process
		want    []string
	}{
		{s.process, []string{"a job was accepted", "a job was given to an agent", "an attempt ended"}},
		{agent, []string{"the attempt begins", "the attempt ends"}},
	} {
		for _, want := range c.want {
			eventually(t, c.process.name+" logs "+want, 20*time.Second, func() error {
				if got := c.process.linesOf(id); !strings.Contains(strings.Join(got, "\n"), want) {
					return fmt.Errorf("it logged %q", got)
				}
				return nil
			})
		}
	}
}
