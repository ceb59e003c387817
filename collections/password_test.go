package collections

import (
	"strings"
	"testing"
)

func TestJudgePassword(t *testing.T) {
	const email = "ann.miller@example.com"
	for _, tc := range []struct {
		name, password string
		good           bool
	}{
		{"random words", "correct horse battery", true},
		{"a weak word among others", "another long password", true},
		{"random digits", "837465920173", true},
		{"random characters", "kV9#tq!xW2rZ", true},
		{"another script", "пароль-для-гавани", true},
		{"seventy-one bytes", strings.Repeat("kV9#tq!xW2rZ", 6)[:59] + "and no more.", true},
		{"eleven characters", "kV9#tq!xW2r", false},
		{"twelve bytes that are six characters", "éèêëēĕ", false},
		{"seventy-two bytes", "kV9#tq!xW2rZ" + strings.Repeat("ab", 30), false},
		{"no UTF-8", "kV9#tq!xW2rZ\xff", false},
		{"on the list", "chesterfield", false},
		{"on the list, in capitals", "ChesterField", false},
		{"one character", "aaaaaaaaaaaa", false},
		{"few characters", "abababaabbab", false},
		{"a word twice", "hunter2hunter2", false},
		{"a word again and again", "kV9#kV9#kV9#kV", false},
		{"a common word and digits", "Password!2024", false},
		{"a common word in disguise", "P@$$w0rd!2024", false},
		{"two common words", "letmeinadmin1", false},
		{"a row of digits", "123456789012345", false},
		{"a row of digits backwards", "987654321098", false},
		{"a row of keys", "qwertzuiopasdf", false},
		{"a column of keys", "1qaz2wsx3edc!", false},
		{"the alphabet", "abcdefghijklmn", false},
		{"the product's name", "Longshore2026!", false},
		{"the product's name in disguise", "L0ngsh0re!!2026", false},
		{"the address", "ann.miller@example.com", false},
		{"the address's first part", "Ann.Miller1984", false},
		{"the address's domain", "Example!2026!", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if why := JudgePassword(tc.password, email); (why == "") != tc.good {
				t.Errorf("%q: %q", tc.password, why)
			}
		})
	}
}

func TestCommonPasswordsCouldBeChosenOtherwise(t *testing.T) {
	list := commonPasswords()
	if len(list) < 300 {
		t.Errorf("the list has %d entries", len(list))
	}
	for word := range list {
		if len(word) < MinPasswordLength || word != strings.ToLower(word) {
			t.Errorf("%q can never be matched", word)
		}
		if JudgePassword(strings.ToUpper(word), "") == "" {
			t.Errorf("%q may be chosen", word)
		}
	}
}

func TestMatchingTheAddressNeedsOne(t *testing.T) {
	for _, email := range []string{"", "@", "a@b.c", "no address"} {
		if why := JudgePassword("correct horse battery", email); why != "" {
			t.Errorf("for %q: %s", email, why)
		}
	}
}
