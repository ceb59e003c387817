package agent

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/longshore-project/longshore/collections"
)

const testIssuer = "control-plane"

// controlPlane speaks the control plane's side of the wire over real HTTP, and keeps what is
// PUT to its presigned URLs on disk, as an object store does. The agent under test is real in all its parts.
type controlPlane struct {
	t       *testing.T
	server  *httptest.Server
	key     ed25519.PrivateKey
	objects string

	mu       sync.Mutex
	agentKey ed25519.PublicKey
	tokens   map[string]bool
	jobs     map[string]*testJob
	reports  []collections.ReportRequest
	largest  int  // bytes of a report
	away     bool // nothing is answered
	urlTTL   time.Duration
	refuse   func(job *testJob, ref collections.PartRef, url string) int // status a PUT is refused with
	linkDir  string
	signed   int // URLs given out
}

// testJob is the control plane's record of a job.
type testJob struct {
	id        string
	attempt   int64
	meta      *collections.Metainfo
	selection []int
	desired   collections.Desired
	ended     bool // answered job_ended
	finishes  bool // ends by itself when all is stored
	stored    *collections.Stored
	linked    map[string]string // paths handed out, by key
	done      map[collections.PartRef]collections.PartDone
	puts      map[collections.PartRef]int
	bytesPut  int64
	states    []collections.AgentState
	last      collections.JobReport
	metainfos int
	reply     func(collections.MetainfoReply) collections.MetainfoReply
}

func newControlPlane(t *testing.T) *controlPlane {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = public
	cp := &controlPlane{
		t: t, key: private, objects: t.TempDir(), tokens: map[string]bool{"token": true},
		jobs: map[string]*testJob{}, urlTTL: time.Hour,
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/agents/enrol", cp.enrol)
	mux.HandleFunc("GET /api/v1/agents/self", cp.signedBy(func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, collections.AgentSelf{AgentID: "agent1"})
	}))
	mux.HandleFunc("POST /api/v1/jobs/callback", cp.signedBy(cp.callback))
	mux.HandleFunc("PUT /api/v1/jobs/{id}/metainfo", cp.signedBy(cp.metainfo))
	mux.HandleFunc("POST /api/v1/jobs/{id}/uploads", cp.signedBy(cp.uploads))
	mux.HandleFunc("PUT /store/{job}/{file}/{number}", cp.store)
	cp.server = httptest.NewServer(cp.present(mux))
	t.Cleanup(cp.server.Close)
	return cp
}

// present breaks every connection while the control plane is away.
func (cp *controlPlane) present(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cp.mu.Lock()
		away := cp.away
		cp.mu.Unlock()
		if away && r.Method != http.MethodPut {
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	})
}

func (cp *controlPlane) enrol(w http.ResponseWriter, r *http.Request) {
	var req collections.EnrolRequest
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		writeError(w, err)
		return
	}
	cp.mu.Lock()
	defer cp.mu.Unlock()
	if !cp.tokens[req.Token] {
		writeError(w, collections.Errorf(collections.CodeUnauthorized, "The token is not valid."))
		return
	}
	delete(cp.tokens, req.Token)
	cp.agentKey = req.PublicKey
	writeJSON(w, http.StatusCreated, collections.EnrolReply{AgentID: "agent1", Issuer: testIssuer, PublicKey: cp.key.Public().(ed25519.PublicKey)})
}

func (cp *controlPlane) signedBy(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, err := jwt.NewParser(jwt.WithValidMethods([]string{"EdDSA"}), jwt.WithAudience(testIssuer), jwt.WithIssuer("agent1"),
			jwt.WithSubject("agent1"), jwt.WithExpirationRequired(), jwt.WithIssuedAt()).
			Parse(r.Header.Get("Authorization")[len("Bearer "):], func(*jwt.Token) (any, error) { return cp.agentKey, nil })
		if err != nil {
			writeError(w, collections.Errorf(collections.CodeUnauthorized, "The token is not valid: %w", err))
			return
		}
		next(w, r)
	}
}

func (cp *controlPlane) callback(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var req collections.ReportRequest
	if err == nil {
		err = json.Unmarshal(body, &req)
	}
	if err != nil || len(body) > collections.MaxReportBytes {
		writeError(w, collections.Errorf(collections.CodeTooLarge, "bad report of %d bytes: %v", len(body), err))
		return
	}
	cp.mu.Lock()
	defer cp.mu.Unlock()
	cp.reports = append(cp.reports, req)
	cp.largest = max(cp.largest, len(body))
	reply := collections.ReportReply{}
	for _, report := range req.Jobs {
		reply.Jobs = append(reply.Jobs, cp.take(report))
	}
	writeJSON(w, http.StatusOK, reply)
}

func (cp *controlPlane) take(report collections.JobReport) collections.JobReply {
	j := cp.jobs[report.JobID]
	if j == nil {
		return collections.JobReply{JobID: report.JobID, Code: collections.CodeJobEnded}
	}
	reply := collections.JobReply{JobID: j.id, Attempt: j.attempt, Desired: j.desired}
	if report.State == collections.AgentHeld {
		if j.ended {
			reply.Code = collections.CodeJobEnded
		}
		j.states = append(j.states, report.State)
		return reply
	}
	if report.Attempt != j.attempt {
		reply.Code = collections.CodeAttemptStale
		return reply
	}
	j.last = report
	if n := len(j.states); n == 0 || j.states[n-1] != report.State {
		j.states = append(j.states, report.State)
	}
	for _, d := range report.Parts {
		j.done[collections.PartRef{File: d.File, Number: d.Number}] = d
	}
	reply.Stored, j.stored = j.stored, nil
	if j.finishes && j.complete() {
		j.ended = true
	}
	if j.ended {
		reply.Code = collections.CodeJobEnded
	}
	return reply
}

// complete says whether every selected file with bytes is in the store.
func (j *testJob) complete() bool {
	if j.meta == nil {
		return false
	}
	for _, i := range selectedFiles(j.meta, j.selection) {
		if _, linked := j.done[collections.PartRef{File: i}]; linked {
			continue
		}
		size := j.meta.Files[i].Size
		for n := 1; n <= collections.PartCount(size, collections.PartSize(size)); n++ {
			if _, ok := j.done[collections.PartRef{File: i, Number: n}]; !ok {
				return false
			}
		}
	}
	return true
}

func (j *testJob) account() (s collections.Stored) {
	byFile := map[int][]int{}
	for ref := range j.done {
		byFile[ref.File] = append(byFile[ref.File], ref.Number)
	}
	for file, numbers := range byFile {
		slices.Sort(numbers)
		size := j.meta.Files[file].Size
		if numbers[0] == 0 || len(numbers) == collections.PartCount(size, collections.PartSize(size)) {
			s.Files = append(s.Files, file)
		} else {
			s.Parts = append(s.Parts, collections.StoredParts{File: file, Numbers: numbers})
		}
	}
	return s
}

func (cp *controlPlane) metainfo(w http.ResponseWriter, r *http.Request) {
	info, _ := io.ReadAll(r.Body)
	cp.mu.Lock()
	defer cp.mu.Unlock()
	j := cp.jobs[r.PathValue("id")]
	if r.URL.Query().Get("attempt") != strconv.FormatInt(j.attempt, 10) {
		writeError(w, stale(j.id))
		return
	}
	meta, err := collections.ParseInfo(info)
	if err != nil {
		writeError(w, err)
		return
	}
	j.meta = meta
	j.metainfos++
	reply := collections.MetainfoReply{Selection: j.selection, Stored: j.account()}
	if j.reply != nil {
		reply = j.reply(reply)
	}
	writeJSON(w, http.StatusOK, reply)
}

func (cp *controlPlane) uploads(w http.ResponseWriter, r *http.Request) {
	var req collections.URLsRequest
	_ = json.NewDecoder(r.Body).Decode(&req)
	cp.mu.Lock()
	defer cp.mu.Unlock()
	j := cp.jobs[r.PathValue("id")]
	if req.Attempt != j.attempt {
		writeError(w, stale(j.id))
		return
	}
	var reply collections.URLsReply
	for _, ref := range req.Parts {
		if url, ok := cp.sign(j, ref, req.CanLink); ok {
			reply.URLs = append(reply.URLs, url)
		}
	}
	writeJSON(w, http.StatusOK, reply)
}

func (cp *controlPlane) sign(j *testJob, ref collections.PartRef, canLink bool) (collections.URL, bool) {
	cp.signed++
	url := collections.URL{File: ref.File, Number: ref.Number, ExpiresAt: time.Now().Add(cp.urlTTL)}
	size := j.meta.Files[ref.File].Size
	if ref.Number == 0 {
		url.Key = fmt.Sprintf("objects/%s-%d/%d-%d", j.id, ref.File, j.attempt, cp.signed)
		url.LinkPath = filepath.Join(cp.linkDir, fmt.Sprintf("%s-%d-%d", j.id, ref.File, cp.signed))
		j.linked[url.Key] = url.LinkPath
		return url, canLink && cp.linkDir != ""
	}
	if size <= collections.PartSize(size) {
		url.Key = fmt.Sprintf("objects/%s-%d/%d-%d", j.id, ref.File, j.attempt, cp.signed)
	}
	url.URL = fmt.Sprintf("%s/store/%s/%d/%d?attempt=%d&serial=%d", cp.server.URL, j.id, ref.File, ref.Number, j.attempt, cp.signed)
	url.Headers = map[string]string{"X-Signed": "yes"}
	return url, true
}

// job makes the record of a job that is stored in full by its first attempt.
func (cp *controlPlane) job(id string) *testJob {
	cp.mu.Lock()
	defer cp.mu.Unlock()
	j := &testJob{
		id: id, attempt: 1, desired: collections.DesiredRun, finishes: true,
		done: map[collections.PartRef]collections.PartDone{}, puts: map[collections.PartRef]int{}, linked: map[string]string{},
	}
	cp.jobs[id] = j
	return j
}

// see answers a copy of a job's record as it is now.
func (cp *controlPlane) see(j *testJob) *testJob {
	cp.mu.Lock()
	defer cp.mu.Unlock()
	seen := *j
	seen.done, seen.puts, seen.linked = maps.Clone(j.done), maps.Clone(j.puts), maps.Clone(j.linked)
	seen.states = slices.Clone(j.states)
	return &seen
}

// with reads or changes records.
func (cp *controlPlane) with(fn func()) {
	cp.mu.Lock()
	defer cp.mu.Unlock()
	fn()
}

// await waits for a condition on records.
func (cp *controlPlane) await(what string, holds func() bool) {
	cp.t.Helper()
	eventually(cp.t, what, func() bool {
		cp.mu.Lock()
		defer cp.mu.Unlock()
		return holds()
	})
}
