package anacrolix

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"sync"

	lib "github.com/anacrolix/torrent"
	"github.com/anacrolix/torrent/bencode"
	pp "github.com/anacrolix/torrent/peer_protocol"

	"github.com/longshore-project/longshore/collections"
)

const metadataBlock = 16 << 10 // BEP 9

// assembly puts together a magnet's info dictionary from the blocks that peers send (BEP 9). The
// library does so too, but asks for all of it again, for ever, when it cannot use what it got.
type assembly struct {
	mu     sync.Mutex
	size   int // bytes, as the last block said
	blocks map[int][]byte
}

// add takes a message of ut_metadata. It answers the whole dictionary when the last block has come and the hash is right.
func (a *assembly) add(payload []byte, infohash collections.Infohash) []byte {
	var m pp.ExtendedMetadataRequestMsg
	err := bencode.Unmarshal(payload, &m)
	if _, data := errors.AsType[bencode.ErrUnusedTrailingBytes](err); !data || m.Type != pp.DataMetadataExtensionMsgType ||
		m.TotalSize > collections.MaxMetadataBytes || m.Piece < 0 || m.Piece > m.TotalSize/metadataBlock {
		return nil
	}
	length := m.PieceSize()
	if length <= 0 || length > len(payload) {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.blocks == nil || a.size != m.TotalSize {
		a.size, a.blocks = m.TotalSize, map[int][]byte{}
	}
	a.blocks[m.Piece] = bytes.Clone(payload[len(payload)-length:])
	if len(a.blocks)*metadataBlock < a.size {
		return nil
	}
	return a.take(infohash)
}

// take empties the assembly.
func (a *assembly) take(infohash collections.Infohash) []byte {
	info := make([]byte, 0, a.size)
	for i := range len(a.blocks) {
		info = append(info, a.blocks[i]...)
	}
	a.blocks = nil
	if sum := sha1.Sum(info); hex.EncodeToString(sum[:]) != string(infohash) {
		return nil
	}
	return info
}

// hearExtension runs under the library's lock, before the library handles the message.
func (e *Engine) hearExtension(ev lib.PeerConnReadExtensionMessageEvent) {
	name, _, err := ev.PeerConn.LocalLtepProtocolMap.LookupId(ev.ExtensionNumber)
	l := ev.PeerConn.Torrent()
	if err != nil || name != pp.ExtensionNameMetadata || l.Info() != nil {
		return
	}
	t := e.running(collections.Infohash(l.InfoHash().HexString()))
	if t == nil {
		return
	}
	if info := t.assembly.add(ev.Payload, t.infohash); info != nil {
		go t.judge(l, info)
	}
}

// running answers the torrent with that infohash, nil when there is none.
func (e *Engine) running(infohash collections.Infohash) *torrent {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, t := range e.torrents {
		if t.infohash == infohash {
			return t
		}
	}
	return nil
}

// judge tells when the library cannot use the torrent's own info dictionary. One that it can use awaitMetadata tells.
func (t *torrent) judge(l *lib.Torrent, info []byte) {
	err := l.SetInfoBytes(info)
	select {
	case <-l.Closed():
	default:
		if err != nil {
			t.entry.fail(asError(invalidf("the torrent library refuses the metadata: %v", err)))
		}
	}
}
