package anacrolix

import (
	"encoding/hex"
	"net"

	"github.com/anacrolix/dht/v2/krpc"

	"github.com/longshore-project/longshore/collections"
)

// takesDHTQuery keeps the DHT from bringing peers to private torrents (BEP 27); the
// library itself only refrains from asking it about them.
func (e *Engine) takesDHTQuery(q *krpc.Msg, _ net.Addr) bool {
	if q.Q != "announce_peer" || q.A == nil {
		return true
	}
	t := e.running(collections.Infohash(hex.EncodeToString(q.A.InfoHash[:])))
	return t == nil || !t.private.Load()
}
