package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/longshore-project/longshore/collections"
)

// ErrorBody is what every failed request of /api/v1 is answered with.
type ErrorBody struct {
	Status  int              `json:"status"`
	Code    collections.Code `json:"code"`    // for programs
	Message string           `json:"message"` // a sentence for a person
	Data    map[string]any   `json:"data"`    // names the fields concerned; never null
}

// WriteError answers a request with err's code and sentence. Errors that carry no
// code, of PocketBase or of net/http, get the code of their status; of any other
// only "internal" is told. The caller logs the cause.
func WriteError(w http.ResponseWriter, err error) {
	body := errorBody(err)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(body.Status)
	_ = json.NewEncoder(w).Encode(body) // a lost client is nobody's error
}

func errorBody(err error) ErrorBody {
	coded := asCoded(err)
	body := ErrorBody{Status: coded.Code.HTTPStatus(), Code: coded.Code, Message: coded.Message, Data: coded.Data}
	if body.Data == nil {
		body.Data = map[string]any{}
	}
	return body
}

// asCoded finds or makes the Error that may be shown.
func asCoded(err error) *collections.Error {
	if coded, ok := errors.AsType[*collections.Error](err); ok {
		if coded.Code.HTTPStatus() == http.StatusInternalServerError {
			return internalError(err)
		}
		return coded
	}
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &collections.Error{
			Code: collections.CodeTooLarge, Message: "The request is larger than allowed.",
			Data: map[string]any{"limit_bytes": large.Limit}, Cause: err,
		}
	}
	if foreign, ok := errors.AsType[*router.ApiError](err); ok {
		return ofStatus(foreign.Status, err)
	}
	return internalError(err)
}

func internalError(cause error) *collections.Error {
	return &collections.Error{
		Code: collections.CodeInternal, Message: "Something went wrong on the server. It has been logged.", Cause: cause,
	}
}

var statusErrors = map[int]collections.Error{
	http.StatusBadRequest:            {Code: collections.CodeInvalidInput, Message: "The request could not be read."},
	http.StatusUnauthorized:          {Code: collections.CodeUnauthorized, Message: "Sign in first."},
	http.StatusForbidden:             {Code: collections.CodeForbidden, Message: "You may not do this."},
	http.StatusNotFound:              {Code: collections.CodeNotFound, Message: "There is nothing here."},
	http.StatusMethodNotAllowed:      {Code: collections.CodeNotFound, Message: "There is nothing here."},
	http.StatusRequestEntityTooLarge: {Code: collections.CodeTooLarge, Message: "The request is larger than allowed."},
	http.StatusTooManyRequests:       {Code: collections.CodeRateLimited, Message: "Too many requests. Try again later."},
	http.StatusServiceUnavailable:    {Code: collections.CodeUnavailable, Message: "The service is not available now."},
}

// ofStatus translates an error that knows only an HTTP status.
func ofStatus(status int, cause error) *collections.Error {
	e, ok := statusErrors[status]
	if !ok {
		return internalError(cause)
	}
	e.Cause = cause
	return &e
}

// asInvalidInput makes the validation errors of a saved record an invalid_input that names its fields.
func asInvalidInput(err error) error {
	fields, ok := errors.AsType[validation.Errors](err)
	if !ok {
		return err
	}
	data := map[string]any{}
	for name, why := range fields {
		data[name] = why.Error()
	}
	return &collections.Error{Code: collections.CodeInvalidInput, Message: sentence(data), Data: data, Cause: err}
}

// causes tells what lies behind the sentences of err, for the log.
func causes(err error) string {
	if coded, ok := errors.AsType[*collections.Error](err); ok && coded.Cause != nil {
		return err.Error() + ": " + coded.Cause.Error()
	}
	if foreign, ok := errors.AsType[*router.ApiError](err); ok {
		return fmt.Sprint(foreign.Message, " ", foreign.RawData())
	}
	return err.Error()
}
