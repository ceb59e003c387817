package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/longshore-project/longshore/collections"
)

// A PUT may take putGrace and the time its part needs at slowestPut, in bytes per second.
const (
	putGrace   = 2 * time.Minute
	slowestPut = 32 << 10
)

var storeClient = &http.Client{
	Transport: &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		MaxIdleConnsPerHost: uploadsAtOnce,
		IdleConnTimeout:     time.Minute,
		DisableCompression:  true,
	},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// source is a stretch of a file in a job's data folder.
type source struct {
	root           *os.Root
	path           string
	offset, length int64
}

// statusError is a store's answer other than 2xx.
type statusError struct {
	status int
	detail string
}

func (e *statusError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("the store answered %d %s %s", e.status, http.StatusText(e.status), e.detail))
}

// put sends a source to a presigned URL and answers the store's ETag
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html). A *fs.PathError tells that the file cannot be read.
func put(ctx context.Context, src source, url collections.URL) (etag string, err error) {
	limit := putGrace + time.Duration(src.length/slowestPut)*time.Second
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	body, err := src.open()
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, url.URL, body)
	if err != nil {
		body.Close()
		return "", err
	}
	req.ContentLength = src.length
	req.GetBody = src.open
	for name, value := range url.Headers {
		setHeader(req, name, value)
	}
	resp, err := storeClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	detail, err := io.ReadAll(io.LimitReader(resp.Body, 512))
	if resp.StatusCode/100 != 2 {
		return "", &statusError{resp.StatusCode, strings.ToValidUTF8(string(detail), "")}
	}
	return resp.Header.Get("ETag"), err
}

// setHeader sets a header that the URL's signature covers; net/http keeps two of them in fields.
func setHeader(req *http.Request, name, value string) {
	switch http.CanonicalHeaderKey(name) {
	case "Host":
		req.Host = value
	case "Content-Length":
	default:
		req.Header.Set(name, value)
	}
}

// mayBeRefused says whether a failed PUT may have been refused: by its status, or by a store that
// closes the connection before it has read the body. A new URL may help, or the attempt is no longer current.
func mayBeRefused(err error) bool {
	if e, ok := errors.AsType[*statusError](err); ok {
		return e.status/100 == 4 && e.status != http.StatusTooManyRequests && e.status != http.StatusRequestTimeout
	}
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.EOF)
}

func (s source) open() (io.ReadCloser, error) {
	file, err := openRegular(s.root, s.path)
	if err != nil {
		return nil, err
	}
	end := s.offset + s.length
	info, err := file.Stat()
	if err == nil && info.Size() < end {
		err = &os.PathError{Op: "read", Path: s.path, Err: io.ErrUnexpectedEOF}
	}
	if err == nil {
		_, err = file.Seek(s.offset, io.SeekStart)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return &section{file: file, end: end}, nil
}

// section is a stretch of a file as the body of a request. net/http hands bodies that are a syscall.Conn to
// sendfile(2), which reads from the file's own position (net/sendfile.go, internal/poll/sendfile_unix.go); an
// *os.File as body would not end where the part ends, and an io.SectionReader is no syscall.Conn.
type section struct {
	file *os.File
	end  int64
}

func (s *section) Read(b []byte) (int, error) {
	position, err := s.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, err
	}
	left := s.end - position
	if left <= 0 {
		return 0, io.EOF
	}
	return s.file.Read(b[:min(int64(len(b)), left)])
}

func (s *section) Close() error { return s.file.Close() }

func (s *section) SyscallConn() (syscall.RawConn, error) { return s.file.SyscallConn() }
