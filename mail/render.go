package mail

import (
	_ "embed"
	htmltemplate "html/template"
	"strings"
	"text/template"
	"unicode"
)

// Lengths in characters. A subject's name stays below 998 bytes when each character becomes twelve (RFC 5322, 2.1.1).
const (
	maxSubjectName = 60
	maxName        = 200
	maxError       = 500
)

var (
	//go:embed letter.txt
	textSource string
	//go:embed letter.html
	htmlSource string

	textTemplate = template.Must(template.New("text").Parse(textSource))
	htmlTemplate = htmltemplate.Must(htmltemplate.New("html").Parse(htmlSource))
)

// render answers the letter as plain text and as HTML, in which all that came from outside is escaped.
func (l *letter) render() (text, html string, err error) {
	var plain, rich strings.Builder
	if err := textTemplate.Execute(&plain, l); err != nil {
		return "", "", err
	}
	if err := htmlTemplate.Execute(&rich, l); err != nil {
		return "", "", err
	}
	return plain.String(), rich.String(), nil
}

// torrentName answers the name of a torrent as it can stand in a line.
func torrentName(name string, max int) string {
	if name = oneLine(name, max); name != "" {
		return "“" + name + "”"
	}
	return "A torrent without a name"
}

// oneLine makes one short line of s: without line ends, other control characters and marks that turn the direction of
// writing, which a name from outside may have to look like something else.
func oneLine(s string, max int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, s)
	letters := []rune(strings.Join(strings.Fields(s), " "))
	if len(letters) > max {
		return string(letters[:max-1]) + "…"
	}
	return string(letters)
}
