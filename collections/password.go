package collections

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// MaxPasswordBytes is what bcrypt takes into account, less one that PocketBase keeps.
const MaxPasswordBytes = 71

// minHardCharacters of a password must belong to no word, row of keys, year or name that everybody tries first.
const (
	minHardCharacters = 6
	minDistinct       = 5
	minRun            = 4 // characters in the order of a row that count as one of it
	minName           = 3 // characters of an address's parts that are worth a look
)

//go:embed password_common.txt
var commonPasswordList string

var commonPasswords = sync.OnceValue(func() map[string]bool {
	list := map[string]bool{}
	for line := range strings.Lines(commonPasswordList) {
		if word := strings.TrimSpace(line); word != "" && !strings.HasPrefix(word, "#") {
			list[word] = true
		}
	}
	return list
})

// weakWords are tried first by everybody who guesses, alone and with something before or behind.
var weakWords = strings.Fields(`longshore password passwort motdepasse contrasena parola welcome willkommen letmein login secret changeme
	iloveyou administrator admin master superman batman dragon monkey football baseball sunshine princess shadow
	michael jordan pokemon starwars computer internet trustno default`)

// rows are orders in which fingers walk over keys.
var rows = func() []string {
	forth := []string{
		"abcdefghijklmnopqrstuvwxyz", "012345678901234567890", "qwertyuiop[]", "qwertzuiopü", "azertyuiop", "asdfghjkl;'", "qsdfghjklm", "zxcvbnm,./", "yxcvbnm",
		"1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik", "qazwsxedcrfvtgbyhnujmik", "1q2w3e4r5t6y7u8i9o0p", "!@#$%^&*()",
	}
	both := slices.Clone(forth)
	for _, row := range forth {
		keys := []rune(row)
		slices.Reverse(keys)
		both = append(both, string(keys))
	}
	return both
}()

// plainLetters undoes what people put in the place of letters.
var plainLetters = strings.NewReplacer("@", "a", "4", "a", "0", "o", "1", "i", "!", "i", "3", "e", "$", "s", "5", "s", "7", "t")

// JudgePassword says why nobody should have this password, in a sentence for a person; it is empty when the password
// will do. Case does not matter. The rules are those of NIST SP 800-63B, 5.1.1.2: long, and not among what is tried
// first, which is common passwords, repetitions, rows of keys, the service's name and the account's own address.
func JudgePassword(password, email string) string {
	if utf8.RuneCountInString(password) < MinPasswordLength {
		return "A password needs at least 12 characters."
	}
	if len(password) > MaxPasswordBytes || !utf8.ValidString(password) {
		return "A password may have at most 71 bytes."
	}
	lower := strings.ToLower(password)
	switch {
	case commonPasswords()[lower]:
		return "This password is among the most common ones. A few random words do well."
	case repeats([]rune(lower)):
		return "This password repeats itself. A few random words do well."
	case hard(lower, email) < minHardCharacters || hard(plainLetters.Replace(lower), email) < minHardCharacters:
		return "This password is easy to guess: it is little more than a common word, a row of keys or a name. A few random words do well."
	}
	return ""
}

// repeats says whether a password is one short thing again and again, or made of very few characters.
func repeats(password []rune) bool {
	distinct := map[rune]bool{}
	for _, r := range password {
		distinct[r] = true
	}
	if len(distinct) < minDistinct {
		return true
	}
	for period := 1; period < MinPasswordLength && period*2 <= len(password); period++ {
		if slices.Equal(password[period:], password[:len(password)-period]) {
			return true
		}
	}
	return false
}

// hard counts the characters that are left when all is taken away that is tried first.
func hard(password, email string) int {
	for _, word := range append(namesOf(strings.ToLower(email)), weakWords...) {
		password = strings.ReplaceAll(password, word, "")
	}
	keys, count := []rune(password), 0
	for i := 0; i < len(keys); {
		if n := walk(keys[i:]); n > 0 {
			i += n
			continue
		}
		if i == 0 || keys[i] != keys[i-1] {
			count++
		}
		i++
	}
	return count
}

// namesOf answers the address and its parts.
func namesOf(email string) []string {
	names := []string{email}
	local, domain, _ := strings.Cut(email, "@")
	domain, _, _ = strings.Cut(domain, ".")
	names = append(names, local, domain)
	return slices.DeleteFunc(names, func(name string) bool { return utf8.RuneCountInString(name) < minName })
}

// walk answers how many of the first keys are a row's or a year.
func walk(keys []rune) int {
	if len(keys) < minRun {
		return 0
	}
	longest := 0
	for n := minRun; n <= len(keys) && slices.ContainsFunc(rows, func(row string) bool { return strings.Contains(row, string(keys[:n])) }); n++ {
		longest = n
	}
	if year := string(keys[:minRun]); longest == 0 && (strings.HasPrefix(year, "19") || strings.HasPrefix(year, "20")) && isDigits(year) {
		return minRun
	}
	return longest
}

func isDigits(s string) bool { return strings.Trim(s, "0123456789") == "" }
