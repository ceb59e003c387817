package api

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

// signInAgain signs the user in on one more device.
func (s *server) signInAgain(email string, change ...func(*http.Request)) *browser {
	s.t.Helper()
	b := s.browser()
	var in signedIn
	b.call("POST", "/auth/login", map[string]string{"email": email, "password": hookstest.Password}, change...).into(s.t, 200, &in)
	b.csrf, b.user = in.CSRFToken, in.User
	return b
}

func (b *browser) devices() map[string]device {
	b.s.t.Helper()
	var list page[device]
	b.call("GET", "/auth/sessions", nil).into(b.s.t, 200, &list)
	out := map[string]device{}
	for _, d := range list.Items {
		out[d.DeviceInfo] = d
	}
	if list.TotalItems != len(out) {
		b.s.t.Errorf("%d sessions are counted, %d listed", list.TotalItems, len(out))
	}
	return out
}

func TestDevicesAreListedAndRevoked(t *testing.T) {
	s := newServer(t, func(c *Config) { c.Proxies = []string{"127.0.0.1"} })
	s.signedIn("bob@example.com")
	hookstest.MustCreateUser(t, s.app, "ann@example.com", collections.RoleUser)
	laptop := s.signInAgain("ann@example.com", header("User-Agent", "laptop"), header("X-Forwarded-For", "203.0.113.7"))
	phone := s.signInAgain("ann@example.com", header("User-Agent", "phone"), header("X-Forwarded-For", "2001:db8::7"))
	devices := laptop.devices()
	if len(devices) != 2 || !devices["laptop"].Current || devices["phone"].Current ||
		devices["laptop"].Address != "203.0.113.7" || devices["phone"].Address != "2001:db8::7" {
		t.Fatalf("listed %+v", devices)
	}
	mine, theirs := laptop.stream(), phone.stream()
	laptop.subscribe(mine, []string{"progress"})
	phone.subscribe(theirs, []string{"progress"})
	if got := laptop.call("DELETE", "/auth/sessions/"+devices["phone"].ID, nil); got.status != 204 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if line := theirs.until(t, "nothing says this"); line != "" {
		t.Errorf("the phone still heard %s", line)
	}
	phone.call("GET", "/jobs", nil).want(t, 401, collections.CodeUnauthorized)
	s.board.Report(laptop.user.ID, collections.Progress{JobID: "for the laptop"})
	mine.until(t, "for the laptop")
	if left := laptop.devices(); len(left) != 1 {
		t.Errorf("left %+v", left)
	}
}

func TestAllOtherDevicesAreRevoked(t *testing.T) {
	s := newServer(t)
	bob, ann := s.signedIn("bob@example.com"), s.signedIn("ann@example.com")
	others := []*browser{s.signInAgain("ann@example.com"), s.signInAgain("ann@example.com")}
	if got := ann.call("DELETE", "/auth/sessions", nil); got.status != 204 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	for _, b := range others {
		b.call("GET", "/jobs", nil).want(t, 401, collections.CodeUnauthorized)
	}
	for name, b := range map[string]*browser{"this one": ann, "another user": bob} {
		if got := b.call("GET", "/jobs", nil); got.status != 200 {
			t.Errorf("%s is signed out: %d", name, got.status)
		}
	}
	if n, _ := s.app.CountRecords("audit_logs", dbx.HashExp{"action": "session.revoke", "actor_id": ann.user.ID}); n != 2 {
		t.Errorf("%d rows of audit for 2 sessions", n)
	}
}

func TestSessionsOfOthersCannotBeRevoked(t *testing.T) {
	s := newServer(t)
	ann, bob := s.signedIn("ann@example.com"), s.signedIn("bob@example.com")
	for _, d := range bob.devices() {
		ann.call("DELETE", "/auth/sessions/"+d.ID, nil).want(t, 404, collections.CodeNotFound)
	}
	if got := bob.call("GET", "/jobs", nil); got.status != 200 {
		t.Errorf("bob is signed out: %d", got.status)
	}
}

func TestRevokingTheOwnSessionSignsOut(t *testing.T) {
	s := newServer(t)
	ann := s.signedIn("ann@example.com")
	for _, d := range ann.devices() {
		if got := ann.call("DELETE", "/auth/sessions/"+d.ID, nil); got.status != 204 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	if at, _ := url.Parse(s.url); len(ann.http.Jar.Cookies(at)) != 0 {
		t.Error("the cookie is still there")
	}
	ann.call("GET", "/auth/session", nil).want(t, 401, collections.CodeUnauthorized)
}

// A page of the attacker's, or a proxy, may set a cookie before the victim signs in.
func TestPlantedCookieIsWorthNothingAfterSignIn(t *testing.T) {
	s := newServer(t)
	mallory := s.signedIn("mallory@example.com")
	hookstest.MustCreateUser(t, s.app, "ann@example.com", collections.RoleUser)
	at, _ := url.Parse(s.url)
	for name, planted := range map[string]string{"made up": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "of the attacker": mallory.http.Jar.Cookies(at)[0].Value} {
		victim := s.browser()
		victim.http.Jar.SetCookies(at, []*http.Cookie{{Name: "longshore", Value: planted, Path: "/"}})
		var in signedIn
		victim.call("POST", "/auth/login", map[string]string{"email": "ann@example.com", "password": hookstest.Password}).into(t, 200, &in)
		if got := victim.http.Jar.Cookies(at); len(got) != 1 || got[0].Value == planted {
			t.Errorf("%s: the browser has %v", name, got)
		}
		thief := s.browser()
		thief.http.Jar.SetCookies(at, []*http.Cookie{{Name: "longshore", Value: planted, Path: "/"}})
		thief.call("GET", "/auth/session", nil).want(t, 401, collections.CodeUnauthorized)
	}
}

func TestChangesOfAnotherProcessEndStreams(t *testing.T) {
	s := newServer(t)
	second := hookstest.SecondApp(t, s.app)
	hooks.Bind(second)
	streams := map[string]*stream{}
	for _, email := range []string{"password@example.com", "role@example.com", "nothing@example.com"} {
		b := s.signedIn(email)
		streams[email] = b.stream()
		b.subscribe(streams[email], []string{"progress"})
	}
	for _, err := range []error{
		upsert(second, "password@example.com", "quite another battery", ""),
		upsert(second, "role@example.com", hookstest.Password, collections.RoleAdmin),
		upsert(second, "nothing@example.com", hookstest.Password, ""),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, email := range []string{"password@example.com", "role@example.com"} {
		if line := streams[email].until(t, "nothing says this"); line != "" {
			t.Errorf("%s still heard %s", email, line)
		}
	}
	nothing, err := s.app.FindAuthRecordByEmail("users", "nothing@example.com")
	if err != nil {
		t.Fatal(err)
	}
	s.board.Report(nothing.Id, collections.Progress{JobID: "goes on"})
	streams["nothing@example.com"].until(t, "goes on")
}

func upsert(app core.App, email, password string, role collections.Role) error {
	_, err := UpsertUser(app, email, password, role, "")
	return err
}
