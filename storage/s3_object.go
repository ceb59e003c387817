package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Put writes an object in one request.
func (s *S3) Put(ctx context.Context, key string, body []byte, meta Meta) (Info, error) {
	if err := checkKey(key); err != nil {
		return Info{}, err
	}
	ctx, cancel := call(ctx)
	defer cancel()
	_, err := s.api.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.bucket, Key: &key, Body: bytes.NewReader(body),
		ContentType: new(safeType(meta.ContentType)), ContentDisposition: new(meta.disposition()),
	})
	if err != nil {
		return Info{}, s3Error("put", key, err)
	}
	return s.Head(ctx, key)
}

// Head asks for size, ETag and time.
func (s *S3) Head(ctx context.Context, key string) (Info, error) {
	if err := checkKey(key); err != nil {
		return Info{}, err
	}
	ctx, cancel := call(ctx)
	defer cancel()
	out, err := s.api.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		return Info{}, s3Error("head", key, err)
	}
	return Info{Key: key, Size: value(out.ContentLength), ETag: quote(value(out.ETag)), Modified: value(out.LastModified)}, nil
}

// Open asks for a range and refuses an answer that ignores it.
func (s *S3) Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	if length == 0 {
		_, err := s.Head(ctx, key)
		return http.NoBody, err
	}
	ctx, cancel := context.WithCancel(ctx)
	late := time.AfterFunc(callTimeout, cancel) // of the answer, not of its body
	in := &s3.GetObjectInput{Bucket: &s.bucket, Key: &key, Range: byteRange(offset, length)}
	out, err := s.api.GetObject(ctx, in)
	late.Stop()
	if err == nil && in.Range != nil && out.ContentRange == nil {
		out.Body.Close()
		err = errors.New("the store ignores Range")
	}
	if err == nil {
		return body{out.Body, cancel}, nil
	}
	cancel()
	if s3Code(err) == "InvalidRange" { // behind the end
		return http.NoBody, nil
	}
	return nil, s3Error("open", key, err)
}

// body ends its request when it is closed.
type body struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b body) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}

// byteRange answers nil for a whole object: an empty one has no range.
func byteRange(offset, length int64) *string {
	switch {
	case length < 0 && offset == 0:
		return nil
	case length < 0:
		return new(fmt.Sprintf("bytes=%d-", offset))
	}
	return new(fmt.Sprintf("bytes=%d-%d", offset, offset+length-1))
}

// Delete removes an object; S3 does not say whether there was one.
func (s *S3) Delete(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	ctx, cancel := call(ctx)
	defer cancel()
	_, err := s.api.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: &key})
	if s3Code(err) == "NoSuchKey" {
		return nil
	}
	return s3Error("delete", key, err)
}

// List asks for the objects page by page
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html).
func (s *S3) List(ctx context.Context, prefix string, fn func(Info) error) error {
	pages := s3.NewListObjectsV2Paginator(s.api, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &prefix, MaxKeys: s.pageSize})
	for pages.HasMorePages() {
		page, err := nextPage(ctx, pages.NextPage)
		if err != nil {
			return s3Error("list", prefix, err)
		}
		for _, o := range page.Contents {
			if err := fn(Info{Key: value(o.Key), Size: value(o.Size), ETag: quote(value(o.ETag)), Modified: value(o.LastModified)}); err != nil {
				return err
			}
		}
	}
	return nil
}
