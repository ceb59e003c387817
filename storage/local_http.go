package storage

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strconv"

	"github.com/longshore-project/longshore/collections"
)

// ServeHTTP takes the PUTs and answers the GETs and HEADs of signed URLs. Refusals are
// the API's error body: 403 for an altered or expired link, 404, 507 for a full disk.
func (l *Local) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out := newRollingWriter(w, l.stall)
	defer out.finish()
	shield(out.Header())
	if err := l.serve(out, r); err != nil {
		l.refuse(out, r, err)
	}
}

func (l *Local) serve(w http.ResponseWriter, r *http.Request) error {
	switch r.Method {
	case http.MethodPut, http.MethodGet, http.MethodHead:
	default:
		w.Header().Set("Allow", "GET, HEAD, PUT")
		return errMethod
	}
	k, err := l.openLink(r)
	if err != nil {
		return err
	}
	if k.method == http.MethodPut {
		return l.servePut(w, r, k)
	}
	return l.serveGet(w, r, k)
}

// shield keeps people's bytes from acting in the origin of the app.
func shield(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "private, no-transform")
}

var (
	errMethod   = errors.New("storage: method not allowed")
	errSender   = errors.New("storage: the body did not come whole")
	errReplaced = errors.New("storage: another request took over")
)

// refusal is an error as HTTP tells it.
type refusal struct {
	Status  int              `json:"status"`
	Code    collections.Code `json:"code"`
	Message string           `json:"message"`
	Data    struct{}         `json:"data"`
}

func (l *Local) refuse(w http.ResponseWriter, r *http.Request, err error) {
	answer := explain(err)
	if answer.Status == http.StatusInternalServerError {
		l.cfg.Logger.Error("storage: request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	body, _ := json.Marshal(answer)
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(answer.Status)
	w.Write(body)
}

func explain(err error) refusal {
	known, isKnown := errors.AsType[*collections.Error](err)
	switch {
	case isKnown:
		return refusal{Status: known.Code.HTTPStatus(), Code: known.Code, Message: known.Message}
	case errors.Is(err, errMethod):
		return refusal{Status: http.StatusMethodNotAllowed, Code: collections.CodeInvalidInput, Message: "only GET, HEAD and PUT are served here"}
	case errors.Is(err, ErrNoUpload):
		return refusal{Status: http.StatusNotFound, Code: collections.CodeNotFound, Message: "the upload is completed, aborted or unknown"}
	case errors.Is(err, ErrNotFound):
		return refusal{Status: http.StatusNotFound, Code: collections.CodeNotFound, Message: "the file is no longer stored"}
	case errors.Is(err, errReplaced):
		return refusal{Status: http.StatusServiceUnavailable, Code: collections.CodeUnavailable, Message: "another request for this part took over, or its upload ended"}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refusal{Status: http.StatusRequestTimeout, Code: collections.CodeUnavailable, Message: "the body came too slowly"}
	case errors.Is(err, errSender):
		return refusal{Status: http.StatusBadRequest, Code: collections.CodeInvalidInput, Message: "the body broke off"}
	case diskFull(err):
		return refusal{Status: http.StatusInsufficientStorage, Code: collections.CodeDiskFull, Message: "the store's disk is full"}
	}
	return refusal{Status: http.StatusInternalServerError, Code: collections.CodeInternal, Message: "the store failed; its log says why"}
}
