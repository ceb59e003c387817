package collections

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
)

func TestErrorKeepsCodeAndCause(t *testing.T) {
	err := error(Errorf(CodeUnavailable, "The store does not answer: %w", io.ErrUnexpectedEOF))
	if !errors.Is(err, io.ErrUnexpectedEOF) || err.Error() != "The store does not answer: unexpected EOF" {
		t.Errorf("%v", err)
	}
	if code := CodeOf(fmt.Errorf("above: %w", err)); code != CodeUnavailable {
		t.Errorf("wrapped: %s", code)
	}
	if code := CodeOf(io.EOF); code != CodeInternal {
		t.Errorf("foreign: %s", code)
	}
}

func TestCodesHaveTheStatusOfTheContract(t *testing.T) {
	for code, want := range map[Code]int{
		CodeInvalidMagnet: 400, CodeInvalidTorrent: 400, CodeUnauthorized: 401, CodeInfohashBlocked: 403, CodeQuotaStorage: 403,
		CodeNotFound: 404, CodeDuplicateJob: 409, CodeAttemptStale: 409, CodeTooLarge: 413, CodeUnknownHost: 421,
		CodeRateLimited: 429, CodeUnavailable: 503, CodeInternal: 500, CodeDiskFull: http.StatusInternalServerError,
	} {
		if got := code.HTTPStatus(); got != want {
			t.Errorf("%s: %d", code, got)
		}
	}
}

func TestEveryCodeWithAStatusCrossesHTTP(t *testing.T) {
	for code := range codeStatus {
		if !slices.Contains(HTTPCodes(), code) {
			t.Errorf("%s has a status, and is not among the codes that cross HTTP", code)
		}
	}
	if got := len(HTTPCodes()); got != len(codeStatus)+1 {
		t.Errorf("%d codes cross HTTP, %d have a status", got, len(codeStatus))
	}
}
