package api

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/dispatch"
	"github.com/longshore-project/longshore/storage"
)

// AgentRoutes answers what agents ask of the control plane, for a listener of its own. store
// takes the parts of a local store, nil when the store is elsewhere; its URLs carry their own signatures.
func AgentRoutes(d *dispatch.Dispatcher, store http.Handler) http.Handler {
	r := agentRoutes{d}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/agents/enrol", r.enrol)
	mux.HandleFunc("GET /api/v1/agents/self", r.signed(r.self))
	mux.HandleFunc("POST /api/v1/jobs/callback", r.signed(r.callback))
	mux.HandleFunc("PUT /api/v1/jobs/{id}/metainfo", r.signed(r.metainfo))
	mux.HandleFunc("POST /api/v1/jobs/{id}/uploads", r.signed(r.uploads))
	if store != nil {
		mux.Handle(storage.StoragePath, store)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		WriteError(w, collections.Errorf(collections.CodeNotFound, "There is nothing here."))
	})
	return mux
}

type agentRoutes struct{ d *dispatch.Dispatcher }

// signed lets only agents in whose token holds; h answers a body or an error.
func (r agentRoutes) signed(h func(w http.ResponseWriter, req *http.Request, agentID string) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		token, _ := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
		agentID, err := r.d.Authenticate(token)
		if err != nil {
			WriteError(w, err)
			return
		}
		body, err := h(w, req, agentID)
		answerAgent(w, req, http.StatusOK, body, err, slog.String("agent", agentID))
	}
}

func answerAgent(w http.ResponseWriter, req *http.Request, status int, body any, err error, attrs ...any) {
	if err != nil {
		if code := asCoded(err).Code; code.HTTPStatus() >= http.StatusInternalServerError {
			slog.Error("an agent's request failed", append(attrs, "path", req.URL.Path, "request_id", req.Header.Get("X-Request-Id"), "error", err)...)
		}
		WriteError(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a lost agent asks again
}

func (r agentRoutes) enrol(w http.ResponseWriter, req *http.Request) {
	var in collections.EnrolRequest
	err := readAgentJSON(w, req, collections.MaxJSONBytes, &in)
	if err != nil {
		WriteError(w, err)
		return
	}
	reply, err := r.d.Enrol(req.Context(), in)
	answerAgent(w, req, http.StatusCreated, reply, err)
}

// self tells an agent that its identity holds.
func (r agentRoutes) self(_ http.ResponseWriter, _ *http.Request, agentID string) (any, error) {
	return collections.AgentSelf{AgentID: agentID}, nil
}

func (r agentRoutes) callback(w http.ResponseWriter, req *http.Request, agentID string) (any, error) {
	var in collections.ReportRequest
	if err := readAgentJSON(w, req, collections.MaxReportBytes, &in); err != nil {
		return nil, err
	}
	if in.StartID == "" || len(in.StartID) > 64 || in.Seq < 1 {
		return nil, collections.Errorf(collections.CodeInvalidInput, "A report has a start_id and a seq from 1.")
	}
	reply, err := r.d.Report(req.Context(), agentID, in)
	if err == nil && allStale(reply.Jobs) {
		return nil, &collections.Error{
			Code: collections.CodeAttemptStale, Message: "Every attempt of this report is over.", Data: map[string]any{"jobs": reply.Jobs},
		}
	}
	return reply, err
}

func allStale(jobs []collections.JobReply) bool {
	for _, job := range jobs {
		if job.Code != collections.CodeAttemptStale {
			return false
		}
	}
	return len(jobs) > 0
}

func (r agentRoutes) metainfo(w http.ResponseWriter, req *http.Request, agentID string) (any, error) {
	attempt, err := attemptOf(req)
	if err != nil {
		return nil, err
	}
	info, err := io.ReadAll(http.MaxBytesReader(w, req.Body, collections.MaxMetadataBytes))
	if err != nil {
		return nil, err
	}
	return r.d.Metainfo(req.Context(), agentID, req.PathValue("id"), attempt, info)
}

func (r agentRoutes) uploads(w http.ResponseWriter, req *http.Request, agentID string) (any, error) {
	var in collections.URLsRequest
	if err := readAgentJSON(w, req, collections.MaxJSONBytes, &in); err != nil {
		return nil, err
	}
	return r.d.URLs(req.Context(), agentID, req.PathValue("id"), in)
}

func attemptOf(req *http.Request) (int64, error) {
	attempt, err := strconv.ParseInt(req.URL.Query().Get("attempt"), 10, 64)
	if err != nil {
		return 0, collections.Errorf(collections.CodeInvalidInput, "attempt is a whole number.")
	}
	return attempt, nil
}

func readAgentJSON(w http.ResponseWriter, req *http.Request, limit int64, into any) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, limit))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return collections.Errorf(collections.CodeInvalidInput, "The body is not the JSON that was expected: %w", err)
	}
	return nil
}
