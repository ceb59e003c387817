package storage

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"strings"
)

const maxParts = 10_000 // https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html

// SameETag tells whether two ETags are one. Stores differ in whether they quote them.
func SameETag(a, b string) bool {
	return strings.Trim(a, `"`) == strings.Trim(b, `"`)
}

func quote(etag string) string {
	return `"` + strings.Trim(etag, `"`) + `"`
}

// checkParts refuses a list that leaves a gap, before a store joins it without one.
func checkParts(parts []Part) error {
	if len(parts) == 0 || len(parts) > maxParts {
		return fmt.Errorf("%w: %d parts", ErrInvalidPart, len(parts))
	}
	for i, p := range parts {
		if p.Number != i+1 || p.Size < 1 {
			return fmt.Errorf("%w: part %d of %d bytes in place %d", ErrInvalidPart, p.Number, p.Size, i+1)
		}
	}
	return nil
}

func totalSize(parts []Part) (sum int64) {
	for _, p := range parts {
		sum += p.Size
	}
	return sum
}

// multipartETag answers the ETag that S3 gives to an object joined from parts: the MD5
// of the parts' MD5s and their number. It answers false when an ETag is no MD5, as with
// some kinds of encryption
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html).
func multipartETag(parts []Part) (string, bool) {
	all := md5.New()
	for _, p := range parts {
		sum, err := hex.DecodeString(strings.Trim(p.ETag, `"`))
		if err != nil || len(sum) != md5.Size {
			return "", false
		}
		all.Write(sum)
	}
	return fmt.Sprintf(`"%x-%d"`, all.Sum(nil), len(parts)), true
}
