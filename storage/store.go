// Package storage is the object store behind one interface, in two kinds: S3 and
// a local directory. Keys hold ids only, never names: segments of letters, digits
// and '-' parted by '/', below KeyPrefix. No key is a folder of another.
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

// KeyPrefix begins the key of every object of ours. Sweep touches nothing outside it.
const KeyPrefix = "objects/"

// Store keeps objects. Methods may be called from several goroutines at once.
// Only the control plane holds a Store; agents and browsers get URLs.
type Store interface {
	// Kind answers "s3" or "local".
	Kind() string

	// CreateUpload begins a multipart upload of size bytes under key and answers its id.
	// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html)
	CreateUpload(ctx context.Context, key string, size, partSize int64, meta Meta) (uploadID string, err error)

	// PresignPart answers a URL to PUT part number (from 1) of length bytes (at least 1) to, with
	// the headers that must be sent. A body of another length is refused with a 4xx, and so is
	// any once the upload is completed or aborted. The answer's ETag header is the part's.
	PresignPart(ctx context.Context, key, uploadID string, number int, length int64, ttl time.Duration) (SignedURL, error)

	// PresignPut answers a URL to PUT a whole object of length bytes (at least 1) to.
	PresignPut(ctx context.Context, key string, length int64, meta Meta, ttl time.Duration) (SignedURL, error)

	// ListParts answers the parts the store has, by number; ErrNoUpload when the upload is not there.
	ListParts(ctx context.Context, key, uploadID string) ([]Part, error)

	// Complete joins the parts, numbered from 1 without a gap, into the object. It is safe to
	// call again after a lost answer: an object of the expected size and ETag counts as done.
	// What it answered survives a power loss. ErrInvalidPart, ErrNoUpload.
	Complete(ctx context.Context, key, uploadID string, parts []Part) (Info, error)

	// Abort ends an upload and frees its parts; an unknown one is no error. It is a fence: URLs of it are refused afterwards.
	Abort(ctx context.Context, key, uploadID string) error

	// Put writes a small object, an empty one too.
	Put(ctx context.Context, key string, body []byte, meta Meta) (Info, error)

	// Head answers an object's size and ETag, ErrNotFound. What it answered survives a
	// power loss, which costs the local kind a sync: use List to look at many.
	Head(ctx context.Context, key string) (Info, error)

	// Open reads an object from offset, length bytes (-1 for the rest); there is nothing to
	// read behind the end. The caller closes it. ErrNotFound.
	Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error)

	// Delete removes an object; a missing one is no error.
	Delete(ctx context.Context, key string) error

	// PresignGet answers a URL that delivers the object to a person, without cookie or key.
	// Types that a browser would run are delivered as application/octet-stream.
	PresignGet(ctx context.Context, key string, d Delivery, ttl time.Duration) (SignedURL, error)

	// PublicOrigin answers scheme, host and port of what PresignGet answers.
	PublicOrigin() string

	// List calls fn for each object whose key begins with prefix, in no order, until fn
	// answers an error, which it returns.
	List(ctx context.Context, prefix string, fn func(Info) error) error

	// ListUploads calls fn for each unfinished upload.
	ListUploads(ctx context.Context, fn func(Unfinished) error) error

	// Check proves that the store answers and that its clock agrees with ours within 30 s.
	Check(ctx context.Context) error
}

// Meta goes with an object into the store.
type Meta struct {
	ContentType string // made safe as in PresignGet
	Filename    string // for Content-Disposition at upload (R2 may ignore the one of a presigned GET)
}

// Part is a part in the store.
type Part struct {
	Number int
	Size   int64
	ETag   string // compare with SameETag
}

// Info is an object in the store.
type Info struct {
	Key      string
	Size     int64
	ETag     string    // compare with SameETag
	Modified time.Time // when it came into the store, by the store's clock
}

// Unfinished is an upload that is neither completed nor aborted.
type Unfinished struct {
	Key       string
	UploadID  string
	Initiated time.Time // by the store's clock
}

// SignedURL is a URL with the headers that must go with it; Content-Length goes without saying.
type SignedURL struct {
	URL       string
	Headers   map[string]string
	ExpiresAt time.Time
}

// Delivery says how an object is to be delivered to a person.
type Delivery struct {
	Filename    string
	ContentType string
	Inline      bool   // else attachment
	Account     string // for whom the link is signed; a store that counts what it delivers counts it for them
}
