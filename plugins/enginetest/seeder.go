package enginetest

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"

	"github.com/longshore-project/longshore/plugins"
)

// SeederOptions say how a seeder differs from a good one.
type SeederOptions struct {
	Host     string          // loopback address to listen on; "" is 127.0.0.1
	Trackers []string        // HTTP trackers it announces to, once, before NewSeeder returns
	Lack     []plugins.Range // pieces it has not
	Corrupt  []plugins.Range // pieces it sends with wrong bytes
	Rate     int64           // bytes per second to all peers together; 0 is no limit
	Tell     []string        // addresses it tells every peer that knows peer exchange (BEP 11)
	Reject   bool            // rejects the first request for every block, from peers that know the fast extension (BEP 6)
}

// Seeder serves a payload over plain TCP: handshake, extension protocol with metadata
// exchange, bitfield, unchoke and blocks. It counts what it sends.
type Seeder struct {
	id       string
	payload  *Payload
	options  SeederOptions
	listener net.Listener
	pace     *pacer
	work     sync.WaitGroup

	mu        sync.Mutex
	closed    bool
	conns     map[*seederConn]bool
	accepted  int
	sent      []int64
	requested []int
	heard     int
}

// NewSeeder starts a seeder that ends with the test.
func NewSeeder(tb testing.TB, p *Payload, options SeederOptions) *Seeder {
	tb.Helper()
	if options.Host == "" {
		options.Host = "127.0.0.1"
	}
	listener, err := new(net.ListenConfig).Listen(tb.Context(), "tcp4", net.JoinHostPort(options.Host, "0"))
	if err != nil {
		tb.Fatalf("the seeder: %v", err)
	}
	s := &Seeder{
		id: newPeerID(), payload: p, options: options, listener: listener, pace: newPacer(options.Rate),
		conns: map[*seederConn]bool{}, sent: make([]int64, p.NumPieces), requested: make([]int, p.NumPieces),
	}
	s.work.Go(s.accept)
	tb.Cleanup(s.Close)
	for _, tracker := range options.Trackers {
		if err := s.announce(tb.Context(), tracker); err != nil {
			tb.Fatalf("the seeder: %v", err)
		}
	}
	return s
}

// Addr answers host:port.
func (s *Seeder) Addr() string { return s.listener.Addr().String() }

// Sent answers the payload bytes sent to all peers.
func (s *Seeder) Sent() (n int64) {
	for _, bytes := range s.SentPieces() {
		n += bytes
	}
	return n
}

// SentPieces answers the payload bytes sent of every piece to all peers.
func (s *Seeder) SentPieces() []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sent)
}

// Requested counts the requests for blocks of every piece.
func (s *Seeder) Requested() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requested)
}

// Peers counts the connections that are open.
func (s *Seeder) Peers() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Accepted counts the connections that ever passed the handshake.
func (s *Seeder) Accepted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted
}

// Heard counts the peers that others told it by peer exchange (BEP 11).
func (s *Seeder) Heard() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heard
}

// SetRate changes the bytes per second to all peers together; 0 is no limit.
func (s *Seeder) SetRate(rate int64) { s.pace.set(rate) }

// Dial connects to a peer and serves it.
func (s *Seeder) Dial(ctx context.Context, addr string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp4", addr)
	if err != nil {
		return err
	}
	s.serve(conn, true)
	return nil
}

// Close ends the seeder and all its connections.
func (s *Seeder) Close() {
	s.mu.Lock()
	s.closed = true
	for c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.listener.Close()
	s.pace.set(0)
	s.work.Wait()
}

// announce is one announce of BEP 3. It names the seeder's address, because the request comes from another.
func (s *Seeder) announce(ctx context.Context, tracker string) error {
	infohash, err := hex.DecodeString(string(s.payload.Infohash))
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(s.Addr())
	if err != nil {
		return err
	}
	q := url.Values{
		"info_hash": {string(infohash)}, "peer_id": {s.id}, "ip": {host}, "port": {port},
		"uploaded": {"0"}, "downloaded": {"0"}, "left": {"0"}, "compact": {"1"}, "event": {"started"},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, tracker+"?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("tracker %s answered %s", tracker, resp.Status)
	}
	return nil
}

func (s *Seeder) accept() {
	for {
		conn, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			s.serve(conn, false)
		}
	}
}

func (s *Seeder) serve(conn net.Conn, dialled bool) {
	c := &seederConn{peerConn: newPeerConn(conn), seeder: s, rejected: map[block]bool{}}
	c.fast = s.options.Reject
	c.changed.L = &c.mu
	if !s.enter(c) {
		_ = conn.Close()
		return
	}
	s.work.Go(func() {
		defer s.leave(c)
		c.run(dialled)
	})
}

func (s *Seeder) enter(c *seederConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.conns[c] = true
	}
	return !s.closed
}

func (s *Seeder) leave(c *seederConn) {
	_ = c.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

func (s *Seeder) has(piece int) bool { return !within(s.options.Lack, piece) }

func within(ranges []plugins.Range, piece int) bool {
	return slices.ContainsFunc(ranges, func(r plugins.Range) bool { return r.Begin <= piece && piece < r.End })
}

func (s *Seeder) count(blocks []block) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range blocks {
		s.sent[b.piece] += int64(b.length)
	}
}
