package script

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/longshore-project/longshore/collections"
)

// receiver is a server that takes webhooks and answers with the statuses it is told to, 204 after these.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	statuses []int
	got      []received
}

type received struct {
	header http.Header
	path   string
	body   string
}

func newReceiver(t testing.TB, statuses ...int) *receiver {
	t.Helper()
	r := &receiver{statuses: statuses}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, received{req.Header, req.Method + " " + req.URL.Path, string(body)})
	status := http.StatusNoContent
	if len(r.statuses) > 0 {
		status, r.statuses = r.statuses[0], r.statuses[1:]
	}
	w.Header().Set("Location", "/elsewhere")
	w.WriteHeader(status)
}

func (r *receiver) deliveries() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]received{}, r.got...)
}

// eventually waits until try gets no error.
func eventually(t testing.TB, try func() error) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		<-tick.C
	}
}

// settled waits until no webhook waits.
func (r *rig) settled() {
	r.t.Helper()
	eventually(r.t, func() error {
		r.scripts.webhooks.mu.Lock()
		defer r.scripts.webhooks.mu.Unlock()
		if n := r.scripts.webhooks.pending; n > 0 {
			return fmt.Errorf("%d webhooks wait", n)
		}
		return nil
	})
}

func notifying(url, payload, options string) string {
	return onPaused(fmt.Sprintf(`console.log("said", $longshore.notify(%q, %s%s))`, url, payload, options))
}

func TestNotify(t *testing.T) {
	server := newReceiver(t)
	r := load(t, notifying(server.URL+"/hook", `{ id: e.job.id, ä: [1, null, { toJSON: () => "x" }] }`, `, { headers: { Authorization: "Bearer s3cret" } }`))
	if said := r.says(t); said != "true" {
		t.Errorf("said %q", said)
	}
	r.settled()
	got := server.deliveries()
	if len(got) != 1 || got[0].path != "POST /hook" || !strings.Contains(got[0].body, `"ä":[1,null,"x"]}`) {
		t.Fatalf("got %+v", got)
	}
	if h := got[0].header; h.Get("Content-Type") != "application/json" || h.Get("Authorization") != "Bearer s3cret" || h.Get("X-Longshore-Delivery") == "" {
		t.Errorf("headers %v", h)
	}
	if strings.Contains(r.log.String(), "s3cret") {
		t.Errorf("the log holds a secret: %s", r.log)
	}
}

func TestAWebhookIsTriedAgain(t *testing.T) {
	cases := []struct {
		name     string
		statuses []int
		tries    int
		lost     bool
	}{
		{"after an error of the server", []int{500, 503, 429}, 4, false},
		{"but not for ever", []int{500, 500, 500, 500, 500, 500}, webhookTries, true},
		{"not after a refusal", []int{404}, 1, true},
		{"and no redirect is followed", []int{302}, 1, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server := newReceiver(t, c.statuses...)
			r := load(t, notifying(server.URL+"/with/a/secret", `{}`, ""))
			r.scripts.webhooks.interval = time.Millisecond
			r.says(t)
			r.settled()
			got := server.deliveries()
			if len(got) != c.tries {
				t.Errorf("tried %d times", len(got))
			}
			for _, one := range got {
				if one.header.Get("X-Longshore-Delivery") != got[0].header.Get("X-Longshore-Delivery") {
					t.Error("two tries have two names")
				}
			}
			if lost := strings.Contains(r.log.String(), "a webhook was not taken"); lost != c.lost || strings.Contains(r.log.String(), "secret") {
				t.Errorf("the log says %s", r.log)
			}
		})
	}
}

func TestAWebhookIntoAPrivateNetwork(t *testing.T) {
	server := newReceiver(t)
	port := server.URL[strings.LastIndex(server.URL, ":"):]
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "127.1"} {
		t.Run(host, func(t *testing.T) {
			r := load(t, notifying("http://"+host+port, `{}`, ""), func(cfg *Config) { cfg.AllowPrivate = false })
			r.scripts.webhooks.interval = time.Millisecond
			r.says(t)
			r.settled()
			if n := len(server.deliveries()); n > 0 {
				t.Fatal("it was sent")
			}
			if !strings.Contains(r.log.String(), "a webhook was not taken") {
				t.Errorf("the log says %s", r.log)
			}
		})
	}
}

func TestWhatIsNoWebhook(t *testing.T) {
	first := load(t, "")
	for name, c := range map[string]struct{ call, said string }{
		"a file":            {`$longshore.notify("file:///etc/passwd", {})`, "the URL of a webhook"},
		"no host":           {`$longshore.notify("http://", {})`, "the URL of a webhook"},
		"no text":           {`$longshore.notify(7, {})`, "url must be text"},
		"no payload":        {`$longshore.notify("http://127.0.0.1/", undefined)`, "the payload cannot"},
		"a function":        {`$longshore.notify("http://127.0.0.1/", () => 1)`, "the payload cannot"},
		"a large payload":   {`$longshore.notify("http://127.0.0.1/", "x".repeat(300000))`, "the payload has 300002 bytes"},
		"headers of a list": {`$longshore.notify("http://127.0.0.1/", {}, { headers: 7 })`, "headers must be"},
		"another option":    {`$longshore.notify("http://127.0.0.1/", {}, { method: "PUT" })`, `notify knows no "method"`},
	} {
		t.Run(name, func(t *testing.T) {
			r := first.with(t, caught(c.call))
			if said := strings.TrimSpace(r.says(t)); !strings.HasPrefix(said, c.said) {
				t.Errorf("said %q", said)
			}
		})
	}
}

func TestAServerThatHangsHoldsUpNobody(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	r := load(t, onPaused(fmt.Sprintf(`let sent = 0; for (let i = 0; i < %d; i++) if ($longshore.notify(%q, i)) sent++; console.log("said", sent)`, maxWebhooks+20, server.URL)),
		func(cfg *Config) { cfg.TellLimit = 30 * time.Second })
	if said := r.says(t); said != fmt.Sprint(maxWebhooks) {
		t.Errorf("%s webhooks are sent", said)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r.scripts.Stop(ctx)
	if !strings.Contains(r.log.String(), fmt.Sprintf("webhooks=%d", maxWebhooks)) {
		t.Error("the log does not say what is left")
	}
}

func TestTheEndSendsWhatWaits(t *testing.T) {
	server := newReceiver(t)
	r := load(t, onPaused(fmt.Sprintf(`for (let i = 0; i < 50; i++) $longshore.notify(%q, i)`, server.URL)))
	r.become(r.job().Id, collections.StatusPaused)
	r.drained()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r.scripts.Stop(ctx)
	if n := len(server.deliveries()); n != 50 {
		t.Errorf("%d were sent", n)
	}
}

func TestTheEndDoesNotWaitForAnotherTry(t *testing.T) {
	server := newReceiver(t, 503)
	r := load(t, notifying(server.URL, `{}`, ""))
	r.scripts.webhooks.interval = time.Hour
	r.says(t)
	eventually(t, func() error {
		if n := len(server.deliveries()); n != 1 {
			return fmt.Errorf("%d deliveries", n)
		}
		return nil
	})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r.scripts.Stop(ctx)
	if ctx.Err() != nil || !strings.Contains(r.log.String(), "webhooks=1") {
		t.Errorf("the log says %s", r.log)
	}
}
