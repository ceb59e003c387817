package anacrolix

import (
	lib "github.com/anacrolix/torrent"
	"github.com/anacrolix/torrent/metainfo"
)

// join gives the torrent to the library.
func (t *torrent) join() error {
	if t.lib == nil {
		if err := t.register(); err != nil {
			return err
		}
	}
	if t.store != nil {
		if err := t.attach(); err != nil {
			return err
		}
	}
	t.lib.AddTrackers([][]string{announceURLs(t.order.trackers, t.generation)})
	t.lib.AddWebSeeds(t.order.webseeds)
	go dialPeers(t.ctx, t.lib, t.order.peers)
	return nil
}

func (t *torrent) register() error {
	l, isNew := t.engine.client.AddTorrentOpt(lib.AddTorrentOpts{
		InfoHash:                 metainfo.NewHashFromHex(string(t.infohash)),
		InfoBytes:                t.info,
		DisableInitialPieceCheck: true,
		DeferStorageOpen:         true,
	})
	if !isNew {
		return invalidf("this torrent runs already")
	}
	l.SetOnWriteChunkError(func(error) {}) // the store tells of it
	t.lib = l
	t.generation = t.engine.nextGeneration(t.infohash)
	t.traffic.begin()
	clear(t.applied)
	if t.info == nil {
		go t.awaitMetadata(l)
	}
	return nil
}

// attach opens the storage for the library, once it knows the metainfo, and tells it what is wanted.
func (t *torrent) attach() error {
	if t.lib.Info() == nil {
		if err := t.lib.SetInfoBytes(t.info); err != nil {
			return invalidf("the torrent library refuses the metainfo: %v", err)
		}
	}
	if !t.store.active.Load() {
		if err := t.lib.OpenStorage(t.ctx, t.store); err != nil {
			return err
		}
	}
	if t.failing.Load() {
		t.lib.DisallowDataDownload()
	}
	t.apply(0, len(t.applied))
	return nil
}

func (t *torrent) awaitMetadata(l *lib.Torrent) {
	select {
	case <-l.Closed():
	case <-l.GotInfo():
		m := l.Metainfo()
		t.entry.metadata(m.InfoBytes)
	}
}

// leave takes the torrent from the library; its connections end.
func (t *torrent) leave() {
	if t.lib != nil {
		t.traffic.end(t.lib.Stats())
		t.lib.Drop()
		t.lib = nil
	}
}
