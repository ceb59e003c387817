package collections

import (
	"mime"
	"strings"
	"testing"
)

func TestMimeType(t *testing.T) {
	for name, want := range map[string]string{
		"a/b.mkv": "video/x-matroska", "A.MP4": "video/mp4", "x.tar.gz": "application/gzip", "x.srt": "application/x-subrip",
		"": "application/octet-stream", "README": "application/octet-stream", "a.mkv/b": "application/octet-stream", "a.": "application/octet-stream",
	} {
		if got := MimeType(name); got != want {
			t.Errorf("%q: %s", name, got)
		}
	}
}

func TestMimeTypesAreWellFormed(t *testing.T) {
	for ext, name := range mimeTypes {
		if parsed, params, err := mime.ParseMediaType(name); err != nil || parsed != name || len(params) > 0 || ext != strings.ToLower(ext) || ext[0] != '.' {
			t.Errorf("%s: %s (%v)", ext, name, err)
		}
	}
}
