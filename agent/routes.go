package agent

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/longshore-project/longshore/collections"
)

// maxStartBytes leaves room for a metainfo in base64 and a hundred URLs.
const maxStartBytes = 20 << 20

// routes is the agent's whole API.
func (a *Agent) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /start", a.postStart)
	mux.HandleFunc("POST /stop", a.postStop)
	mux.HandleFunc("GET /status/{jobId}", a.getStatus)
	mux.HandleFunc("GET /files/{jobId}", a.getFiles)
	mux.HandleFunc("GET /health", a.getHealth)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { writeError(w, notFound("There is no such route.")) })
	return a.authenticated(mux)
}

func (a *Agent) postStart(w http.ResponseWriter, r *http.Request) {
	var req collections.StartRequest
	if err := readJSON(w, r, maxStartBytes, &req); err != nil {
		writeError(w, err)
		return
	}
	if err := checkStart(&req); err != nil {
		writeError(w, err)
		return
	}
	status, err := a.start(req) //nolint:contextcheck // the attempt outlives the request
	answer(w, status, err)
}

func checkStart(req *collections.StartRequest) error {
	if !validJobID(req.JobID) || req.Attempt < 1 {
		return invalidInput("job_id", "A start needs a job id and an attempt from 1.")
	}
	if req.Inherit != "" && !validJobID(req.Inherit) {
		return invalidInput("inherit", "This is no job id.")
	}
	if _, err := collections.ParseInfohash(req.Infohash); err != nil {
		return invalidInput("infohash", "The infohash is not one.")
	}
	if req.Magnet == "" && len(req.Metainfo) == 0 {
		return invalidInput("magnet", "A start needs a magnet or a metainfo.")
	}
	return nil
}

func (a *Agent) postStop(w http.ResponseWriter, r *http.Request) {
	var req collections.StopRequest
	if err := readJSON(w, r, collections.MaxJSONBytes, &req); err != nil {
		writeError(w, err)
		return
	}
	if !validJobID(req.JobID) {
		writeError(w, invalidInput("job_id", "A stop needs a job id."))
		return
	}
	answer(w, struct{}{}, a.stop(r.Context(), req))
}

func (a *Agent) getStatus(w http.ResponseWriter, r *http.Request) {
	status, err := a.reports.status(r.PathValue("jobId"))
	answer(w, status, err)
}

func (a *Agent) getFiles(w http.ResponseWriter, r *http.Request) {
	files, err := a.files(r.Context(), r.PathValue("jobId"))
	answer(w, files, err)
}

func (a *Agent) files(ctx context.Context, jobID string) ([]collections.AgentFile, error) {
	j := a.find(jobID)
	if j == nil {
		return nil, notFound("This job does not run here.")
	}
	result := make(chan []collections.AgentFile, 1)
	j.post(func() { result <- j.files() })
	select {
	case files := <-result:
		return files, nil
	case <-j.done:
		return nil, notFound("This job does not run here.")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (a *Agent) getHealth(w http.ResponseWriter, r *http.Request) { answer(w, a.health(), nil) }

// readJSON reads a body of at most limit bytes.
func readJSON(w http.ResponseWriter, r *http.Request, limit int64, into any) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return collections.Errorf(collections.CodeTooLarge, "The body is larger than %d bytes.", limit)
	}
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		return &collections.Error{Code: collections.CodeInvalidInput, Message: "The body is not the JSON that is expected here.", Cause: err}
	}
	return nil
}

func invalidInput(field, message string) error {
	return &collections.Error{
		Code: collections.CodeInvalidInput, Message: message,
		Data: map[string]any{field: map[string]any{"code": "invalid", "message": message}},
	}
}

func notFound(message string) error {
	return &collections.Error{Code: collections.CodeNotFound, Message: message}
}

// answer writes body, or err when it is set.
func answer(w http.ResponseWriter, body any, err error) {
	if err != nil {
		writeError(w, err)
		return
	}
	writeJSON(w, http.StatusOK, body)
}

// writeError translates an error into the shape all of Longshore's APIs share.
func writeError(w http.ResponseWriter, err error) {
	e, ok := errors.AsType[*collections.Error](err)
	if !ok {
		e = &collections.Error{Code: collections.CodeInternal, Message: "The agent failed to do this."}
	}
	data := e.Data
	if data == nil {
		data = map[string]any{}
	}
	writeJSON(w, e.Code.HTTPStatus(), map[string]any{
		"status": e.Code.HTTPStatus(), "code": e.Code, "message": e.Message, "data": data,
	})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
