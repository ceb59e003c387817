package storage

import (
	"fmt"
	"regexp"
)

const maxKeyBytes = 255

var (
	keyShape      = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z-]*(/[0-9A-Za-z][0-9A-Za-z-]*)*$`)
	uploadIDShape = regexp.MustCompile(`^[0-9a-f]{32}$`) // of the local kind
)

// checkKey keeps anything but ids out of keys, and so out of paths.
func checkKey(key string) error {
	if len(key) > maxKeyBytes || !keyShape.MatchString(key) {
		return fmt.Errorf("storage: %.300q is not a key", key)
	}
	return nil
}
