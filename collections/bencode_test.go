package collections

import (
	"runtime"
	"strings"
	"testing"
)

func TestCheckBencodeRefusesWhatIsNotExactlyOneValue(t *testing.T) {
	long := strings.Repeat("9", 400)
	cases := map[string]string{
		"nothing at all":                            "",
		"a lone end":                                "e",
		"a letter that begins nothing":              "x",
		"65 levels of lists":                        strings.Repeat("l", 65) + strings.Repeat("e", 65),
		"101 levels of dictionaries":                strings.Repeat("d1:a", 101) + "0:" + strings.Repeat("e", 101),
		"three million levels":                      strings.Repeat("l", 3_000_000),
		"a list without end":                        "li1e",
		"a dictionary without end":                  "d1:ai1e",
		"a key without value":                       "d1:ae",
		"a number as key":                           "di1ei2ee",
		"a list as key":                             "dlei2ee",
		"a length of -1":                            "-1:a",
		"a length of -0":                            "-0:",
		"a length with a leading zero":              "01:a",
		"a length of 00":                            "00:",
		"a length with a plus":                      "+1:a",
		"a length with a space":                     " 1:a",
		"a length beyond the input":                 "5:abcd",
		"a length of 2^31":                          "2147483648:a",
		"a length of 2^63-1":                        "9223372036854775807:a",
		"a length of 2^63":                          "9223372036854775808:a",
		"a length of 2^64":                          "18446744073709551616:a",
		"a length of 400 digits":                    long + ":a",
		"a length without colon":                    "4",
		"a colon without length":                    ":a",
		"the integer -0":                            "i-0e",
		"an integer with a leading zero":            "i01e",
		"a negative integer with a leading zero":    "i-01e",
		"an integer without digits":                 "ie",
		"an integer of a sign only":                 "i-e",
		"an integer with a plus":                    "i+1e",
		"an integer with a fraction":                "i1.5e",
		"an integer in hexadecimal":                 "i0x1e",
		"an integer with an underscore":             "i1_0e",
		"the integer 2^63":                          "i9223372036854775808e",
		"the integer -2^63-1":                       "i-9223372036854775809e",
		"the integer 10^400":                        "i1" + strings.Repeat("0", 400) + "e",
		"an integer without end":                    "i12",
		"a trailing byte":                           "i1ex",
		"a second value":                            "i1ei2e",
		"the same key twice":                        "d1:ai1e1:ai2ee",
		"keys out of order":                         "d1:bi1e1:ai2ee",
		"keys out of order in an inner dictionary":  "d1:ad1:bi1e1:ai2eee",
		"the empty key twice":                       "d0:i1e0:i2ee",
		"an end where a dictionary's value belongs": "d1:ali1eee1:",
	}
	for name, input := range cases {
		t.Run(name, func(t *testing.T) {
			if err := checkBencode([]byte(input), true); CodeOf(err) != CodeInvalidTorrent {
				t.Fatalf("%.40q: %v", input, err)
			}
		})
	}
}

func TestCheckBencodeAcceptsEverySortOfValue(t *testing.T) {
	for _, input := range []string{
		"0:", "3:a\x00b", "i0e", "i-1e", "i9223372036854775807e", "i-9223372036854775808e", "le", "de",
		"d0:0:1:ale1:bdee", strings.Repeat("l", 64) + strings.Repeat("e", 64),
	} {
		if err := checkBencode([]byte(input), true); err != nil {
			t.Errorf("%q: %v", input, err)
		}
		if end := bencode(input + "tail").end(); end != len(input) {
			t.Errorf("%q ends at %d", input, end)
		}
	}
}

func TestCheckBencodeToleratesOrderOnlyWhenAsked(t *testing.T) {
	if err := checkBencode([]byte("d1:bi1e1:ai2ee"), false); err != nil {
		t.Error(err)
	}
	if err := checkBencode([]byte("d1:ai1e1:ai2ee"), false); err == nil {
		t.Error("the same key twice was accepted")
	}
}

func TestCheckBencodeHoldsNoMemoryForTokens(t *testing.T) {
	tokens := func(n int) []byte { return []byte("l" + strings.Repeat("le", (n-2)/2) + "e") }
	most, more := tokens(MaxBencodeTokens), tokens(MaxBencodeTokens+2)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	errMost, errMore := checkBencode(most, true), checkBencode(more, true)
	runtime.ReadMemStats(&after)
	if errMost != nil {
		t.Errorf("%d tokens: %v", MaxBencodeTokens, errMost)
	}
	if CodeOf(errMore) != CodeTooLarge {
		t.Errorf("%d tokens: %v", MaxBencodeTokens+2, errMore)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
		t.Errorf("%d bytes were allocated", grown)
	}
}
