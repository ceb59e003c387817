package storage

import (
	"errors"
	"fmt"
	"net/http"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
)

// s3Codes translates error codes of S3
// (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html). A HEAD has no
// body: the SDK calls its 404 NotFound.
var s3Codes = map[string]error{
	"NoSuchKey":        ErrNotFound,
	"NotFound":         ErrNotFound,
	"NoSuchUpload":     ErrNoUpload,
	"InvalidPart":      ErrInvalidPart,
	"InvalidPartOrder": ErrInvalidPart,
}

// s3Error wraps err with what was tried and with the sentinel that goes with its code.
func s3Error(try, key string, err error) error {
	if err == nil {
		return nil
	}
	if sentinel, ok := s3Codes[s3Code(err)]; ok {
		return fmt.Errorf("%w (%s %s: %w)", sentinel, try, key, err)
	}
	return fmt.Errorf("storage: %s %s: %w", try, key, err)
}

func s3Code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}

// s3Answer answers the HTTP answer in err's chain, nil when none came.
func s3Answer(err error) *http.Response {
	if e, ok := errors.AsType[*awshttp.ResponseError](err); ok && e.HTTPStatusCode() != 0 {
		return e.Response.Response
	}
	return nil
}
