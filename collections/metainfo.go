package collections

// Metainfo is a validated .torrent (BEP 3, 12, 19, 27, 47; the v1 side of a hybrid of BEP 52).
type Metainfo struct {
	Infohash    Infohash
	InfohashV2  string // of a hybrid, 64 hex digits, or ""
	Name        string // original spelling in valid UTF-8, at most MaxNameBytes; the infohash when it is empty
	Private     bool
	PieceLength int64
	NumPieces   int
	TotalSize   int64 // bytes of the piece space, pad files included
	Files       []MetaFile
	Trackers    []string // announce-list flattened, tier by tier, without duplicates, then announce; the first MaxTrackers
	Webseeds    []string // url-list; the first MaxWebseeds
	InfoBytes   []byte   // the bencoded info dictionary, as it was
	pieces      []byte
}

// MetaFile is one file of a torrent, at its place in the metainfo's order.
//
// Path begins with the torrent's name: it is the name alone for a torrent of one file, else
// name/folders/file. It has the original spelling (name.utf-8 and path.utf-8 where
// they are valid), but for bytes that are not UTF-8 and NUL, which become U+FFFD, a slash inside a component, which
// becomes U+2215, and empty and "." components, which are left out. Two files
// may have one Path, never one DiskPath.
type MetaFile struct {
	Index    int
	Path     string // for people, separated by "/", see below
	DiskPath string // safe and unique relative path below the job's folder, components of at most 255 bytes
	Size     int64
	Offset   int64 // of its first byte in the piece space
	Pad      bool  // BEP 47: never stored, uploaded or billed
	Symlink  bool  // BEP 47: never created, stored or billed
}

// Wanted says whether the file has content of its own to store.
func (f *MetaFile) Wanted() bool { return !f.Pad && !f.Symlink }

// PieceHash answers the SHA-1 of piece i.
func (m *Metainfo) PieceHash(i int) [20]byte {
	return [20]byte(m.pieces[i*20 : i*20+20])
}

// PieceSize answers the bytes of piece i.
func (m *Metainfo) PieceSize(i int) int64 {
	return min(m.PieceLength, m.TotalSize-int64(i)*m.PieceLength)
}

// FilePieces answers the range [begin, end) of pieces that hold bytes of the range
// [offset, offset+length) of file f.
func (m *Metainfo) FilePieces(f *MetaFile, offset, length int64) (begin, end int) {
	if length == 0 {
		return 0, 0
	}
	first := f.Offset + offset
	return int(first / m.PieceLength), int((first+length-1)/m.PieceLength + 1)
}

// ParseMetainfo reads and validates a .torrent of at most MaxStoredMetainfo bytes, which
// is what BuildMetainfo makes of the largest metadata; a route that takes uploads holds
// them to MaxMetainfoBytes. The info dictionary must be written as BEP 3 says;
// around it, keys in the wrong order and malformed trackers are tolerated. Its errors have
// the code invalid_torrent or too_large. The result refers to b.
func ParseMetainfo(b []byte) (*Metainfo, error) {
	if len(b) > MaxStoredMetainfo {
		return nil, Errorf(CodeTooLarge, "The torrent is larger than %d bytes.", MaxStoredMetainfo)
	}
	if err := checkBencode(b, false); err != nil {
		return nil, err
	}
	outer, err := bencode(b).pick("info", "announce", "announce-list", "url-list")
	if err != nil {
		return nil, err
	}
	if !outer["info"].is('d') {
		return nil, badTorrent("This is not a torrent: it has no info dictionary.")
	}
	m, err := ParseInfo(outer["info"])
	if err != nil {
		return nil, err
	}
	m.readURLs(outer)
	return m, nil
}

func (m *Metainfo) readURLs(outer map[string]bencode) {
	trackers, webseeds := newTrackers(), newWebseeds()
	trackers.addAll(outer["announce-list"])
	trackers.addAll(outer["announce"])
	webseeds.addAll(outer["url-list"])
	m.Trackers, m.Webseeds = trackers.list, webseeds.list
}

// BuildMetainfo wraps an info dictionary and trackers into a .torrent. The infohash stays what it is.
func BuildMetainfo(info []byte, trackers, webseeds []string) []byte {
	b := append(make([]byte, 0, len(info)+1024), 'd')
	if len(trackers) > 0 {
		b = appendString(appendString(b, "announce"), trackers[0])
		b = append(appendString(b, "announce-list"), 'l')
		for _, tracker := range trackers {
			b = appendStrings(b, []string{tracker})
		}
		b = append(b, 'e')
	}
	b = append(appendString(b, "info"), info...)
	if len(webseeds) > 0 {
		b = appendStrings(appendString(b, "url-list"), webseeds)
	}
	return append(b, 'e')
}
