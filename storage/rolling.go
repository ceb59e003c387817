package storage

import (
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	// defaultStall is how long a client may take for rollBytes. It replaces the server's limits
	// on a whole request, so that a slow link (4 KiB/s) may take hours and a dead client a minute.
	defaultStall = time.Minute
	rollBytes    = bufferBytes
)

// rollingWriter puts off the write deadline as bytes move.
type rollingWriter struct {
	http.ResponseWriter
	rc    *http.ResponseController
	stall time.Duration
}

func newRollingWriter(w http.ResponseWriter, stall time.Duration) *rollingWriter {
	return &rollingWriter{w, http.NewResponseController(w), stall}
}

func (w *rollingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *rollingWriter) roll() { w.rc.SetWriteDeadline(time.Now().Add(w.stall)) }

func (w *rollingWriter) Write(p []byte) (n int, err error) {
	for len(p) > 0 && err == nil {
		var m int
		w.roll()
		m, err = w.ResponseWriter.Write(p[:min(len(p), rollBytes)])
		n, p = n+m, p[m:]
	}
	return n, err
}

// ReadFrom hands the server a file bit by bit, and as one, so that it can use sendfile.
func (w *rollingWriter) ReadFrom(src io.Reader) (total int64, err error) {
	left := int64(1<<63 - 1)
	if limited, ok := src.(*io.LimitedReader); ok {
		src, left = limited.R, limited.N
	}
	for left > 0 {
		w.roll()
		n, err := io.Copy(w.ResponseWriter, &io.LimitedReader{R: src, N: min(left, rollBytes)})
		total, left = total+n, left-n
		if err != nil || n == 0 {
			return total, err
		}
	}
	return total, nil
}

// finish sends what is left while the deadline holds, then lifts it: the connection may be used again.
func (w *rollingWriter) finish() {
	w.roll()
	if w.rc.Flush() == nil {
		w.rc.SetWriteDeadline(time.Time{})
	}
}

// rollingReader puts off the read deadline as bytes move, and can be cancelled from elsewhere.
type rollingReader struct {
	body      io.Reader
	rc        *http.ResponseController
	cancelled atomic.Bool
	stall     time.Duration
	rolled    int64 // bytes since the deadline was set
}

func newRollingReader(w http.ResponseWriter, body io.Reader, stall time.Duration) *rollingReader {
	return &rollingReader{body: body, rc: http.NewResponseController(w), stall: stall, rolled: rollBytes}
}

func (r *rollingReader) Read(p []byte) (int, error) {
	if r.rolled >= rollBytes {
		r.rc.SetReadDeadline(time.Now().Add(r.stall))
		r.rolled = 0
	}
	if r.cancelled.Load() { // after the deadline was set: cancel sets another
		return 0, errReplaced
	}
	n, err := r.body.Read(p)
	r.rolled += int64(n)
	switch {
	case err == nil || err == io.EOF:
		return n, err
	case r.cancelled.Load():
		return n, errReplaced
	}
	return n, fmt.Errorf("%w: %w", errSender, err)
}

// cancel ends the Read that waits, and all to come.
func (r *rollingReader) cancel() {
	r.cancelled.Store(true)
	r.rc.SetReadDeadline(time.Unix(1, 0))
}

// finish lifts the deadline after a whole body. After an error the rest is still to come, within it.
func (r *rollingReader) finish(err error) {
	if err == nil {
		r.rc.SetReadDeadline(time.Time{})
	}
}
