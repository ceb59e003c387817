package collections

import (
	"encoding/base32"
	"encoding/hex"
	"strings"
)

// Infohash is a v1 infohash (BEP 3): 40 lower-case hexadecimal digits.
type Infohash string

// ParseInfohash reads 40 hexadecimal digits in any case, or 32 of base32 (BEP 9). Its errors have the code invalid_input.
func ParseInfohash(s string) (Infohash, error) {
	raw, err := hex.DecodeString(s)
	if len(s) == 32 {
		raw, err = base32.StdEncoding.DecodeString(strings.ToUpper(s))
	}
	if err != nil || len(raw) != 20 {
		return "", Errorf(CodeInvalidInput, "An infohash has 40 hexadecimal digits, or 32 of base32.")
	}
	return Infohash(hex.EncodeToString(raw)), nil
}
