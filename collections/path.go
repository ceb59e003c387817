package collections

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxDiskComponent = MaxComponentBytes - 15 // leaves room for a suffix that an engine adds
	maxDiskPath      = MaxPathBytes - 1000    // leaves room for the folder above
	maxExtension     = 16
)

// escapes says whether a component would lead out of its folder when it is joined to a path as it is.
func escapes(component string) bool {
	segments := strings.FieldsFunc(component, func(r rune) bool { return r == '/' || r == '\\' })
	return strings.HasPrefix(component, "/") || slices.Contains(segments, "..")
}

// presentable answers text as people may see it: valid UTF-8, with U+FFFD for
// bytes that are not, and for NUL, which databases and HTTP headers cut at.
func presentable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// pathComponent answers a component of MetaFile.Path. A slash inside of it becomes U+2215, so that it makes no folder.
func pathComponent(s string) string {
	return strings.ReplaceAll(presentable(s), "/", "\u2215")
}

// cutName answers at most limit bytes of s, whole characters only.
func cutName(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// safeName answers a name that every common file system takes, that no shell takes
// for an option and that no engine takes for its own resume data.
func safeName(s string) string {
	s = strings.Map(safeRune, s)
	if s == "" || strings.ContainsRune("- ~", rune(s[0])) || reservedName(s) {
		s = "_" + s
	}
	if strings.ContainsRune(". ", rune(s[len(s)-1])) {
		s += "_"
	}
	return shorten(s)
}

func safeRune(r rune) rune {
	if !unicode.IsPrint(r) || r == utf8.RuneError || strings.ContainsRune(`/\:*?"<>|`, r) {
		return '_'
	}
	return r
}

var devices = []string{"con", "prn", "aux", "nul"}

// reservedName knows the device names of Windows
// (https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file) and the prefix of engines' resume data.
func reservedName(s string) bool {
	s = strings.ToLower(s)
	base, _, _ := strings.Cut(s, ".")
	base = strings.TrimRight(base, " ")
	port := len(base) == 4 && (strings.HasPrefix(base, "com") || strings.HasPrefix(base, "lpt"))
	return port || slices.Contains(devices, base) || strings.HasPrefix(s, ".longshore-")
}

// shorten cuts a name that is too long for a disk and puts a hash of the whole in the place of the rest.
func shorten(s string) string {
	if len(s) <= maxDiskComponent {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	base, ext := splitExtension(s)
	mark := "~" + hex.EncodeToString(sum[:6])
	return cutName(base, maxDiskComponent-len(mark)-len(ext)) + mark + ext
}

// numbered answers the name of the nth file of one name.
func numbered(s string, n int) string {
	base, ext := splitExtension(s)
	return shorten(base + "~" + strconv.Itoa(n) + ext)
}

func splitExtension(s string) (base, ext string) {
	ext = path.Ext(s)
	if len(ext) > maxExtension || len(ext) == len(s) {
		ext = ""
	}
	return s[:len(s)-len(ext)], ext
}
