package storage

import "net/http"

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
	http.ServeContent(w, r, "", fi.ModTime(), f)
	return nil
}
