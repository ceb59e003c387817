package enginetest

import (
	"context"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
)

// How a fetch may fail, beside a connection that ends.
var (
	errUnavailable = errors.New("the peer sent nothing in time")
	errWrongBytes  = errors.New("the peer sent wrong bytes")
)

// Leecher is a peer that asks another for single pieces.
type Leecher struct {
	conn    *peerConn
	payload *Payload

	mu      sync.Mutex
	has     map[int]bool
	choked  bool
	arrived map[block][]byte
	err     error
	changed chan struct{} // closed at each change
}

// DialLeecher connects to a peer that has or fetches the payload. Close ends the connection.
func DialLeecher(addr string, p *Payload) (*Leecher, error) {
	conn, err := new(net.Dialer).DialContext(context.Background(), "tcp4", addr)
	if err != nil {
		return nil, err
	}
	l := &Leecher{
		conn: newPeerConn(conn), payload: p, choked: true,
		has: map[int]bool{}, arrived: map[block][]byte{}, changed: make(chan struct{}),
	}
	err = l.conn.shake(p.Infohash, newPeerID(), true)
	if err == nil {
		_, err = conn.Write(appendMessage(nil, msgInterested))
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	go l.receive()
	return l, nil
}

// Close ends the connection.
func (l *Leecher) Close() { _ = l.conn.Close() }

// Has says whether the peer has announced the piece.
func (l *Leecher) Has(piece int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.has[piece]
}

// Fetch asks for a piece that need not be announced and checks its hash.
func (l *Leecher) Fetch(ctx context.Context, piece int) error {
	if err := l.await(ctx, func() bool { return !l.choked }); err != nil {
		return err
	}
	var data []byte
	for size := l.payload.PieceSize(piece); int64(len(data)) < size; {
		b := block{piece, len(data), int(min(metadataBlock, size-int64(len(data))))}
		got, err := l.fetchBlock(ctx, b)
		if err != nil {
			return err
		}
		data = append(data, got...)
	}
	if sha1.Sum(data) != l.payload.PieceHash(piece) {
		return fmt.Errorf("piece %d: %w", piece, errWrongBytes)
	}
	return nil
}

func (l *Leecher) fetchBlock(ctx context.Context, b block) ([]byte, error) {
	var body []byte
	for _, n := range []int{b.piece, b.begin, b.length} {
		body = binary.BigEndian.AppendUint32(body, uint32(n))
	}
	if _, err := l.conn.Write(appendMessage(nil, msgRequest, body...)); err != nil {
		return nil, err
	}
	err := l.await(ctx, func() bool { return l.arrived[b] != nil })
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.arrived[b], err
}

// await waits for holds, which sees l locked.
func (l *Leecher) await(ctx context.Context, holds func() bool) error {
	for {
		l.mu.Lock()
		ok, err, changed := holds(), l.err, l.changed
		l.mu.Unlock()
		if ok || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return errUnavailable
		}
	}
}

func (l *Leecher) receive() {
	for {
		m, err := l.conn.read()
		l.mu.Lock()
		if err == nil {
			err = l.handle(m)
		}
		l.err = err
		close(l.changed)
		l.changed = make(chan struct{})
		l.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (l *Leecher) handle(m message) error {
	switch m.kind {
	case msgChoke, msgUnchoke:
		l.choked = m.kind == msgChoke
	case msgBitfield:
		for i := range l.payload.NumPieces {
			l.has[i] = i/8 < len(m.body) && m.body[i/8]&(0x80>>(i%8)) != 0
		}
	case msgHave:
		if len(m.body) != 4 {
			return fmt.Errorf("have of %d bytes", len(m.body))
		}
		l.has[int(binary.BigEndian.Uint32(m.body))] = true
	case msgPiece:
		if len(m.body) < 8 {
			return fmt.Errorf("a block of %d bytes", len(m.body))
		}
		n := func(i int) int { return int(binary.BigEndian.Uint32(m.body[i:])) }
		l.arrived[block{n(0), n(4), len(m.body) - 8}] = m.body[8:]
	}
	return nil
}
