// Package storage is the object store behind one interface, in two kinds: S3 and
// a local directory. Keys hold ids only, never names.
package storage

import (
	"context"
	"errors"
	"io"
	"time"
)

// Errors that callers tell apart with errors.Is.
var (
	ErrNotFound    = errors.New("storage: no such object")
	ErrNoUpload    = errors.New("storage: no such upload")
	ErrInvalidPart = errors.New("storage: a part is missing or differs") // Complete; forget the parts that List does not confirm
)

// Store keeps objects. Methods may be called from several goroutines at once.
// Only the control plane holds a Store; agents and browsers get URLs.
type Store interface {
	// Kind answers "s3" or "local".
	Kind() string

	// CreateUpload begins a multipart upload of size bytes under key and answers its id.
	// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html)
	CreateUpload(ctx context.Context, key string, size, partSize int64, meta Meta) (uploadID string, err error)

	// PresignPart answers a URL to PUT part number of length bytes to, with the headers that
	// must be sent. It is refused once the upload is completed or aborted.
	PresignPart(ctx context.Context, key, uploadID string, number int, length int64, ttl time.Duration) (SignedURL, error)

	// PresignPut answers a URL to PUT a whole object of length bytes to.
	PresignPut(ctx context.Context, key string, length int64, meta Meta, ttl time.Duration) (SignedURL, error)

	// ListParts answers the parts the store has, by number; ErrNoUpload when the upload is not there.
	ListParts(ctx context.Context, key, uploadID string) ([]Part, error)

	// Complete joins the parts into the object. It is safe to call again after a lost
	// answer: an object of the expected size and ETag counts as done. ErrInvalidPart, ErrNoUpload.
	Complete(ctx context.Context, key, uploadID string, parts []Part) (Info, error)

	// Abort ends an upload and frees its parts; an unknown one is no error. It is a fence: URLs of it are refused afterwards.
	Abort(ctx context.Context, key, uploadID string) error

	// Put writes a small object. Head answers an object's size and ETag, ErrNotFound.
	Put(ctx context.Context, key string, body []byte, meta Meta) (Info, error)
	Head(ctx context.Context, key string) (Info, error)

	// Open reads an object from offset, length bytes (-1 for the rest). The caller closes it.
	Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error)

	// Delete removes an object; a missing one is no error.
	Delete(ctx context.Context, key string) error

	// PresignGet answers a URL that delivers the object to a person, without cookie or key.
	PresignGet(ctx context.Context, key string, d Delivery, ttl time.Duration) (SignedURL, error)

	// List calls fn for each object below prefix until fn answers an error, which it returns.
	List(ctx context.Context, prefix string, fn func(Info) error) error

	// ListUploads calls fn for each unfinished upload.
	ListUploads(ctx context.Context, fn func(Unfinished) error) error

	// Check proves that the store answers and that its clock agrees with ours within 30 s.
	Check(ctx context.Context) error
}

// Meta goes with an object into the store.
type Meta struct {
	ContentType string
	Filename    string // for Content-Disposition at upload (R2 may ignore the one of a presigned GET)
}

// Part is a part in the store.
type Part struct {
	Number int
	Size   int64
	ETag   string
}

// Info is an object in the store.
type Info struct {
	Key      string
	Size     int64
	ETag     string
	Modified time.Time
}

// Unfinished is an upload that is neither completed nor aborted.
type Unfinished struct {
	Key       string
	UploadID  string
	Initiated time.Time
}

// SignedURL is a URL with the headers that must go with it.
type SignedURL struct {
	URL       string
	Headers   map[string]string
	ExpiresAt time.Time
}

// Delivery says how an object is to be delivered to a person.
type Delivery struct {
	Filename    string
	ContentType string
	Inline      bool // else attachment
}
