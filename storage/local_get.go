package storage

import (
	"io"
	"net/http"
)

// serveGet delivers an object, with Range and conditions (RFC 9110, 13 and 14).
func (l *Local) serveGet(w http.ResponseWriter, r *http.Request, k link) error {
	f, err := l.openFile(k.key)
	if err != nil {
		return err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("ETag", fileETag(fi))
	h.Set("Content-Type", safeType(k.delivery.ContentType))
	h.Set("Content-Disposition", k.delivery.disposition())
	http.ServeContent(l.metered(w, r, k), r, "", fi.ModTime(), f)
	return nil
}

// metered counts the bytes of the body for whom the link was signed, as they are sent.
func (l *Local) metered(w http.ResponseWriter, r *http.Request, k link) http.ResponseWriter {
	if l.cfg.Served == nil || k.delivery.Account == "" || r.Method == http.MethodHead {
		return w
	}
	return &meteredWriter{w, func(n int64) { l.cfg.Served(k.delivery.Account, n) }}
}

// meterBytes is how much may be sent before it is counted, so that a long delivery is counted while it lasts.
const meterBytes = 4 << 20

type meteredWriter struct {
	http.ResponseWriter
	count func(int64)
}

func (w *meteredWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *meteredWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.count(int64(n))
	return n, err
}

// ReadFrom hands on a file as one, so that the server can use sendfile.
func (w *meteredWriter) ReadFrom(src io.Reader) (total int64, err error) {
	left := int64(1<<63 - 1)
	if limited, ok := src.(*io.LimitedReader); ok {
		src, left = limited.R, limited.N
	}
	for left > 0 {
		n, err := io.Copy(w.ResponseWriter, &io.LimitedReader{R: src, N: min(left, meterBytes)})
		w.count(n)
		total, left = total+n, left-n
		if err != nil || n == 0 {
			return total, err
		}
	}
	return total, nil
}
