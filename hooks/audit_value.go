package hooks

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// maxAuditValue bounds what the audit keeps of one value, in bytes.
const maxAuditValue = 256

// masked stands for a secret that is there.
const masked = "***"

func mask(v any) any {
	if isEmpty(encode(v)) {
		return nil
	}
	return masked
}

// same: before a creation and after a deletion everything is empty.
func same(a, b any) bool {
	x, y := encode(a), encode(b)
	return bytes.Equal(x, y) || isEmpty(x) && isEmpty(y)
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return b
}

func isEmpty(encoded []byte) bool {
	switch string(encoded) {
	case "", "null", `""`, "0", "false", "[]", "{}":
		return true
	}
	return false
}

// bounded answers v as it is in JSON, or the beginning of that as a text.
func bounded(v any) any {
	b := encode(v)
	if isEmpty(b) {
		return nil
	}
	if len(b) <= maxAuditValue {
		return json.RawMessage(b)
	}
	cut := b[:maxAuditValue]
	for !utf8.Valid(cut) {
		cut = cut[:len(cut)-1]
	}
	return string(cut) + "…"
}
