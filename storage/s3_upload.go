package storage

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// CreateUpload begins a multipart upload; S3 need not know its size.
func (s *S3) CreateUpload(ctx context.Context, key string, size, partSize int64, meta Meta) (string, error) {
	if err := checkUpload(key, size, partSize); err != nil {
		return "", err
	}
	ctx, cancel := call(ctx)
	defer cancel()
	out, err := s.api.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &s.bucket, Key: &key,
		ContentType: new(safeType(meta.ContentType)), ContentDisposition: new(meta.disposition()),
	})
	if err != nil {
		return "", s3Error("create upload of", key, err)
	}
	return value(out.UploadId), nil
}

func checkUpload(key string, size, partSize int64) error {
	if size < 1 || partSize < 1 || (size-1)/partSize >= maxParts {
		return fmt.Errorf("storage: an upload of %d bytes in parts of %d", size, partSize)
	}
	return checkKey(key)
}

// ListParts asks for the parts page by page
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html).
func (s *S3) ListParts(ctx context.Context, key, uploadID string) ([]Part, error) {
	var parts []Part
	pages := s3.NewListPartsPaginator(s.api, &s3.ListPartsInput{Bucket: &s.bucket, Key: &key, UploadId: &uploadID, MaxParts: s.pageSize})
	for pages.HasMorePages() {
		page, err := nextPage(ctx, pages.NextPage)
		if err != nil {
			return nil, s3Error("list parts of", key, err)
		}
		for _, p := range page.Parts {
			parts = append(parts, Part{Number: int(value(p.PartNumber)), Size: value(p.Size), ETag: quote(value(p.ETag))})
		}
	}
	return parts, nil
}

// Complete asks the store to join the parts and looks at what came of it. When the upload
// is gone, an earlier Complete may have succeeded with its answer lost: the object decides.
func (s *S3) Complete(ctx context.Context, key, uploadID string, parts []Part) (Info, error) {
	if err := checkParts(parts); err != nil {
		return Info{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, completeTimeout)
	defer cancel()
	_, err := s.api.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &s.bucket, Key: &key, UploadId: &uploadID,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: completedParts(parts)},
	})
	if err = s3Error("complete", key, err); err != nil && !errors.Is(err, ErrNoUpload) {
		return Info{}, err
	}
	info, headErr := s.Head(ctx, key)
	if headErr != nil && !errors.Is(headErr, ErrNotFound) {
		return Info{}, headErr
	}
	if headErr == nil && info.Size == totalSize(parts) && (err == nil || hasETagOf(info, parts)) {
		return info, nil
	}
	return Info{}, fmt.Errorf("%w: %s is there as %d bytes %s, its parts have %d (%w)", ErrNoUpload, key, info.Size, info.ETag, totalSize(parts), errors.Join(err, headErr))
}

// hasETagOf compares where it can: with some kinds of encryption no ETag is an MD5.
func hasETagOf(info Info, parts []Part) bool {
	etag, known := multipartETag(parts)
	return !known || SameETag(info.ETag, etag)
}

func completedParts(parts []Part) []types.CompletedPart {
	list := make([]types.CompletedPart, len(parts))
	for i, p := range parts {
		list[i] = types.CompletedPart{PartNumber: new(int32(p.Number)), ETag: new(quote(p.ETag))}
	}
	return list
}

const abortRounds = 3

// Abort repeats itself until the store lists the upload no more: a part that was on its
// way may outlive the first one
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html).
func (s *S3) Abort(ctx context.Context, key, uploadID string) error {
	for range abortRounds {
		if err := errors.Join(s.abortOnce(ctx, key, uploadID), s.abortOnce(ctx, key, uploadID)); err != nil {
			return err
		}
		parts, err := s.ListParts(ctx, key, uploadID)
		if errors.Is(err, ErrNoUpload) || err == nil && len(parts) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return fmt.Errorf("storage: upload of %s is still there after %d aborts", key, 2*abortRounds)
}

func (s *S3) abortOnce(ctx context.Context, key, uploadID string) error {
	ctx, cancel := call(ctx)
	defer cancel()
	_, err := s.api.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: &key, UploadId: &uploadID})
	if err = s3Error("abort", key, err); errors.Is(err, ErrNoUpload) {
		return nil
	}
	return err
}

// ListUploads asks for the uploads page by page
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html).
func (s *S3) ListUploads(ctx context.Context, fn func(Unfinished) error) error {
	pages := s3.NewListMultipartUploadsPaginator(s.api, &s3.ListMultipartUploadsInput{Bucket: &s.bucket, MaxUploads: s.pageSize})
	for pages.HasMorePages() {
		page, err := nextPage(ctx, pages.NextPage)
		if err != nil {
			return s3Error("list uploads of", s.bucket, err)
		}
		for _, u := range page.Uploads {
			if err := fn(Unfinished{Key: value(u.Key), UploadID: value(u.UploadId), Initiated: value(u.Initiated)}); err != nil {
				return err
			}
		}
	}
	return nil
}

// nextPage gives each page its own time limit: a long list takes as long as it takes.
func nextPage[P any](ctx context.Context, next func(context.Context, ...func(*s3.Options)) (P, error)) (P, error) {
	ctx, cancel := call(ctx)
	defer cancel()
	return next(ctx)
}

// value answers what p points to, or nothing: stores leave out what they like.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
