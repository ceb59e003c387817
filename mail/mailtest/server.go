// Package mailtest gives tests a real SMTP server, aiosmtpd.
package mailtest

import (
	"bufio"
	_ "embed"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

//go:embed server.py
var script string

// Sender is the address that mails come from.
const Sender = "longshore@example.org"

const patience = 20 * time.Second

// python is the one that Debian's packages belong to.
const python = "/usr/bin/python3"

// Server is a running SMTP server. It refuses nobody@ for good, and later@ until Open.
type Server struct {
	t      testing.TB
	folder string
	seen   int // messages that Next has answered
	Port   int
}

// Start runs a server until the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, folder: t.TempDir()}
	if err := os.Mkdir(filepath.Join(s.folder, "new"), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "-c", script, s.folder)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the SMTP server did not start (python3-aiosmtpd): %v", err)
	}
	if s.Port, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
		t.Fatal(err)
	}
	return s
}

// Use makes the server that of an application's settings.
func (s *Server) Use(app core.App) {
	s.t.Helper()
	settings, err := app.Settings().Clone()
	if err != nil {
		s.t.Fatal(err)
	}
	settings.SMTP.Enabled, settings.SMTP.Host, settings.SMTP.Port = true, "127.0.0.1", s.Port
	settings.Meta.SenderName, settings.Meta.SenderAddress = "Longshore Häfen", Sender
	if err := app.Save(settings); err != nil {
		s.t.Fatal(err)
	}
}

// Open takes mails to later@ from now on.
func (s *Server) Open() {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.folder, "open"), nil, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// Message is a mail that was taken.
type Message struct {
	Header     mail.Header
	From, To   string // of the envelope
	Subject    string // decoded
	Text, HTML string
	Raw        string
}

// Next waits for the next mail.
func (s *Server) Next() Message {
	s.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if names := s.names(); len(names) > s.seen {
			s.seen++
			return s.read(names[s.seen-1])
		}
	}
	s.t.Fatal("no mail came")
	return Message{}
}

// Count answers how many mails were taken so far.
func (s *Server) Count() int { return len(s.names()) }

// All answers every mail that was taken so far.
func (s *Server) All() (all []Message) {
	for _, name := range s.names() {
		all = append(all, s.read(name))
	}
	return all
}

func (s *Server) names() []string {
	names, err := filepath.Glob(filepath.Join(s.folder, "new", "*"))
	if err != nil {
		s.t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

func (s *Server) read(name string) Message {
	s.t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		s.t.Fatal(err)
	}
	parsed, err := mail.ReadMessage(strings.NewReader(string(raw)))
	if err != nil {
		s.t.Fatalf("%v in %q", err, raw)
	}
	m := Message{Header: parsed.Header, From: parsed.Header.Get("X-Envelope-From"), To: parsed.Header.Get("X-Envelope-To"), Raw: string(raw)}
	if m.Subject, err = new(mime.WordDecoder).DecodeHeader(parsed.Header.Get("Subject")); err != nil {
		s.t.Fatal(err)
	}
	s.walk(&m, parsed.Header.Get("Content-Type"), parsed.Body)
	return m
}

// walk reads the parts; multipart's reader undoes quoted-printable.
func (s *Server) walk(m *Message, contentType string, body io.Reader) {
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		s.t.Fatal(err)
	}
	if !strings.HasPrefix(media, "multipart/") {
		content, err := io.ReadAll(body)
		if err != nil {
			s.t.Fatal(err)
		}
		if media == "text/html" {
			m.HTML = string(content)
		} else {
			m.Text = strings.ReplaceAll(string(content), "\r\n", "\n")
		}
		return
	}
	for parts := multipart.NewReader(body, params["boundary"]); ; {
		part, err := parts.NextPart()
		if err == io.EOF {
			return
		}
		if err != nil {
			s.t.Fatal(err)
		}
		s.walk(m, part.Header.Get("Content-Type"), part)
	}
}

var tokenInLink = regexp.MustCompile(`https?://\S+#token=(\S+)`)

// Link answers the address with a token in the text, and the token.
func (m Message) Link() (url, token string) {
	found := tokenInLink.FindStringSubmatch(m.Text)
	if found == nil {
		return "", ""
	}
	return found[0], found[1]
}
