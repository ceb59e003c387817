package anacrolix

import (
	"sync"

	lib "github.com/anacrolix/torrent"
	pp "github.com/anacrolix/torrent/peer_protocol"
)

// refusals remembers the peers that rejected a request (BEP 6) and sent nothing since. After
// the reject of its last open request the library never asks a peer again by itself.
// The callbacks run under the library's lock.
type refusals struct {
	mu    sync.Mutex
	peers map[*lib.PeerConn]int // how many more times they are to be asked again
}

// refusalPatience is how many ticks in a row a silent peer is asked again. It ends with a
// peer that went away, too.
const refusalPatience = 60

func (r *refusals) callbacks() lib.Callbacks {
	return lib.Callbacks{ReadExtendedHandshake: leaveRoom, ReadMessage: r.hear}
}

// leaveRoom keeps one request below what a peer says it queues (reqq of BEP 10), for
// Transmission 3 rejects the last one.
func leaveRoom(_ *lib.PeerConn, hello *pp.ExtendedHandshakeMessage) {
	if hello.Reqq > 1 {
		hello.Reqq--
	}
}

func (r *refusals) hear(c *lib.PeerConn, m *pp.Message) {
	if m.Keepalive {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch m.Type {
	case pp.Reject:
		if r.peers == nil {
			r.peers = map[*lib.PeerConn]int{}
		}
		r.peers[c] = refusalPatience
	case pp.Piece, pp.Choke: // the library goes on after a block, and when a choke ends
		delete(r.peers, c)
	}
}

// due answers the peers of a torrent that are to be asked again now.
func (r *refusals) due(l *lib.Torrent) (list []*lib.PeerConn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c, left := range r.peers {
		if c.Torrent() != l {
			continue
		}
		list = append(list, c)
		if r.peers[c] = left - 1; left == 1 {
			delete(r.peers, c)
		}
	}
	return list
}

// askAgain makes the library look for requests to peers that rejected some. It does so for
// idle peers that have a piece which becomes wanted.
func (t *torrent) askAgain() {
	if t.lib == nil {
		return
	}
	for _, c := range t.engine.refusals.due(t.lib) {
		if i, ok := t.wantedOf(c); ok {
			t.lib.CancelPieces(i, i+1)
			t.lib.Piece(i).SetPriority(t.applied[i])
		}
	}
}

// wantedOf answers a piece that the peer has and the library may request.
func (t *torrent) wantedOf(c *lib.PeerConn) (piece int, ok bool) {
	for _, r := range bitmapRanges(c.PeerPieces(), len(t.applied)) {
		for i := r.Begin; i < r.End; i++ {
			if t.applied[i] != lib.PiecePriorityNone && t.store.pieces[i].is(absent) && t.lib.PieceState(i).Priority != lib.PiecePriorityNone {
				return i, true
			}
		}
	}
	return 0, false
}
