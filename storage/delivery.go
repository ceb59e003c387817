package storage

import (
	"fmt"
	"mime"
	"strings"
	"unicode"
)

const (
	opaqueType   = "application/octet-stream"
	textType     = "text/plain; charset=utf-8"
	attrChars    = "!#$&+-.^_`|~" // beside letters and digits (RFC 5987, 3.2.1)
	fallbackName = "file"
)

// inertTypes are the types outside image, audio, video and font that a browser never runs.
var inertTypes = map[string]bool{
	"application/pdf": true, "application/zip": true, "application/gzip": true, "application/x-tar": true,
	"application/x-7z-compressed": true, "application/vnd.rar": true, "application/x-bzip2": true,
	"application/x-xz": true, "application/zstd": true, "application/epub+zip": true,
	"application/x-bittorrent": true, "application/x-iso9660-image": true, "application/x-subrip": true,
}

// safeType answers contentType when no browser takes it for active content, else application/octet-stream.
func safeType(contentType string) string {
	t, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return opaqueType
	}
	family, _, _ := strings.Cut(t, "/")
	switch {
	case t == "text/plain":
		return textType
	case strings.HasSuffix(t, "xml"): // image/svg+xml runs scripts
		return opaqueType
	case inertTypes[t], family == "image", family == "audio", family == "video", family == "font":
		return t
	}
	return opaqueType
}

// inlineType tells whether a safe type may be shown in the browser instead of being saved.
func inlineType(t string) bool {
	return t != opaqueType && (!strings.HasPrefix(t, "application/") || t == "application/pdf")
}

// disposition answers the Content-Disposition of d (RFC 6266), with an ASCII name for
// old programs and the true one beside it (RFC 5987).
func (d Delivery) disposition() string {
	kind := "attachment"
	if d.Inline && inlineType(safeType(d.ContentType)) {
		kind = "inline"
	}
	name := safeName(d.Filename)
	ascii := asciiName(name)
	if ascii == name {
		return fmt.Sprintf(`%s; filename="%s"`, kind, name)
	}
	return fmt.Sprintf(`%s; filename="%s"; filename*=UTF-8''%s`, kind, ascii, attrEscape(name))
}

// safeName is name without what could leave the folder it is saved in or lie about itself.
func safeName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r == '/' || r == '\\' || r == unicode.ReplacementChar || unicode.Is(unicode.C, r) && !joins(r) {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(name, "_"))
	if strings.Trim(name, ". ") == "" {
		return fallbackName
	}
	return name
}

// joins tells the format characters that emoji and scripts need apart from those that turn text around.
func joins(r rune) bool {
	return r == '\u200c' || r == '\u200d'
}

func asciiName(name string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '%' {
			return '_'
		}
		return r
	}, name)
}

func attrEscape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; isAlnum(c) || strings.IndexByte(attrChars, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}
