package collections

// Infohash is a v1 infohash (BEP 3): 40 lower-case hexadecimal digits.
type Infohash string

// ParseInfohash reads 40 hexadecimal digits in any case, or 32 of base32 (BEP 9).
func ParseInfohash(s string) (Infohash, error) { panic("unwritten") }
