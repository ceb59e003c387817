package plugins

import (
	"os"
	"path/filepath"
	"regexp"

	"github.com/longshore-project/longshore/collections"
)

// MaxMessageBytes bounds every message between agent and engine.
const MaxMessageBytes = 64 << 20

var idPattern = regexp.MustCompile(`^[0-9A-Za-z]{1,64}$`)

// Validate checks what an engine need not trust its caller for: the id's letters, that the folder is
// absolute, clean and there, that a magnet or metainfo is given, and that ranges ascend. Serve calls it; its errors have the code invalid.
func (r AddRequest) Validate() error {
	if !idPattern.MatchString(r.ID) {
		return invalid("an id has 1 to 64 letters and digits")
	}
	if err := validateDir(r.Dir); err != nil {
		return err
	}
	if len(r.Metainfo) == 0 && r.Magnet == "" {
		return invalid("neither magnet nor metainfo is given")
	}
	if len(r.Magnet) > collections.MaxMagnetBytes {
		return invalid("the magnet is over %d bytes", collections.MaxMagnetBytes)
	}
	return validateRanges(r.Skip)
}

func validateDir(dir string) error {
	if !filepath.IsAbs(dir) || filepath.Clean(dir) != dir {
		return invalid("the folder's path is not absolute and clean")
	}
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() {
		return invalid("the folder does not exist")
	}
	return nil
}

func validateRanges(ranges []Range) error {
	for _, r := range ranges {
		if r.Begin < 0 || r.End <= r.Begin || r.End > collections.MaxPieces {
			return invalid("[%d, %d) is no range of pieces", r.Begin, r.End)
		}
	}
	return nil
}
