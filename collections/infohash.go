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

// ParseAnyInfohash reads a v1 infohash as ParseInfohash does, or a v2 one (BEP 52): 64 hexadecimal digits in any case, with or
// without the multihash's 1220 before them. It answers lower-case hexadecimal. Its errors have the code invalid_input.
func ParseAnyInfohash(s string) (string, error) {
	if len(s) == 68 {
		s = strings.TrimPrefix(s, "1220")
	}
	if raw, err := hex.DecodeString(s); err == nil && len(raw) == 32 {
		return hex.EncodeToString(raw), nil
	}
	v1, err := ParseInfohash(s)
	if err != nil {
		return "", Errorf(CodeInvalidInput, "An infohash has 40 hexadecimal digits or 32 of base32, one of version 2 has 64 hexadecimal digits.")
	}
	return string(v1), nil
}
