package enginetest

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/plugins/bencode"
)

// Kinds of messages (BEP 3, BEP 6, BEP 10).
const (
	msgChoke      = 0
	msgUnchoke    = 1
	msgInterested = 2
	msgHave       = 4
	msgBitfield   = 5
	msgRequest    = 6
	msgPiece      = 7
	msgCancel     = 8
	msgReject     = 16
	msgExtended   = 20
)

const (
	protocolName    = "\x13BitTorrent protocol"
	maxMessage      = 1 << 20
	maxBlock        = 128 << 10
	metadataBlock   = 16 << 10 // BEP 9
	extMetadata     = 2        // our number of ut_metadata
	extPex          = 3        // our number of ut_pex
	extendedBit     = 0x10     // of the sixth reserved byte
	fastBit         = 0x04     // of the eighth
	handshakeLength = 68
)

var peers atomic.Int64

// newPeerID makes an id (BEP 20) that no other peer of this program has: clients drop a second connection to one id.
func newPeerID() string { return fmt.Sprintf("-LS0001-%012d", peers.Add(1)) }

var errHandshake = errors.New("not a plain handshake for this torrent")

func hexInfohash(b []byte) collections.Infohash { return collections.Infohash(hex.EncodeToString(b)) }

// block is a part of a piece (BEP 3, request).
type block struct{ piece, begin, length int }

// message is one message of the peer wire protocol; a keep-alive has kind −1.
type message struct {
	kind int
	body []byte
}

func (m message) block() (block, error) {
	if len(m.body) != 12 {
		return block{}, fmt.Errorf("a request of %d bytes", len(m.body))
	}
	n := func(i int) int { return int(binary.BigEndian.Uint32(m.body[i:])) }
	return block{n(0), n(4), n(8)}, nil
}

// peerConn is one connection of the peer wire protocol.
type peerConn struct {
	net.Conn
	in   *bufio.Reader
	fast bool // offers the fast extension (BEP 6); after the handshake: both do
}

func newPeerConn(c net.Conn) *peerConn {
	return &peerConn{Conn: c, in: bufio.NewReaderSize(c, 64<<10)}
}

// shake exchanges handshakes; the dialling end speaks first.
func (c *peerConn) shake(infohash collections.Infohash, id string, dialled bool) error {
	raw, err := hex.DecodeString(string(infohash))
	if err != nil {
		return err
	}
	ours := append([]byte(protocolName), 0, 0, 0, 0, 0, extendedBit, 0, 0)
	if c.fast {
		ours[27] |= fastBit
	}
	ours = append(append(ours, raw...), id...)
	if dialled {
		if _, err := c.Write(ours); err != nil {
			return err
		}
	}
	var theirs [handshakeLength]byte
	// An encrypted handshake (MSE) is told by its first byte; waiting for 68 of them could take for ever.
	if _, err := io.ReadFull(c.in, theirs[:1]); err != nil || theirs[0] != protocolName[0] {
		return errHandshake
	}
	if _, err := io.ReadFull(c.in, theirs[1:]); err != nil {
		return err
	}
	if string(theirs[:20]) != protocolName || string(theirs[28:48]) != string(raw) {
		return errHandshake
	}
	c.fast = c.fast && theirs[27]&fastBit != 0
	if !dialled {
		_, err = c.Write(ours)
	}
	return err
}

func (c *peerConn) read() (message, error) {
	var head [4]byte
	if _, err := io.ReadFull(c.in, head[:]); err != nil {
		return message{}, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n == 0 {
		return message{kind: -1}, nil
	}
	if n > maxMessage {
		return message{}, fmt.Errorf("a message of %d bytes", n)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(c.in, body); err != nil {
		return message{}, err
	}
	return message{kind: int(body[0]), body: body[1:]}, nil
}

func appendMessage(b []byte, kind byte, body ...byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)+1))
	return append(append(b, kind), body...)
}

func appendExtended(b []byte, ext byte, header bencode.Dict, payload []byte) []byte {
	body := append([]byte{ext}, bencode.Encode(header)...)
	return appendMessage(b, msgExtended, append(body, payload...)...)
}

// bitfield encodes which of n pieces has holds (BEP 3).
func bitfield(n int, has func(piece int) bool) []byte {
	b := make([]byte, (n+7)/8)
	for i := range n {
		if has(i) {
			b[i/8] |= 0x80 >> (i % 8)
		}
	}
	return b
}
