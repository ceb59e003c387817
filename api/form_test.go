package api

import (
	"bytes"
	"io"
	"mime/multipart"
)

// form is a multipart body.
type form struct {
	buf bytes.Buffer
	w   *multipart.Writer
}

func newForm(fields ...string) *form {
	f := new(form)
	f.w = multipart.NewWriter(&f.buf)
	for i := 0; i < len(fields); i += 2 {
		_ = f.w.WriteField(fields[i], fields[i+1]) // to memory
	}
	return f
}

func (f *form) torrent(b []byte) *form {
	part, _ := f.w.CreateFormFile("torrent", "x.torrent") // to memory
	_, _ = part.Write(b)
	return f
}

func (f *form) close() io.Reader {
	_ = f.w.Close() // to memory
	return &f.buf
}
