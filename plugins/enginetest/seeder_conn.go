package enginetest

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	"github.com/longshore-project/longshore/plugins/bencode"
)

const (
	requestQueue = 250 // blocks a peer may ask for ahead (reqq of BEP 10)
	batch        = 1 << 20
	pacedBatch   = 32 << 10
)

// seederConn serves one peer: run reads, send writes, the queue is between them.
type seederConn struct {
	*peerConn
	seeder   *Seeder
	rejected map[block]bool

	mu         sync.Mutex
	changed    sync.Cond
	queue      []block
	control    []byte // encoded messages that go out before blocks
	metadataID byte   // the peer's number of ut_metadata; 0: none
	ended      bool
}

func (c *seederConn) run(dialled bool) {
	s := c.seeder
	if c.shake(s.payload.Infohash, s.id, dialled) != nil {
		return
	}
	s.mu.Lock()
	s.accepted++
	s.mu.Unlock()
	c.greet()
	var writer sync.WaitGroup
	writer.Go(c.send)
	defer writer.Wait()
	defer c.end()
	for {
		m, err := c.read()
		if err != nil || c.handle(m) != nil {
			return
		}
	}
}

func (c *seederConn) greet() {
	p := c.seeder.payload
	hello := bencode.Dict{
		"m": bencode.Dict{"ut_metadata": int64(extMetadata), "ut_pex": int64(extPex)}, "metadata_size": int64(len(p.InfoBytes)),
		"reqq": int64(requestQueue), "v": "enginetest",
	}
	b := appendExtended(nil, 0, hello, nil)
	b = appendMessage(b, msgBitfield, bitfield(p.NumPieces, c.seeder.has)...)
	c.say(appendMessage(b, msgUnchoke))
}

// say queues an encoded message.
func (c *seederConn) say(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.control = append(c.control, b...)
	c.changed.Signal()
}

func (c *seederConn) end() {
	_ = c.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	c.changed.Signal()
}

func (c *seederConn) handle(m message) error {
	switch m.kind {
	case msgRequest:
		return c.handleRequest(m)
	case msgCancel:
		return c.handleCancel(m)
	case msgExtended:
		return c.handleExtended(m.body)
	}
	return nil
}

func (c *seederConn) handleRequest(m message) error {
	b, err := m.block()
	if err != nil {
		return err
	}
	s := c.seeder
	if b.piece >= s.payload.NumPieces || !s.has(b.piece) || b.length > maxBlock ||
		int64(b.begin+b.length) > s.payload.PieceSize(b.piece) {
		return fmt.Errorf("a request for %v", b)
	}
	s.mu.Lock()
	s.requested[b.piece]++
	s.mu.Unlock()
	if c.fast && !c.rejected[b] {
		c.rejected[b] = true
		c.say(appendMessage(nil, msgReject, m.body...))
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue = append(c.queue, b)
	c.changed.Signal()
	return nil
}

func (c *seederConn) handleCancel(m message) error {
	b, err := m.block()
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.queue, b); i >= 0 {
		c.queue = slices.Delete(c.queue, i, i+1)
		if c.fast {
			c.control = append(c.control, appendMessage(nil, msgReject, m.body...)...)
			c.changed.Signal()
		}
	}
	return nil
}

func (c *seederConn) handleExtended(body []byte) error {
	if len(body) == 0 {
		return bencode.ErrMalformed
	}
	v, _, err := bencode.Decode(body[1:])
	header, ok := v.(bencode.Dict)
	switch {
	case body[0] == 0 && ok:
		c.handleHello(header)
	case body[0] == extMetadata && ok:
		c.handleMetadata(header)
	case body[0] == extPex && ok:
		c.handlePex(header)
	}
	return err
}

func (c *seederConn) handleHello(hello bencode.Dict) {
	extensions, _ := hello["m"].(bencode.Dict)
	id, _ := extensions["ut_metadata"].(int64)
	c.mu.Lock()
	c.metadataID = byte(id)
	c.mu.Unlock()
	if pex, _ := extensions["ut_pex"].(int64); pex > 0 && len(c.seeder.options.Tell) > 0 {
		c.say(appendExtended(nil, byte(pex), bencode.Dict{"added": compactPeers(c.seeder.options.Tell)}, nil))
	}
}

// handlePex counts what a peer tells of others, six bytes each.
func (c *seederConn) handlePex(header bencode.Dict) {
	added, _ := header["added"].(string)
	c.seeder.mu.Lock()
	defer c.seeder.mu.Unlock()
	c.seeder.heard += len(added) / 6
}

func (c *seederConn) handleMetadata(request bencode.Dict) {
	kind, _ := request["msg_type"].(int64)
	piece, _ := request["piece"].(int64)
	info := c.seeder.payload.InfoBytes
	if kind != 0 || piece < 0 || piece*metadataBlock >= int64(len(info)) {
		return
	}
	part := info[piece*metadataBlock : min(int64(len(info)), (piece+1)*metadataBlock)]
	header := bencode.Dict{"msg_type": int64(1), "piece": piece, "total_size": int64(len(info))}
	c.mu.Lock()
	id := c.metadataID
	c.mu.Unlock()
	c.say(appendExtended(nil, id, header, part))
}

// send writes what is queued until the connection ends.
func (c *seederConn) send() {
	defer c.end()
	var out []byte
	for {
		control, blocks := c.next()
		if control == nil && blocks == nil {
			return
		}
		out = append(out[:0], control...)
		var n int64
		for _, b := range blocks {
			out = c.seeder.appendBlock(out, b)
			n += int64(b.length)
		}
		c.seeder.pace.wait(n)
		c.seeder.count(blocks)
		if _, err := c.Write(out); err != nil {
			return
		}
	}
}

// next waits for something to send; it answers nothing when the connection ended.
func (c *seederConn) next() (control []byte, blocks []block) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.control) == 0 && len(c.queue) == 0 && !c.ended {
		c.changed.Wait()
	}
	if c.ended {
		return nil, nil
	}
	control, c.control = c.control, nil
	limit := batch
	if c.seeder.pace.limited() {
		limit = pacedBatch
	}
	for len(c.queue) > 0 && limit > 0 {
		blocks = append(blocks, c.queue[0])
		limit -= c.queue[0].length
		c.queue = c.queue[1:]
	}
	return control, blocks
}

func (s *Seeder) appendBlock(b []byte, want block) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(want.length+9))
	b = append(b, msgPiece)
	b = binary.BigEndian.AppendUint32(b, uint32(want.piece))
	b = binary.BigEndian.AppendUint32(b, uint32(want.begin))
	b = slices.Grow(b, want.length)
	data := b[len(b) : len(b)+want.length]
	_, _ = s.payload.ReadAt(data, int64(want.piece)*s.payload.PieceLength+int64(want.begin))
	if within(s.options.Corrupt, want.piece) {
		data[0] ^= 0xff
	}
	return b[:len(b)+want.length]
}
