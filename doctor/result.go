package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Result is what an examination found. In JSON it has "ok" besides its fields.
type Result struct {
	At     time.Time `json:"at"`
	Deep   bool      `json:"deep"`
	Checks []Check   `json:"checks"`
	Tests  []Held    `json:"held_by_tests"`
}

// Check is the outcome for one invariant.
type Check struct {
	Number     int         `json:"number"`
	Title      string      `json:"title"`
	Skipped    bool        `json:"skipped,omitempty"`
	Note       string      `json:"note,omitempty"`       // why it, or what part of it, was not looked at
	Count      int         `json:"count"`                // of violations
	Violations []Violation `json:"violations,omitempty"` // the first of them
}

// Violation is one place where an invariant is broken.
type Violation struct {
	ID     string `json:"id"` // of the record, or the key of an object
	Detail string `json:"detail"`
}

// Held names the test that holds an invariant.
type Held struct {
	Number  int    `json:"number"`
	Title   string `json:"title"`
	Package string `json:"package"`
	Test    string `json:"test"`
}

const maxViolations = 20

// OK says whether nothing was found.
func (r Result) OK() bool {
	return !slices.ContainsFunc(r.Checks, func(c Check) bool { return c.Count > 0 })
}

func (r *Result) cap() {
	for i := range r.Checks {
		c := &r.Checks[i]
		c.Violations = slices.Clip(c.Violations[:min(len(c.Violations), maxViolations)])
	}
}

// keep drops the violations that a second look did not find.
func (c *Check) keep(again Check) {
	still := map[string]bool{}
	for _, v := range again.Violations {
		still[v.ID] = true
	}
	c.Violations = slices.DeleteFunc(c.Violations, func(v Violation) bool { return !still[v.ID] })
	c.Count = len(c.Violations)
}

// MarshalJSON adds "ok".
func (r Result) MarshalJSON() ([]byte, error) {
	type plain Result
	return json.Marshal(struct {
		OK bool `json:"ok"`
		plain
	}{r.OK(), plain(r)})
}

// Write prints the result for people.
func (r Result) Write(w io.Writer) error {
	var b strings.Builder
	for _, c := range r.Checks {
		c.write(&b)
	}
	for _, t := range r.Tests {
		fmt.Fprintf(&b, "test  %2d  %s (%s.%s)\n", t.Number, t.Title, t.Package, t.Test)
	}
	if r.OK() {
		b.WriteString("Everything that was checked holds.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (c Check) write(b *strings.Builder) {
	word := "ok  "
	switch {
	case c.Count > 0:
		word = "FAIL"
	case c.Skipped:
		word = "skip"
	}
	fmt.Fprintf(b, "%s  %2d  %s", word, c.Number, c.Title)
	if c.Note != "" {
		fmt.Fprintf(b, " (not checked: %s)", c.Note)
	}
	b.WriteByte('\n')
	for _, v := range c.Violations {
		fmt.Fprintf(b, "          %s: %s\n", v.ID, v.Detail)
	}
	if more := c.Count - len(c.Violations); more > 0 {
		fmt.Fprintf(b, "          and %d more\n", more)
	}
}
