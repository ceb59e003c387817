package collections

import (
	"errors"
	"fmt"
	"net/http"
)

// Code is the machine-readable part of an error, stable across releases.
type Code string

// Codes of errors that cross the HTTP API.
const (
	CodeInvalidMagnet     Code = "invalid_magnet"
	CodeInvalidTorrent    Code = "invalid_torrent"
	CodeInvalidInput      Code = "invalid_input"
	CodeUnauthorized      Code = "unauthorized"
	CodeForbidden         Code = "forbidden"
	CodeInfohashBlocked   Code = "infohash_blocked"
	CodeAUPRequired       Code = "aup_required"
	CodeEmailUnverified   Code = "email_unverified"
	CodeCSRFFailed        Code = "csrf_failed"
	CodeCaptchaFailed     Code = "captcha_failed"
	CodeQuotaJobs         Code = "quota_jobs"
	CodeQuotaStorage      Code = "quota_storage"
	CodeQuotaFileSize     Code = "quota_file_size"
	CodeQuotaBandwidth    Code = "quota_bandwidth"
	CodeNotFound          Code = "not_found"
	CodeDuplicateJob      Code = "duplicate_job"
	CodeAttemptStale      Code = "attempt_stale"
	CodeIllegalTransition Code = "illegal_transition"
	CodeFileIncomplete    Code = "file_incomplete"
	CodePlanInUse         Code = "plan_in_use"
	CodeTooLarge          Code = "too_large"
	CodeUnknownHost       Code = "unknown_host"
	CodeRateLimited       Code = "rate_limited"
	CodeUnavailable       Code = "unavailable"
	CodeInternal          Code = "internal"
)

// Codes that say why a job failed or why it stands still (jobs.error_code, verdicts).
const (
	CodeHostileMetadata Code = "hostile_metadata" // the swarm's metadata broke a limit or rule
	CodeDiskFull        Code = "disk_full"
	CodeEngineCrashed   Code = "engine_crashed"
	CodeEngineFailed    Code = "engine_failed"
	CodeEngineMissing   Code = "engine_missing" // no agent has the engine the job asks for
	CodeAgentLost       Code = "agent_lost"
	CodeUploadFailed    Code = "upload_failed"
	CodeNoPeers         Code = "no_peers"
	CodeNoAgent         Code = "no_agent" // waiting for an agent with a free slot
	CodePoison          Code = "poison"   // the torrent crashed its engine alone three times
	CodeJobEnded        Code = "job_ended"
	CodeNoMetadata      Code = "no_metadata"       // the plan's time without metadata is over
	CodeStalled         Code = "stalled"           // the plan's time without new bytes is over
	CodeNotSelected     Code = "not_selected"      // nobody chose files in time
	CodeTerminated      Code = "terminated"        // an admin ended the job
	CodeQuotaSlots      Code = "quota_slots"       // waiting: the plan's jobs run already
	CodeWaitsForContent Code = "waits_for_content" // waiting: another job fetches the same torrent
	CodeRefusedByScript Code = "refused_by_script" // a script of the operator said no
)

var codeStatus = map[Code]int{
	CodeInvalidMagnet: 400, CodeInvalidTorrent: 400, CodeInvalidInput: 400,
	CodeUnauthorized: 401,
	CodeForbidden:    403, CodeInfohashBlocked: 403, CodeAUPRequired: 403, CodeEmailUnverified: 403,
	CodeCSRFFailed: 403, CodeCaptchaFailed: 403, CodeQuotaJobs: 403, CodeQuotaStorage: 403,
	CodeQuotaFileSize: 403, CodeQuotaBandwidth: 403,
	CodeNotFound:     404,
	CodeDuplicateJob: 409, CodeAttemptStale: 409, CodeIllegalTransition: 409, CodeFileIncomplete: 409, CodePlanInUse: 409,
	CodeTooLarge:        413,
	CodeUnknownHost:     421,
	CodeRateLimited:     429,
	CodeRefusedByScript: 403,
	CodeUnavailable:     503,
}

// HTTPCodes lists the codes that cross the HTTP API. Each has a status of its own, but internal.
func HTTPCodes() []Code {
	return []Code{
		CodeInvalidMagnet, CodeInvalidTorrent, CodeInvalidInput, CodeUnauthorized, CodeForbidden, CodeInfohashBlocked, CodeAUPRequired, CodeEmailUnverified,
		CodeCSRFFailed, CodeCaptchaFailed, CodeQuotaJobs, CodeQuotaStorage, CodeQuotaFileSize, CodeQuotaBandwidth, CodeNotFound, CodeDuplicateJob,
		CodeAttemptStale, CodeIllegalTransition, CodeFileIncomplete, CodePlanInUse, CodeRefusedByScript, CodeTooLarge, CodeUnknownHost, CodeRateLimited,
		CodeUnavailable, CodeInternal,
	}
}

// HTTPStatus answers the status that goes with the code; 500 for codes that have none.
func (c Code) HTTPStatus() int {
	if s, ok := codeStatus[c]; ok {
		return s
	}
	return http.StatusInternalServerError
}

// Error is a failure with a code for programs and a sentence for people. The
// cause is for the log: it never reaches a client.
type Error struct {
	Code    Code
	Message string
	Data    map[string]any // names the fields concerned; may be nil
	Cause   error
}

// Errorf makes an Error; a %w in format sets the cause as fmt.Errorf does.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Cause: errors.Unwrap(err)}
}

func (e *Error) Error() string { return e.Message }

func (e *Error) Unwrap() error { return e.Cause }

// CodeOf answers the code of the first Error in err's chain, CodeInternal when there is none.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}
