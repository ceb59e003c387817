package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/plugins"
)

// runningAgent is a real agent at work.
type runningAgent struct {
	*Agent
	cp   *controlPlane
	stop func()
}

// agent starts one on dir, with short times; the answered one has reported already.
func (cp *controlPlane) agent(dir string, change ...func(*Agent)) *runningAgent {
	return cp.agentWith(Config{Dir: dir, Engines: []plugins.Spec{fakeEngine()}}, change...)
}

func (cp *controlPlane) agentWith(cfg Config, change ...func(*Agent)) *runningAgent {
	cp.t.Helper()
	cfg.Server, cfg.Token = cp.server.URL, "token"
	cfg.Logger = slog.New(slog.NewTextHandler(testWriter{cp.t}, &slog.HandlerOptions{Level: slog.LevelInfo}))
	a, err := New(cfg)
	if err != nil {
		cp.t.Fatal(err)
	}
	for _, fn := range change {
		fn(a)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	r := &runningAgent{Agent: a, cp: cp, stop: sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			cp.t.Errorf("the agent ended with %v", err)
		}
	})}
	cp.t.Cleanup(r.stop)
	cp.await("the agent's first report", func() bool {
		return slices.ContainsFunc(cp.reports, func(req collections.ReportRequest) bool { return req.StartID == a.startID })
	})
	return r
}

// testWriter logs to the test, until it is over.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Logf("%s", bytes.TrimSpace(b))
	return len(b), nil
}

// claims are good ones for the agent's API.
func claims() jwt.RegisteredClaims {
	now := time.Now()
	return jwt.RegisteredClaims{
		Issuer: testIssuer, Audience: jwt.ClaimStrings{"agent1"},
		IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(collections.TokenTTL)),
	}
}

// call sends a request to the agent's API as the control plane does and answers the status and the body.
func (r *runningAgent) call(method, path string, in any) (int, []byte) {
	r.cp.t.Helper()
	token, err := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims()).SignedString(r.cp.key)
	if err != nil {
		r.cp.t.Fatal(err)
	}
	return r.callWith(token, method, path, in)
}

func (r *runningAgent) callWith(token, method, path string, in any) (int, []byte) {
	r.cp.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		r.cp.t.Fatal(err)
	}
	req, err := http.NewRequest(method, "http://"+r.identity.Listen+path, bytes.NewReader(body))
	if err != nil {
		r.cp.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.cp.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		r.cp.t.Fatal(err)
	}
	return resp.StatusCode, answer
}

// mustStart starts an attempt.
func (r *runningAgent) mustStart(req collections.StartRequest) collections.AgentStatus {
	r.cp.t.Helper()
	status, body := r.call(http.MethodPost, "/start", req)
	var answer collections.AgentStatus
	if err := json.Unmarshal(body, &answer); err != nil || status != http.StatusOK {
		r.cp.t.Fatalf("start was answered %d %s", status, body)
	}
	return answer
}

// idle says whether neither a job nor scratch data are left.
func (r *runningAgent) idle() bool {
	held, err := r.scratch.held()
	return err == nil && len(held) == 0 && len(r.active()) == 0
}
