package collections

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"unicode/utf8"
)

// diskTree gives each file of a torrent a path of its own: no two paths are equal
// on a disk that ignores case, and none is a file and a folder at once.
type diskTree struct {
	folders []diskName         // by number; 0 is the job's folder
	numbers map[diskName]int   // the folder that a name became
	taken   map[diskName]int32 // names in use, folded, with the highest number tried behind each
}

// diskName is a name in a folder.
type diskName struct {
	folder int
	name   string
}

func newDiskTree() *diskTree {
	return &diskTree{folders: make([]diskName, 1), numbers: map[diskName]int{}, taken: map[diskName]int32{}}
}

// place answers the path for a file of these components.
func (t *diskTree) place(components []string) (string, error) {
	safe := make([]string, len(components))
	length := 0
	for i, c := range components {
		safe[i] = safeName(c)
		length += len(safe[i]) + 1
	}
	if length > maxDiskPath {
		safe = flatten(safe)
	}
	folder, last := 0, len(safe)-1
	for _, name := range safe[:last] {
		if folder = t.enter(folder, name); len(t.folders) > MaxFolders {
			return "", Errorf(CodeTooLarge, "The torrent has more than %d folders.", MaxFolders)
		}
	}
	return t.path(folder, t.claim(folder, safe[last])), nil
}

// flatten replaces the folders between first and last by one.
func flatten(safe []string) []string {
	sum := sha256.Sum256([]byte(strings.Join(safe, "/")))
	return []string{safe[0], hex.EncodeToString(sum[:16]), safe[len(safe)-1]}
}

// enter answers the number of a folder, which it makes at its first use.
func (t *diskTree) enter(parent int, name string) int {
	key := diskName{parent, foldName(name)}
	number, known := t.numbers[key]
	if !known {
		number = len(t.folders)
		t.numbers[key] = number
		t.folders = append(t.folders, diskName{parent, t.claim(parent, name)})
	}
	return number
}

// claim takes name in folder, or the first numbered one that is free.
func (t *diskTree) claim(folder int, name string) string {
	key := diskName{folder, foldName(name)}
	if t.taken[key] == 0 {
		t.taken[key] = 1
		return name
	}
	for {
		t.taken[key]++
		other := numbered(name, int(t.taken[key]))
		if otherKey := (diskName{folder, foldName(other)}); t.taken[otherKey] == 0 {
			t.taken[otherKey] = 1
			return other
		}
	}
}

func (t *diskTree) path(folder int, name string) string {
	parts := append(make([]string, 0, 8), name)
	for ; folder != 0; folder = t.folders[folder].folder {
		parts = append(parts, t.folders[folder].name)
	}
	slices.Reverse(parts)
	return strings.Join(parts, "/")
}

// foldName answers the same text for names that a disk may take for one.
func foldName(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	return strings.ToLower(strings.ToUpper(s))
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
