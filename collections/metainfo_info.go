package collections

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"unicode/utf8"
)

func badTorrent(format string, args ...any) error {
	return Errorf(CodeInvalidTorrent, format, args...)
}

// ParseInfo validates a bare info dictionary, as a magnet's swarm hands it out. Its
// errors have the code invalid_torrent or too_large. The result refers to info.
func ParseInfo(info []byte) (*Metainfo, error) {
	if len(info) > MaxMetadataBytes {
		return nil, Errorf(CodeTooLarge, "The torrent's metadata is larger than %d bytes.", MaxMetadataBytes)
	}
	if err := checkBencode(info, true); err != nil {
		return nil, err
	}
	if !bencode(info).is('d') {
		return nil, badTorrent("This is not a torrent: its info is no dictionary.")
	}
	d, err := bencode(info).pick("file tree", "files", "length", "meta version", "name", "name.utf-8", "piece length", "pieces", "private")
	if err != nil {
		return nil, err
	}
	sum := sha1.Sum(info)
	m := &Metainfo{Infohash: Infohash(hex.EncodeToString(sum[:])), InfoBytes: info}
	for _, read := range []func(map[string]bencode) error{m.readVersion, m.readPieces, m.readName, m.readFiles, m.checkSize} {
		if err := read(d); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// readVersion tells v1, hybrid and v2-only torrents apart (BEP 52).
func (m *Metainfo) readVersion(d map[string]bencode) error {
	version, _ := d["meta version"].integer()
	v1 := d["pieces"] != nil && (d["length"] != nil || d["files"] != nil)
	v2 := version >= 2 || d["file tree"] != nil
	if v2 && !v1 {
		return badTorrent("This is a BitTorrent v2-only torrent, which this engine does not support yet.")
	}
	if version == 2 {
		sum := sha256.Sum256(m.InfoBytes)
		m.InfohashV2 = hex.EncodeToString(sum[:])
	}
	private, _ := d["private"].integer()
	m.Private = private == 1
	return nil
}

func (m *Metainfo) readPieces(d map[string]bencode) error {
	length, ok := d["piece length"].integer()
	if !ok {
		return badTorrent("The torrent does not say how long its pieces are.")
	}
	if length < 1 || length > MaxPieceLength {
		return badTorrent("The torrent's piece length of %d bytes is not between 1 and %d.", length, MaxPieceLength)
	}
	pieces, ok := d["pieces"].str()
	if !ok || len(pieces)%sha1.Size != 0 {
		return badTorrent("The torrent's piece hashes are missing or malformed.")
	}
	if len(pieces)/sha1.Size > MaxPieces {
		return Errorf(CodeTooLarge, "The torrent has more than %d pieces.", MaxPieces)
	}
	m.PieceLength, m.NumPieces, m.pieces = length, len(pieces)/sha1.Size, pieces
	return nil
}

func (m *Metainfo) readName(d map[string]bencode) error {
	name, ok := d["name"].str()
	if !ok {
		return badTorrent("The torrent has no name.")
	}
	modern, ok := d["name.utf-8"].str()
	if escapes(string(name)) || escapes(string(modern)) {
		return badTorrent("The torrent's name %.80q leads out of its folder.", name)
	}
	if ok && utf8.Valid(modern) {
		name = modern
	}
	if m.Name = cutName(presentable(string(name)), MaxNameBytes); m.Name == "" || m.Name == "." {
		m.Name = string(m.Infohash)
	}
	return nil
}

func (m *Metainfo) checkSize(map[string]bencode) error {
	wanted := int64(0)
	for i := range m.Files {
		if m.Files[i].Wanted() {
			wanted += m.Files[i].Size
		}
	}
	if wanted == 0 {
		return badTorrent("The torrent holds no content.")
	}
	if need := (m.TotalSize + m.PieceLength - 1) / m.PieceLength; need != int64(m.NumPieces) {
		return badTorrent("The torrent has %d piece hashes, but its files need %d.", m.NumPieces, need)
	}
	return nil
}
