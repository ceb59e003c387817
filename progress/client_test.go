package progress

import (
	"fmt"
	"testing"

	"github.com/pocketbase/pocketbase/tools/subscriptions"
)

func (c *client) drain() (out []string) {
	for {
		select {
		case m := <-c.Channel():
			out = append(out, m.Name+" "+string(m.Data))
		default:
			return out
		}
	}
}

func version(id string, v int64) *message { return &message{id: id, version: v} }

func (c *client) send(id string, v int64) {
	c.offer("jobs/*", version(id, v), fmt.Appendf(nil, "%s%d", id, v))
}

func TestClientKeepsTheLatestOfEachRecord(t *testing.T) {
	c := newClient()
	c.send("a", 1)
	for v := range int64(500) {
		c.send("a", v+2)
		c.send("b", v+2)
	}
	got := c.drain()
	want := []string{"jobs/* a1", "jobs/* a501", "jobs/* b501"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v instead of %v", got, want)
	}
}

func TestClientDropsWhatIsOlder(t *testing.T) {
	c := newClient()
	c.send("a", 5)
	c.drain()
	c.send("a", 4)
	if got := c.drain(); got != nil {
		t.Errorf("an older one came: %v", got)
	}
	c.offer("jobs/*", &message{id: "a", version: 3, last: true}, []byte("gone"))
	c.send("a", 9)
	if got := c.drain(); len(got) != 1 || got[0] != "jobs/* gone" {
		t.Errorf("after the deletion: %v", got)
	}
}

func TestSlowReaderIsToldToReadAgain(t *testing.T) {
	c := newClient()
	c.Subscribe("jobs/*", "progress", "PB_CONNECT")
	for i := range maxPending + 2 { // one is in the slot
		c.send(fmt.Sprint("r", i, "-"), 1)
	}
	got := c.drain()
	if len(got) != 3 || got[0] != "jobs/* r0-1" {
		t.Fatalf("got %d messages: %.80v", len(got), got)
	}
	for _, topic := range []string{"jobs/*", "progress"} {
		if m := topic + ` {"action":"resync"}`; got[1] != m && got[2] != m {
			t.Errorf("%s was not told: %v", topic, got[1:])
		}
	}
	c.send("new", 1)
	if got := c.drain(); len(got) != 1 {
		t.Errorf("afterwards: %v", got)
	}
}

func TestWhatAClientRemembersIsBounded(t *testing.T) {
	c := newClient()
	for i := range 3 * maxSeen {
		c.send(fmt.Sprint(i, "-"), 1)
		c.drain()
	}
	if len(c.seen) > maxSeen {
		t.Errorf("%d versions are remembered", len(c.seen))
	}
}

func TestMessagesOfPocketBaseAreNotMerged(t *testing.T) {
	c := newClient()
	for i := range 3 {
		c.Send(subscriptions.Message{Name: "agents/*", Data: fmt.Append(nil, i)})
	}
	if got := c.drain(); len(got) != 3 {
		t.Errorf("got %v", got)
	}
}

func TestDiscardedClientTakesNothing(t *testing.T) {
	c := newClient()
	c.Discard()
	c.Discard()
	c.send("a", 1)
	c.Send(subscriptions.Message{Name: "x"})
	if _, open := <-c.Channel(); open || !c.IsDiscarded() {
		t.Error("it is still open")
	}
}

func TestAddressKey(t *testing.T) {
	for ip, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7", "2001:0db8:0001:0002:0003:0004:0005:0006": "2001:db8:1:2::/64",
		"fe80::1%eth0": "fe80::/64", "": "", "unix": "unix",
	} {
		if got := AddressKey(ip); got != want {
			t.Errorf("%q: %q instead of %q", ip, got, want)
		}
	}
}
