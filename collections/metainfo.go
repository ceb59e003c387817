package collections

// Metainfo is a validated .torrent (BEP 3, 12, 19, 27, 47; the v1 side of a hybrid of BEP 52).
type Metainfo struct {
	Infohash    Infohash
	InfohashV2  string // of a hybrid, 64 hex digits, or ""
	Name        string // original spelling, at most MaxNameBytes
	Private     bool
	PieceLength int64
	NumPieces   int
	TotalSize   int64 // bytes of the piece space, pad files included
	Files       []MetaFile
	Trackers    []string // announce-list flattened, tier by tier, without duplicates
	Webseeds    []string
	InfoBytes   []byte // the bencoded info dictionary, as it was
	pieces      []byte
}

// MetaFile is one file of a torrent, at its place in the metainfo's order.
type MetaFile struct {
	Index    int
	Path     string // separated by "/", original spelling, without the torrent's name for a single file's own name
	DiskPath string // safe and unique relative path below the job's folder
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

// ParseMetainfo reads and validates a .torrent. Its errors have the code invalid_torrent or too_large.
func ParseMetainfo(b []byte) (*Metainfo, error) { panic("unwritten") }

// ParseInfo validates a bare info dictionary, as a magnet's swarm hands it out.
func ParseInfo(info []byte) (*Metainfo, error) { panic("unwritten") }

// BuildMetainfo wraps an info dictionary and trackers into a .torrent.
func BuildMetainfo(info []byte, trackers, webseeds []string) []byte { panic("unwritten") }
