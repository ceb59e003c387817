package storage

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// maxClockSkew is far below the 15 minutes at which stores refuse a signature.
const maxClockSkew = 30 * time.Second

// Check lists one key of the bucket. Unlike HeadBucket, its refusals say why.
func (s *S3) Check(ctx context.Context) error {
	ctx, cancel := call(ctx)
	defer cancel()
	out, err := s.api.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: new(KeyPrefix), MaxKeys: new(int32(1))})
	if skewed := s.checkClock(serverTime(out, err)); skewed != nil {
		return skewed
	}
	if err != nil {
		return s.explain(err)
	}
	return nil
}

func (s *S3) explain(err error) error {
	switch s3Code(err) {
	case "NoSuchBucket":
		return fmt.Errorf("storage: %s has no bucket %s; make it, or correct LONGSHORE_S3_BUCKET: %w", s.endpoint, s.bucket, err)
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "XAdminUserNotFound":
		return fmt.Errorf("storage: %s refuses the credentials for bucket %s; see LONGSHORE_S3_ACCESS_KEY and LONGSHORE_S3_SECRET_KEY: %w", s.endpoint, s.bucket, err)
	case "AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException":
		return fmt.Errorf("storage: bucket %s at %s is of another region; see LONGSHORE_S3_REGION: %w", s.bucket, s.endpoint, err)
	}
	if s3Answer(err) == nil {
		return fmt.Errorf("storage: no answer from %s; see LONGSHORE_S3_ENDPOINT: %w", s.endpoint, err)
	}
	return fmt.Errorf("storage: check of bucket %s at %s: %w", s.bucket, s.endpoint, err)
}

func (s *S3) checkClock(store time.Time) error {
	if store.IsZero() {
		return nil
	}
	skew := s.now().Sub(store).Truncate(time.Second)
	if skew.Abs() <= maxClockSkew {
		return nil
	}
	return fmt.Errorf("storage: our clock is %s off the clock of %s; stores refuse links signed with a wrong clock, set it right (NTP)", skew, s.endpoint)
}

// serverTime answers the Date of the answer, of a refusal too; the zero time without one.
func serverTime(out *s3.ListObjectsV2Output, err error) time.Time {
	if err == nil {
		t, _ := middleware.GetServerTime(out.ResultMetadata)
		return t
	}
	if res := s3Answer(err); res != nil {
		t, _ := http.ParseTime(res.Header.Get("Date"))
		return t
	}
	return time.Time{}
}
