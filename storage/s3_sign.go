package storage

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// PresignPart signs an UploadPart whose payload is not hashed: the length is signed, the
// bytes are checked against the ETag.
func (s *S3) PresignPart(ctx context.Context, key, uploadID string, number int, length int64, ttl time.Duration) (SignedURL, error) {
	if err := checkPut(key, length); err != nil {
		return SignedURL{}, err
	}
	req, err := s.presign.PresignUploadPart(ctx, &s3.UploadPartInput{
		Bucket: &s.bucket, Key: &key, UploadId: &uploadID,
		PartNumber: new(int32(number)), ContentLength: &length,
	}, s3.WithPresignExpires(ttl))
	return s.signed(req, ttl, err)
}

// PresignPut signs a PutObject with Content-Type and Content-Disposition among its headers.
func (s *S3) PresignPut(ctx context.Context, key string, length int64, meta Meta, ttl time.Duration) (SignedURL, error) {
	if err := checkPut(key, length); err != nil {
		return SignedURL{}, err
	}
	req, err := s.presign.PresignPutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.bucket, Key: &key, ContentLength: &length,
		ContentType: new(safeType(meta.ContentType)), ContentDisposition: new(meta.disposition()),
	}, s3.WithPresignExpires(ttl))
	return s.signed(req, ttl, err)
}

// PresignGet signs a GetObject with the delivery's headers.
func (s *S3) PresignGet(ctx context.Context, key string, d Delivery, ttl time.Duration) (SignedURL, error) {
	if err := checkKey(key); err != nil {
		return SignedURL{}, err
	}
	req, err := s.presign.PresignGetObject(ctx, &s3.GetObjectInput{
		Bucket: &s.bucket, Key: &key,
		ResponseContentType:        new(safeType(d.ContentType)),
		ResponseContentDisposition: new(d.disposition()),
	}, s3.WithPresignExpires(ttl))
	return s.signed(req, ttl, err)
}

// PublicOrigin answers that of a signed URL: with the bucket in the host name it is not the endpoint's.
func (s *S3) PublicOrigin() string {
	signed, err := s.PresignGet(context.Background(), KeyPrefix+"origin", Delivery{}, time.Minute)
	if err != nil {
		return ""
	}
	return originOf(signed.URL)
}

// checkPut refuses length 0, which a signature of S3 does not cover.
func checkPut(key string, length int64) error {
	if length < 1 {
		return fmt.Errorf("storage: a URL to PUT %d bytes to", length)
	}
	return checkKey(key)
}

func (m Meta) disposition() string {
	return Delivery{Filename: m.Filename, ContentType: m.ContentType}.disposition()
}

func (s *S3) signed(req *v4.PresignedHTTPRequest, ttl time.Duration, err error) (SignedURL, error) {
	if err != nil {
		return SignedURL{}, fmt.Errorf("storage: sign a URL: %w", err)
	}
	headers := map[string]string{}
	for name := range req.SignedHeader {
		if name != "Host" && name != "Content-Length" {
			headers[name] = req.SignedHeader.Get(name)
		}
	}
	return SignedURL{URL: req.URL, Headers: headers, ExpiresAt: s.now().Add(ttl)}, nil
}

// clockSigner signs by a clock of ours instead of the SDK's.
type clockSigner struct {
	s3.HTTPPresignerV4
	now func() time.Time
}

func signWith(now func() time.Time) func(*s3.PresignOptions) {
	return func(o *s3.PresignOptions) {
		o.Presigner = clockSigner{v4.NewSigner(withoutPathEscape), now}
	}
}

// withoutPathEscape is what S3 wants, unlike every other service.
func withoutPathEscape(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }

func (c clockSigner) PresignHTTP(ctx context.Context, creds aws.Credentials, r *http.Request,
	payloadHash, service, region string, _ time.Time, opts ...func(*v4.SignerOptions),
) (string, http.Header, error) {
	return c.HTTPPresignerV4.PresignHTTP(ctx, creds, r, payloadHash, service, region, c.now().UTC(), opts...)
}
