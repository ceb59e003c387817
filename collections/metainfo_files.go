package collections

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

// readFiles reads the one file of "length" or the many of "files".
func (m *Metainfo) readFiles(d map[string]bencode) error {
	single, multi := d["length"] != nil, d["files"] != nil
	if single == multi {
		return badTorrent("The torrent must have either a length or files.")
	}
	tree := newDiskTree()
	if single {
		return m.addFile(tree, d["length"], nil, nil)
	}
	if !d["files"].is('l') {
		return badTorrent("The torrent's list of files is malformed.")
	}
	n := 0
	for range d["files"].list() {
		n++
	}
	if n > MaxFiles {
		return Errorf(CodeTooLarge, "The torrent has %d files, more than %d.", n, MaxFiles)
	}
	m.Files = make([]MetaFile, 0, n)
	for entry := range d["files"].list() {
		if err := m.readFile(tree, entry); err != nil {
			return err
		}
	}
	return nil
}

func (m *Metainfo) readFile(tree *diskTree, entry bencode) error {
	d, err := entry.pick("attr", "length", "path", "path.utf-8")
	if err != nil {
		return err
	}
	path, ok := componentsOf(d["path"])
	if !ok {
		return badTorrent("File %d of the torrent has no usable path.", len(m.Files))
	}
	modern, ok := componentsOf(d["path.utf-8"])
	if leadsOut(path) || leadsOut(modern) {
		return badTorrent("The path of file %d leads out of the torrent's folder.", len(m.Files))
	}
	if ok && utf8.ValidString(strings.Join(modern, "")) {
		path = modern
	}
	attr, _ := d["attr"].str()
	return m.addFile(tree, d["length"], path, attr)
}

// addFile appends a file. path is what follows the torrent's name.
func (m *Metainfo) addFile(tree *diskTree, length bencode, path []string, attr []byte) error {
	f := MetaFile{Index: len(m.Files), Offset: m.TotalSize, Pad: bytes.IndexByte(attr, 'p') >= 0, Symlink: bytes.IndexByte(attr, 'l') >= 0}
	if err := m.measure(&f, length); err != nil {
		return err
	}
	components := m.pathOf(path)
	f.Path = strings.Join(components, "/")
	if len(f.Path) > MaxPathBytes {
		return badTorrent("The path of file %d is longer than %d bytes.", f.Index, MaxPathBytes)
	}
	var err error
	f.DiskPath, err = tree.place(components)
	m.Files = append(m.Files, f)
	return err
}

// pathOf answers the components of MetaFile.Path for what follows the torrent's name.
func (m *Metainfo) pathOf(path []string) []string {
	components := append(make([]string, 0, 1+len(path)), pathComponent(m.Name))
	for _, c := range path {
		if c != "" && c != "." {
			components = append(components, pathComponent(c))
		}
	}
	if len(path) > 0 && len(components) == 1 {
		return append(components, "_")
	}
	return components
}

// measure gives f its size and adds it to the total.
func (m *Metainfo) measure(f *MetaFile, length bencode) error {
	size, ok := length.integer()
	if !ok || size < 0 {
		return badTorrent("The length of file %d is missing or malformed.", f.Index)
	}
	if size > MaxSizeBytes-m.TotalSize {
		return Errorf(CodeTooLarge, "The torrent is larger than %d bytes.", int64(MaxSizeBytes))
	}
	if f.Pad && size > m.PieceLength {
		return badTorrent("Pad file %d is longer than a piece.", f.Index)
	}
	f.Size = size
	m.TotalSize += size
	return nil
}

// componentsOf reads a list of 1 to MaxPathDepth strings.
func componentsOf(v bencode) ([]string, bool) {
	var path []string
	for item := range v.list() {
		s, ok := item.str()
		if !ok || len(path) == MaxPathDepth {
			return nil, false
		}
		path = append(path, string(s))
	}
	return path, len(path) > 0
}

func leadsOut(path []string) bool { return slices.ContainsFunc(path, escapes) }
