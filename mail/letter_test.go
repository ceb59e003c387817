package mail

import (
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/longshore-project/longshore/collections"
)

func TestEveryKindOfMail(t *testing.T) {
	r := newRig(t)
	user := r.user("ann@example.com")
	user.SetVerified(false)
	if err := r.app.Save(user); err != nil {
		t.Fatal(err)
	}
	verified := r.user("bob@example.com")
	r.start()
	kinds := []collections.MailKind{}
	for _, tc := range []struct {
		kind          collections.MailKind
		user, address string
		data          any
		to, subject   string
		link          string // without a token's value
		says          []string
	}{
		{collections.MailReset, user.Id, "", nil, "ann@example.com", "Choose a new password for Longshore", public + "/auth/reset#token=", []string{"one hour", "do nothing"}},
		{collections.MailVerify, user.Id, "", nil, "ann@example.com", "Verify your e-mail address for Longshore", public + "/auth/verify-email#token=", []string{"three days"}},
		{collections.MailEmail, user.Id, "new@example.com", nil, "new@example.com", "Confirm your new e-mail address for Longshore", public + "/auth/verify-email#token=", []string{"new@example.com"}},
		{
			collections.MailChanged, user.Id, "old@example.com", collections.EmailChangedMail{Email: "new@example.com"}, "old@example.com",
			"The e-mail address of your Longshore account has changed", "", []string{"old@example.com", "new@example.com"},
		},
		{collections.MailExists, user.Id, "", nil, "ann@example.com", "You have a Longshore account already", public + "/auth/login", []string{"Nothing was changed"}},
		{collections.MailWelcome, user.Id, "", nil, "ann@example.com", "You have a Longshore account", public + "/auth/reset#token=", []string{"ann@example.com"}},
		{
			collections.MailJobFinished, verified.Id, "", collections.JobFinishedMail{JobID: "aaaaaaaaaaaaaaa", Name: "Sintel", Status: collections.StatusCompleted},
			"bob@example.com", "Ready: “Sintel”", public + "/dashboard/aaaaaaaaaaaaaaa", []string{"“Sintel” is complete"},
		},
		{
			collections.MailJobFinished, verified.Id, "", collections.JobFinishedMail{JobID: "aaaaaaaaaaaaaaa", Name: "Sintel", Status: collections.StatusFailed, Error: "Nobody has it."},
			"bob@example.com", "Failed: “Sintel”", public + "/dashboard/aaaaaaaaaaaaaaa", []string{"could not be finished", "Nobody has it."},
		},
		{
			collections.MailLeaving, verified.Id, "", collections.LeavingMail{More: 7, Jobs: []collections.LeavingJob{{JobID: "bbbbbbbbbbbbbbb", Name: "Sintel", LeavesAt: "2026-12-01T10:00:00Z"}}},
			"bob@example.com", "Files of yours will be removed soon", public + "/dashboard/bbbbbbbbbbbbbbb", []string{"“Sintel”", "until 1 December 2026, 10:00 UTC", "and 7 more"},
		},
	} {
		kinds = append(kinds, tc.kind)
		t.Run(tc.subject, func(t *testing.T) {
			r.t = t
			r.queue(tc.user, tc.kind, tc.address, tc.data)
			m := r.smtp.Next()
			if m.To != tc.to || m.Subject != tc.subject {
				t.Errorf("%q to %s", m.Subject, m.To)
			}
			for _, words := range append(tc.says, tc.link) {
				if !strings.Contains(m.Text, words) || !strings.Contains(m.HTML, words) {
					t.Errorf("it does not say %q:\n%s\n%s", words, m.Text, m.HTML)
				}
			}
			if _, token := m.Link(); strings.HasSuffix(tc.link, "=") && (len(token) != 43 || !strings.Contains(m.HTML, token)) {
				t.Errorf("the token is %q", token)
			}
		})
	}
	for _, kind := range collections.MailKinds() {
		if !slices.Contains(kinds, kind) {
			t.Errorf("no mail of the kind %s was looked at", kind)
		}
	}
}

func TestHeaders(t *testing.T) {
	r := newRig(t)
	ann := r.user("ann@example.com")
	r.start()
	r.queue(ann.Id, collections.MailReset, "", nil)
	m := r.smtp.Next()
	from, err := mail.ParseAddress(m.Header.Get("From"))
	if err != nil || from.Name != "Longshore Häfen" || from.Address != m.From {
		t.Errorf("From is %v, %v", from, err)
	}
	if date, err := m.Header.Date(); err != nil || time.Since(date).Abs() > time.Hour {
		t.Errorf("Date is %s, %v", date, err)
	}
	if id := m.Header.Get("Message-Id"); !regexp.MustCompile(`^<[a-z0-9]{15}@example\.org>$`).MatchString(id) {
		t.Errorf("Message-ID is %q", id)
	}
	if auto := m.Header.Get("Auto-Submitted"); auto != "auto-generated" {
		t.Errorf("Auto-Submitted is %q", auto)
	}
}

func TestHostileNames(t *testing.T) {
	r := newRig(t)
	ann := r.user("ann@example.com")
	r.start()
	names := map[string]string{
		"a line end":          "Sintel\r\nBcc: eve@example.com\r\n\r\n<h1>hello</h1>",
		"a carriage return":   "Sintel\rBcc: eve@example.com",
		"a line feed":         "Sintel\nBcc: eve@example.com",
		"other line ends":     "Sintel\u2028Bcc: eve@example.com\u0085x\vx\fx",
		"control characters":  "Sin\x00tel\x1b[31m",
		"markup":              `<script>alert(1)</script><img src=x onerror="alert(1)"> & 'quotes'`,
		"a template":          "{{.Site}} {{template \"x\"}}",
		"a turned direction":  "Sintel\u202e4pm.exe",
		"no UTF-8":            "Sin\xfftel",
		"a very long name":    strings.Repeat("🎬", 1<<14),
		"an encoded word":     "=?UTF-8?Q?hidden?=",
		"a dot on a line":     "\r\n.\r\nMAIL FROM:<eve@example.com>",
		"nothing":             "",
		"nothing that counts": "\u202e\x00\r\n",
	}
	for name, torrent := range names {
		t.Run(name, func(t *testing.T) {
			r.t = t
			r.queue(ann.Id, collections.MailJobFinished, "", collections.JobFinishedMail{JobID: "aaaaaaaaaaaaaaa", Name: torrent, Status: collections.StatusFailed, Error: torrent})
			m := r.smtp.Next()
			if m.To != "ann@example.com" || m.Header.Get("Bcc") != "" || len(m.Header) != 11 {
				t.Errorf("to %s with the headers %v", m.To, m.Header)
			}
			if !strings.HasPrefix(m.Subject, "Failed: ") || strings.ContainsAny(m.Subject, "\r\n\x00\u202e") {
				t.Errorf("the subject is %q", m.Subject)
			}
			for _, tag := range []string{"<script", "<img", "<h1>hello"} {
				if strings.Contains(m.HTML, tag) {
					t.Errorf("the HTML has %q", tag)
				}
			}
			if strings.ContainsAny(m.HTML+m.Text, "\x00\x1b\u202e\u2028\v\f") {
				t.Errorf("a control character got through: %q", m.Text)
			}
			for _, line := range strings.Split(m.Raw, "\r\n") {
				if len(line) > 998 {
					t.Errorf("a line has %d bytes", len(line))
				}
			}
		})
	}
	if n := r.smtp.Count(); n != len(names) {
		t.Errorf("%d mails came", n)
	}
}
