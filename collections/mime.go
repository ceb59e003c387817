package collections

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"sync"
)

// mimeTypes is our own table: that of package mime depends on files of the host.
var mimeTypes = map[string]string{
	".mkv": "video/x-matroska", ".mp4": "video/mp4", ".m4v": "video/mp4", ".webm": "video/webm", ".avi": "video/x-msvideo",
	".mov": "video/quicktime", ".mpg": "video/mpeg", ".mpeg": "video/mpeg", ".ts": "video/mp2t", ".m2ts": "video/mp2t",
	".wmv": "video/x-ms-wmv", ".flv": "video/x-flv", ".ogv": "video/ogg", ".vob": "video/mpeg", ".3gp": "video/3gpp",

	".mp3": "audio/mpeg", ".flac": "audio/flac", ".m4a": "audio/mp4", ".m4b": "audio/mp4", ".aac": "audio/aac",
	".ogg": "audio/ogg", ".oga": "audio/ogg", ".opus": "audio/ogg", ".wav": "audio/wav", ".wma": "audio/x-ms-wma",
	".ape": "audio/x-ape", ".aiff": "audio/aiff", ".mka": "audio/x-matroska", ".mid": "audio/midi",

	".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".gif": "image/gif", ".webp": "image/webp",
	".avif": "image/avif", ".heic": "image/heic", ".bmp": "image/bmp", ".tif": "image/tiff", ".tiff": "image/tiff",
	".svg": "image/svg+xml", ".ico": "image/vnd.microsoft.icon", ".psd": "image/vnd.adobe.photoshop",

	".srt": "application/x-subrip", ".vtt": "text/vtt", ".ass": "text/x-ssa", ".ssa": "text/x-ssa", ".sub": "text/plain",
	".txt": "text/plain", ".nfo": "text/plain", ".log": "text/plain", ".md": "text/markdown", ".csv": "text/csv",
	".html": "text/html", ".htm": "text/html", ".css": "text/css", ".js": "text/javascript", ".xml": "application/xml",
	".json": "application/json", ".sfv": "text/plain", ".md5": "text/plain", ".cue": "text/plain", ".m3u": "audio/x-mpegurl",

	".pdf": "application/pdf", ".epub": "application/epub+zip", ".mobi": "application/x-mobipocket-ebook",
	".azw3": "application/vnd.amazon.ebook", ".djvu": "image/vnd.djvu", ".cbz": "application/vnd.comicbook+zip",
	".cbr": "application/vnd.comicbook-rar", ".doc": "application/msword", ".xls": "application/vnd.ms-excel",
	".ppt": "application/vnd.ms-powerpoint", ".rtf": "application/rtf", ".odt": "application/vnd.oasis.opendocument.text",
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",

	".zip": "application/zip", ".rar": "application/vnd.rar", ".7z": "application/x-7z-compressed", ".tar": "application/x-tar",
	".gz": "application/gzip", ".tgz": "application/gzip", ".bz2": "application/x-bzip2", ".xz": "application/x-xz",
	".zst": "application/zstd", ".iso": "application/x-iso9660-image", ".img": "application/x-raw-disk-image",
	".dmg": "application/x-apple-diskimage", ".deb": "application/vnd.debian.binary-package", ".rpm": "application/x-rpm",
	".apk": "application/vnd.android.package-archive", ".exe": "application/vnd.microsoft.portable-executable",
	".msi": "application/x-msi", ".jar": "application/java-archive", ".torrent": "application/x-bittorrent",
}

// MimeType answers the media type that a file's extension stands for, application/octet-stream
// when it is not known (https://www.iana.org/assignments/media-types).
func MimeType(name string) string {
	if t, ok := mimeTypes[strings.ToLower(path.Ext(name))]; ok {
		return t
	}
	return "application/octet-stream"
}

// FileKind is a group of media types.
type FileKind string

// The kinds.
const (
	FileVideo    FileKind = "video"
	FileAudio    FileKind = "audio"
	FileImage    FileKind = "image"
	FileText     FileKind = "text"
	FileDocument FileKind = "document"
	FileArchive  FileKind = "archive"
	FileOther    FileKind = "other"
)

// FileKinds lists every kind.
func FileKinds() []FileKind {
	return []FileKind{FileVideo, FileAudio, FileImage, FileText, FileDocument, FileArchive, FileOther}
}

// kindsOfExtensions names the kinds of what is not told by the first half of its media type.
var kindsOfExtensions = map[FileKind]string{
	FileText:     ".srt .json .xml",
	FileDocument: ".pdf .epub .mobi .azw3 .djvu .cbz .cbr .doc .xls .ppt .rtf .odt .docx .xlsx .pptx",
	FileArchive:  ".zip .rar .7z .tar .gz .bz2 .xz .zst .iso .img .dmg",
}

var kindsOfTypes = sync.OnceValue(func() map[string]FileKind {
	kinds := map[string]FileKind{"application/octet-stream": FileOther}
	for _, mime := range mimeTypes {
		half, _, _ := strings.Cut(mime, "/")
		if kinds[mime] = FileKind(half); !slices.Contains(FileKinds(), FileKind(half)) {
			kinds[mime] = FileOther
		}
	}
	for kind, extensions := range kindsOfExtensions {
		for extension := range strings.FieldsSeq(extensions) {
			kinds[mimeTypes[extension]] = kind
		}
	}
	return kinds
})

// KindOf answers the kind of a media type that MimeType answers.
func KindOf(mime string) FileKind { return cmp.Or(kindsOfTypes()[mime], FileOther) }

// MimeTypesOf lists the media types of a kind, as MimeType answers them, in the order of their letters.
func MimeTypesOf(kind FileKind) (types []string) {
	for mime, is := range kindsOfTypes() {
		if is == kind {
			types = append(types, mime)
		}
	}
	slices.Sort(types)
	return types
}
