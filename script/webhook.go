package script

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/longshore-project/longshore/collections"
)

const (
	webhookWorkers  = 4
	maxWebhooks     = 1000 // that wait, those between two tries too
	webhookTries    = 5
	webhookTimeout  = 10 * time.Second
	webhookInterval = time.Second // before the second try; four times as long before each further one
	maxAnswerBytes  = 64 << 10
)

// webhook is a POST to somebody's server.
type webhook struct {
	id      string
	target  *url.URL
	body    []byte
	headers http.Header
	script  string
	tries   int
	waits   *backoff.ExponentialBackOff
}

func newWebhook(target *url.URL, body []byte, headers http.Header, script string) *webhook {
	headers.Set("Content-Type", "application/json")
	headers.Set("User-Agent", "Longshore")
	id := rand.Text()
	headers.Set("X-Longshore-Delivery", id) // the same at every try
	return &webhook{id: id, target: target, body: body, headers: headers, script: script}
}

// webhooks sends webhooks in the background, each until the server has taken it or its tries are over.
type webhooks struct {
	client   *http.Client
	logger   *slog.Logger
	interval time.Duration

	mu       sync.Mutex
	ctx      context.Context // ends what is being sent
	cancel   context.CancelFunc
	queue    []*webhook
	pending  int // in queue, with a worker, or between two tries
	resting  int // between two tries
	workers  int
	stopping bool
	fewer    *sync.Cond // pending has become less
}

func newWebhooks(cfg Config) *webhooks {
	w := &webhooks{client: webhookClient(cfg.AllowPrivate), logger: cfg.Logger, interval: webhookInterval}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	w.fewer = sync.NewCond(&w.mu)
	return w
}

var errForbidden = errors.New("the address is in a private network (LONGSHORE_ALLOW_PRIVATE_NETWORK=1 allows it)")

// webhookClient makes a client that follows no redirects, uses no proxy and, unless private is set, checks the very
// address it dials, so that neither names nor changing answers of DNS lead into a private network.
func webhookClient(private bool) *http.Client {
	dialer := &net.Dialer{Timeout: webhookTimeout}
	if !private {
		dialer.Control = func(_, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err == nil && !collections.IsPublic(at.Addr()) {
				err = errForbidden
			}
			return err
		}
	}
	return &http.Client{
		Timeout:       webhookTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: webhookTimeout, MaxConnsPerHost: webhookWorkers, IdleConnTimeout: time.Minute,
			ForceAttemptHTTP2: true,
		},
	}
}

// add queues a webhook; false when too many wait or no more are sent.
func (w *webhooks) add(hook *webhook) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopping || w.pending >= maxWebhooks {
		w.logger.Error("a webhook is not sent: too many wait", "script", hook.script, "host", hook.target.Host, "waiting", w.pending)
		return false
	}
	hook.waits = backoff.NewExponentialBackOff()
	hook.waits.InitialInterval, hook.waits.Multiplier, hook.waits.MaxInterval = w.interval, 4, 10*time.Minute
	w.pending++
	w.enqueue(hook)
	return true
}

func (w *webhooks) enqueue(hook *webhook) {
	w.queue = append(w.queue, hook)
	if w.workers < webhookWorkers {
		w.workers++
		go w.work()
	}
}

func (w *webhooks) work() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) > 0 {
		hook := w.queue[0]
		w.queue = w.queue[1:]
		w.mu.Unlock()
		err := w.send(hook)
		w.mu.Lock()
		w.after(hook, err)
	}
	w.workers--
}

// after decides whether a webhook is tried again.
func (w *webhooks) after(hook *webhook, err error) {
	hook.tries++
	var final *refusedWebhook
	if err == nil || errors.As(err, &final) || errors.Is(err, errForbidden) || hook.tries >= webhookTries || w.stopping {
		if err != nil {
			w.logger.Error("a webhook was not taken", "script", hook.script, "host", hook.target.Host, "delivery", hook.id, "tries", hook.tries, "error", withoutURL(err))
		}
		w.forget()
		return
	}
	w.resting++
	time.AfterFunc(hook.waits.NextBackOff(), func() { w.again(hook) })
}

func (w *webhooks) again(hook *webhook) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stopping {
		w.resting--
		w.enqueue(hook)
	}
}

func (w *webhooks) forget() {
	w.pending--
	w.fewer.Broadcast()
}

// refusedWebhook is an answer that another try would not change.
type refusedWebhook struct{ status int }

func (e *refusedWebhook) Error() string { return fmt.Sprintf("the server answered %d", e.status) }

func (w *webhooks) send(hook *webhook) error {
	req, err := http.NewRequestWithContext(w.ctx, http.MethodPost, hook.target.String(), bytes.NewReader(hook.body))
	if err != nil {
		return err
	}
	req.Header = hook.headers
	resp, err := w.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswerBytes))
	return judged(resp.StatusCode)
}

// judged says whether an answer is a success, final, or worth another try.
func judged(status int) error {
	switch {
	case status >= 200 && status < 300:
		return nil
	case status >= 500, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout:
		return fmt.Errorf("the server answered %d", status)
	}
	return &refusedWebhook{status}
}

// withoutURL leaves out the URL, which may hold a secret.
func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// stop sends what is queued until ctx ends, does not wait for further tries, and answers how many are left.
func (w *webhooks) stop(ctx context.Context) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopping = true
	defer w.cancel()
	defer context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.fewer.Broadcast()
	})()
	for w.pending > w.resting && ctx.Err() == nil {
		w.fewer.Wait()
	}
	return w.pending
}
