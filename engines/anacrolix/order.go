package anacrolix

import (
	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/plugins"
)

// order is an AddRequest that was read and found good.
type order struct {
	plugins.AddRequest
	infohash collections.Infohash
	meta     *collections.Metainfo // nil for a magnet
	trackers []string
	webseeds []string
	peers    []string
}

func readOrder(req plugins.AddRequest) (*order, error) {
	if err := req.Validate(); err != nil {
		return nil, err
	}
	o := &order{AddRequest: req, peers: req.Peers}
	if req.Metainfo != nil {
		m, err := collections.ParseMetainfo(req.Metainfo)
		if err != nil {
			return nil, invalidf("the metainfo: %v", err)
		}
		o.meta, o.infohash, o.trackers, o.webseeds = m, m.Infohash, m.Trackers, m.Webseeds
		return o, o.check()
	}
	m, err := collections.ParseMagnet(req.Magnet)
	if err != nil {
		return nil, invalidf("the magnet: %v", err)
	}
	if m.Infohash == "" {
		return nil, &plugins.Error{Code: plugins.ErrUnsupported, Message: "this engine cannot do v2-only torrents"}
	}
	o.infohash, o.trackers, o.webseeds = m.Infohash, m.Trackers, m.Webseeds
	o.peers = append(o.peers[:len(o.peers):len(o.peers)], m.Peers...)
	return o, nil
}

func (o *order) check() error {
	for _, i := range o.Selection {
		if i < 0 || i >= len(o.meta.Files) {
			return invalidf("the torrent has no file %d", i)
		}
	}
	return checkRanges(o.Skip, o.meta.NumPieces)
}

func checkRanges(ranges []plugins.Range, pieces int) error {
	for _, r := range ranges {
		if r.Begin < 0 || r.Begin > r.End || r.End > pieces {
			return invalidf("the torrent has no pieces %d to %d", r.Begin, r.End)
		}
	}
	return nil
}
