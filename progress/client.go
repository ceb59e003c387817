package progress

import (
	"maps"
	"math"
	"strconv"
	"sync"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/subscriptions"
)

const (
	maxPending = 1000 // messages a slow reader may be behind
	maxSeen    = 4096 // records whose newest version is remembered
)

// client is a realtime connection that never blocks a sender and needs no goroutine:
// PocketBase's loop calls Channel before each receive. It keeps the latest value per topic and record.
type client struct {
	*subscriptions.DefaultClient

	mu      sync.Mutex
	slot    chan subscriptions.Message // of one; the next message to be written
	queue   []key                      // of pending, in the order of their first message
	pending map[key]subscriptions.Message
	seen    map[key]int64 // newest version that was taken
	foreign int           // counts messages of PocketBase's own, which are never merged
	closed  bool

	holder holder // guarded by connections.mu
}

// key names what a message is the latest value of.
type key struct{ topic, id string }

func newClient() *client {
	return &client{
		DefaultClient: subscriptions.NewDefaultClient(),
		slot:          make(chan subscriptions.Message, 1),
		pending:       map[key]subscriptions.Message{},
		seen:          map[key]int64{},
	}
}

// Channel answers the channel with the next message in it, if there is one.
func (c *client) Channel() chan subscriptions.Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fill()
	return c.slot
}

// Send queues a message of PocketBase's own.
func (c *client) Send(m subscriptions.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.foreign++
	c.put(key{m.Name, "#" + strconv.Itoa(c.foreign)}, m)
}

// offer queues a record's value in place of an older one. A version below the newest one taken is dropped.
func (c *client) offer(topic string, m *message, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := key{topic, m.id}
	if m.version < c.seen[k] && !m.last {
		return
	}
	c.remember(k, m)
	c.put(k, subscriptions.Message{Name: topic, Data: data})
}

func (c *client) remember(k key, m *message) {
	if len(c.seen) >= maxSeen {
		maps.DeleteFunc(c.seen, func(k key, _ int64) bool {
			_, waiting := c.pending[k]
			return !waiting
		})
	}
	c.seen[k] = m.version
	if m.last {
		c.seen[k] = math.MaxInt64 // nothing that was sent before the end may come after it
	}
}

func (c *client) put(k key, m subscriptions.Message) {
	if c.closed {
		return
	}
	if _, waiting := c.pending[k]; !waiting {
		if len(c.queue) >= maxPending {
			c.overflow()
			return
		}
		c.queue = append(c.queue, k)
	}
	c.pending[k] = m
	c.fill()
}

var resync = []byte(`{"action":"resync"}`)

// overflow leaves out all that waits and tells each topic's listener so.
func (c *client) overflow() {
	clear(c.pending)
	c.queue = nil
	for topic := range c.DefaultClient.Subscriptions() {
		if topic == topicConnect { // its messages begin a connection
			continue
		}
		k := key{topic, "resync"}
		c.queue = append(c.queue, k)
		c.pending[k] = subscriptions.Message{Name: topic, Data: resync}
	}
	c.fill()
}

func (c *client) fill() {
	if c.closed || len(c.slot) > 0 || len(c.queue) == 0 {
		return
	}
	k := c.queue[0]
	c.queue = c.queue[1:]
	c.slot <- c.pending[k]
	delete(c.pending, k)
}

// Discard ends the connection. It may be called again.
func (c *client) Discard() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed = true
		close(c.slot)
	}
}

// IsDiscarded says whether the connection has ended.
func (c *client) IsDiscarded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// Subscriptions hides a user's topics from PocketBase's broadcaster, which asks by prefix.
func (c *client) Subscriptions(prefixes ...string) map[string]subscriptions.SubscriptionOptions {
	if len(prefixes) == 0 || c.isSuperuser() {
		return c.DefaultClient.Subscriptions(prefixes...)
	}
	return nil
}

func (c *client) isSuperuser() bool {
	auth, _ := c.Get(apis.RealtimeClientAuthKey).(*core.Record)
	return auth != nil && auth.IsSuperuser()
}
