package api

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/longshore-project/longshore/collections"
)

// stream is a browser's open event stream.
type stream struct {
	id    string
	lines chan string // closed at its end
}

func (b *browser) stream() *stream {
	b.s.t.Helper()
	resp, err := b.http.Do(b.request("GET", "/api/realtime", nil))
	if err != nil {
		b.s.t.Fatal(err)
	}
	if resp.StatusCode != 200 {
		b.s.t.Fatalf("connecting: %d", resp.StatusCode)
	}
	st := &stream{lines: make(chan string, 1000)}
	go func() {
		defer close(st.lines)
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			st.lines <- lines.Text()
		}
	}()
	b.s.t.Cleanup(func() {
		resp.Body.Close()
		for range st.lines {
		}
	})
	_, rest, _ := strings.Cut(st.until(b.s.t, "clientId"), `"clientId":"`)
	st.id, _, _ = strings.Cut(rest, `"`)
	return st
}

// until answers the next line that contains word, "" when the stream ends before.
func (st *stream) until(t testing.TB, word string) string {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		select {
		case line, open := <-st.lines:
			if !open || strings.Contains(line, word) {
				return line
			}
		case <-late:
			t.Fatalf("%q did not come", word)
		}
	}
}

func (b *browser) subscribe(st *stream, topics []string, change ...func(*http.Request)) answer {
	b.s.t.Helper()
	return b.do(b.request("POST", "/api/realtime", map[string]any{"clientId": st.id, "subscriptions": topics}, change...))
}

func TestRealtimeByCookie(t *testing.T) {
	s := newServer(t)
	ann := s.signedIn("ann@example.com")
	st := ann.stream()
	if got := ann.subscribe(st, []string{"jobs/*"}, header("Sec-Fetch-Site", "cross-site")); got.status != 403 {
		t.Errorf("another site subscribed: %d", got.status)
	}
	if got := ann.subscribe(st, []string{"jobs/*", "progress"}); got.status != 204 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	job := ann.mustCreate(map[string]any{"magnet": magnetA})
	if line := st.until(t, job.ID); !strings.Contains(line, `"action":"create"`) {
		t.Errorf("heard %s", line)
	}
	if got := ann.call("DELETE", "/jobs/"+job.ID, nil); got.status != 204 {
		t.Fatal(got.status)
	}
	st.until(t, `"action":"delete"`)
}

func TestSignOutEndsTheSessionsStreams(t *testing.T) {
	s := newServer(t)
	ann, other := s.signedIn("ann@example.com"), s.browser()
	var in signedIn
	other.call("POST", "/auth/login", map[string]string{"email": "ann@example.com", "password": "correct horse battery"}).into(t, 200, &in)
	mine, others := ann.stream(), other.stream()
	ann.subscribe(mine, []string{"progress"})
	other.subscribe(others, []string{"progress"})
	ann.call("POST", "/auth/logout", nil)
	if line := mine.until(t, "nothing says this"); line != "" {
		t.Errorf("still heard %s", line)
	}
	s.board.Report(ann.user.ID, collections.Progress{JobID: "of the other session"})
	others.until(t, "of the other session")
}
