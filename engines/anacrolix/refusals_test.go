package anacrolix

import (
	"testing"

	lib "github.com/anacrolix/torrent"
	pp "github.com/anacrolix/torrent/peer_protocol"
)

func TestPeersThatRejectAreAskedAgainUntilTheyAnswer(t *testing.T) {
	for _, c := range []struct {
		name  string
		heard []pp.Message
		asked int
	}{
		{"after a reject, for a while", []pp.Message{{Type: pp.Reject}}, refusalPatience},
		{"not after a block", []pp.Message{{Type: pp.Reject}, {Type: pp.Piece}}, 0},
		{"not while they choke", []pp.Message{{Type: pp.Reject}, {Type: pp.Choke}}, 0},
		{"even when they keep the connection alive", []pp.Message{{Type: pp.Reject}, {Keepalive: true}}, refusalPatience},
		{"not without a reject", []pp.Message{{Type: pp.Unchoke}}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r refusals
			peer := new(lib.PeerConn)
			for i := range c.heard {
				r.hear(peer, &c.heard[i])
			}
			asked := 0
			for len(r.due(nil)) > 0 {
				asked++
			}
			if asked != c.asked || len(r.peers) != 0 {
				t.Errorf("asked %d times, want %d; %d peers are remembered", asked, c.asked, len(r.peers))
			}
		})
	}
}

func TestAPeersQueueIsNeverFilled(t *testing.T) {
	for said, want := range map[int]int{512: 511, 2: 1, 1: 1, 0: 0} {
		hello := pp.ExtendedHandshakeMessage{Reqq: said}
		(&refusals{}).callbacks().ReadExtendedHandshake(nil, &hello)
		if hello.Reqq != want {
			t.Errorf("a peer queues %d: the library heard %d, want %d", said, hello.Reqq, want)
		}
	}
}
