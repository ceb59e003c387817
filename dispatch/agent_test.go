package dispatch_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/longshore-project/longshore/api"
	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/dispatch"
)

// testAgent is an agent whose every word is scripted by the test. Its API is a real HTTP server.
type testAgent struct {
	r       *rig
	id      string
	key     ed25519.PrivateKey
	issuer  string
	control ed25519.PublicKey
	server  *httptest.Server
	startID string
	seq     int64
	slots   int
	engines []collections.EngineHealth
	drain   bool
	last    collections.ReportRequest

	mu      sync.Mutex
	onStart func(collections.StartRequest) error
	starts  []collections.StartRequest
	stops   []collections.StopRequest
}

func (r *rig) newAgent(local bool) *testAgent {
	r.t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	r.must(err)
	a := &testAgent{r: r, key: private, startID: "start-1", slots: 4, engines: []collections.EngineHealth{{Name: "anacrolix"}}}
	a.server = httptest.NewServer(http.HandlerFunc(a.serve))
	r.t.Cleanup(a.server.Close)
	token, err := dispatch.NewAgentToken(r.app, local, time.Hour)
	r.must(err)
	var reply collections.EnrolReply
	r.must(a.post("/api/v1/agents/enrol", collections.EnrolRequest{Token: token, Name: "test", PublicKey: public, Advertise: a.server.URL}, &reply))
	a.id, a.issuer, a.control = reply.AgentID, reply.Issuer, reply.PublicKey
	return a
}

// serve is the agent's API.
func (a *testAgent) serve(w http.ResponseWriter, req *http.Request) {
	if err := a.checkToken(req); err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	var err error
	switch req.URL.Path {
	case "/start":
		err = a.take(req)
	case "/stop":
		var stop collections.StopRequest
		if err = json.NewDecoder(req.Body).Decode(&stop); err == nil {
			a.mu.Lock()
			a.stops = append(a.stops, stop)
			a.mu.Unlock()
		}
	}
	if err != nil {
		code := collections.CodeOf(err)
		w.WriteHeader(code.HTTPStatus())
		_ = json.NewEncoder(w).Encode(map[string]any{"code": code, "message": err.Error()})
	}
}

func (a *testAgent) take(req *http.Request) error {
	var start collections.StartRequest
	if err := json.NewDecoder(req.Body).Decode(&start); err != nil {
		return err
	}
	a.mu.Lock()
	a.starts = append(a.starts, start)
	onStart := a.onStart
	a.mu.Unlock()
	if onStart != nil {
		return onStart(start)
	}
	return nil
}

func (a *testAgent) checkToken(req *http.Request) error {
	token, _ := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
	_, err := jwt.ParseWithClaims(token, &jwt.RegisteredClaims{}, func(*jwt.Token) (any, error) { return a.control, nil },
		jwt.WithValidMethods([]string{"EdDSA"}), jwt.WithAudience(a.id), jwt.WithIssuer(a.issuer), jwt.WithTimeFunc(a.r.clock.Now), jwt.WithExpirationRequired())
	return err
}

func (a *testAgent) bearer(claims jwt.RegisteredClaims) string {
	token, err := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims).SignedString(a.key)
	a.r.must(err)
	return token
}

func (a *testAgent) claims() jwt.RegisteredClaims {
	now := a.r.clock.Now()
	return jwt.RegisteredClaims{
		Issuer: a.id, Subject: a.id, Audience: jwt.ClaimStrings{a.issuer},
		IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(collections.TokenTTL)),
	}
}

func (a *testAgent) post(path string, in, out any) error {
	b, err := json.Marshal(in)
	a.r.must(err)
	return a.send(http.MethodPost, path, b, out)
}

// send answers the error that the control plane tells, with its code.
func (a *testAgent) send(method, path string, b []byte, out any) error {
	req, err := http.NewRequest(method, a.r.url+path, bytes.NewReader(b))
	a.r.must(err)
	if a.id != "" {
		req.Header.Set("Authorization", "Bearer "+a.bearer(a.claims()))
	}
	resp, err := http.DefaultClient.Do(req)
	a.r.must(err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	a.r.must(err)
	if resp.StatusCode/100 != 2 {
		var body api.ErrorBody
		a.r.must(json.Unmarshal(answer, &body))
		return &collections.Error{Code: body.Code, Message: body.Message, Data: body.Data}
	}
	return json.Unmarshal(answer, out)
}

func (a *testAgent) health() collections.AgentHealth {
	return collections.AgentHealth{AgentID: a.id, StartID: a.startID, Slots: a.slots, Engines: a.engines, Draining: a.drain}
}

// tryReport sends the next report.
func (a *testAgent) tryReport(jobs ...collections.JobReport) (collections.ReportReply, error) {
	a.seq++
	a.last = collections.ReportRequest{StartID: a.startID, Seq: a.seq, Answered: a.seq - 1, Health: a.health(), Jobs: jobs}
	return a.again()
}

// again sends the last report once more.
func (a *testAgent) again() (reply collections.ReportReply, err error) {
	return reply, a.post("/api/v1/jobs/callback", a.last, &reply)
}

func (a *testAgent) report(jobs ...collections.JobReport) collections.ReportReply {
	a.r.t.Helper()
	reply, err := a.tryReport(jobs...)
	a.r.must(err)
	return reply
}

// restart forgets all and comes back under a new start id.
func (a *testAgent) restart() { a.startID, a.seq = a.startID+"+", 0 }

// started waits for the n-th start (from 1).
func (a *testAgent) started(n int) collections.StartRequest {
	a.r.t.Helper()
	var start collections.StartRequest
	a.r.until(fmt.Sprintf("start %d", n), func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		if len(a.starts) < n {
			return false
		}
		start = a.starts[n-1]
		return true
	})
	return start
}

func (a *testAgent) stopped(n int) collections.StopRequest {
	a.r.t.Helper()
	var stop collections.StopRequest
	a.r.until(fmt.Sprintf("stop %d", n), func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		if len(a.stops) < n {
			return false
		}
		stop = a.stops[n-1]
		return true
	})
	return stop
}

func (a *testAgent) urls(start collections.StartRequest, canLink bool, refs ...collections.PartRef) []collections.URL {
	a.r.t.Helper()
	var reply collections.URLsReply
	a.r.must(a.post("/api/v1/jobs/"+start.JobID+"/uploads", collections.URLsRequest{Attempt: start.Attempt, Parts: refs, CanLink: canLink}, &reply))
	return reply.URLs
}

// put uploads bytes to a presigned URL and answers what is to be reported.
func (a *testAgent) put(url collections.URL, b []byte) collections.PartDone {
	a.r.t.Helper()
	done, err := a.tryPut(url, b)
	a.r.must(err)
	return done
}

func (a *testAgent) tryPut(url collections.URL, b []byte) (collections.PartDone, error) {
	req, err := http.NewRequest(http.MethodPut, url.URL, bytes.NewReader(b))
	if err != nil {
		return collections.PartDone{}, err
	}
	for name, value := range url.Headers {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return collections.PartDone{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		answer, _ := io.ReadAll(resp.Body)
		return collections.PartDone{}, fmt.Errorf("PUT of file %d part %d: %s: %s", url.File, url.Number, resp.Status, answer)
	}
	return collections.PartDone{File: url.File, Number: url.Number, Size: int64(len(b)), ETag: resp.Header.Get("ETag"), Key: url.Key}, nil
}

func downloading(start collections.StartRequest, parts ...collections.PartDone) collections.JobReport {
	return collections.JobReport{JobID: start.JobID, Attempt: start.Attempt, State: collections.AgentDownloading, ETASeconds: -1, Parts: parts}
}

func in(state collections.AgentState, start collections.StartRequest, parts ...collections.PartDone) collections.JobReport {
	r := downloading(start, parts...)
	r.State = state
	return r
}
