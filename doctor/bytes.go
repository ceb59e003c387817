package doctor

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/storage"
)

func bytesEqualHashes(x *examination, found func(Violation)) (string, error) {
	inv, err := x.inventory()
	if err != nil {
		return "", err
	}
	unread := 0
	err = x.eachTorrent(func(Violation) {}, func(torrent *core.Record, m *collections.Metainfo) error {
		sets, err := x.storedSets(inv, torrent.Id, m)
		if err != nil {
			return err
		}
		for _, set := range sets {
			missed, err := set.compare(x, found)
			unread += missed
			if err != nil {
				return err
			}
		}
		return nil
	})
	if unread > 0 {
		return fmt.Sprintf("%d pieces that reach into files which are not stored", unread), err
	}
	return "", err
}

// contents is one torrent's stored objects that belong together.
type contents struct {
	m       *collections.Metainfo
	objects []*content // by file index; nil when not stored
}

// content reads one object from front to back.
type content struct {
	id, key string
	size    int64
	reader  io.ReadCloser
	offset  int64
	bad     bool
}

const storedOfTorrent = `SELECT id, key, scope, CAST(file_index AS INTEGER) AS number, CAST(size_bytes AS INTEGER) AS size
	FROM objects WHERE torrent_id = {:torrent} AND state = 'stored' AND store = {:store}`

// storedSets answers the stored objects of a torrent, each scope by itself.
func (x *examination) storedSets(inv *inventory, torrent string, m *collections.Metainfo) (map[string]*contents, error) {
	var rows []struct {
		ID     string
		Key    string
		Scope  string
		Number int
		Size   int64
	}
	err := x.app.ConcurrentDB().NewQuery(storedOfTorrent).WithContext(x).Bind(dbx.Params{"torrent": torrent, "store": x.store.Kind()}).All(&rows)
	sets := map[string]*contents{}
	for _, r := range rows {
		o := inv.rows[r.Key]
		whole := o != nil && o.inside && o.actual == r.Size
		if !whole || r.Number < 0 || r.Number >= len(m.Files) || m.Files[r.Number].Size != r.Size {
			continue // another invariant names it
		}
		if sets[r.Scope] == nil {
			sets[r.Scope] = &contents{m: m, objects: make([]*content, len(m.Files))}
		}
		sets[r.Scope].objects[r.Number] = &content{id: r.ID, key: r.Key, size: r.Size}
	}
	return sets, err
}

// compare hashes every piece that can be read whole and answers how many cannot.
func (c *contents) compare(x *examination, found func(Violation)) (missed int, err error) {
	defer c.closeAll()
	first := 0
	for piece := range c.m.NumPieces {
		begin := int64(piece) * c.m.PieceLength
		end := begin + c.m.PieceSize(piece)
		for f := c.m.Files[first]; f.Offset+f.Size <= begin; f = c.m.Files[first] {
			c.objects[first].close()
			first++
		}
		last := c.lastOf(first, end)
		whole, err := c.hash(x, piece, first, last, begin, end, found)
		if err != nil {
			return missed, err
		}
		if !whole && c.any(first, last) {
			missed++
		}
	}
	return missed, nil
}

// lastOf answers the last file with bytes before end.
func (c *contents) lastOf(first int, end int64) int {
	last := first
	for last+1 < len(c.m.Files) && c.m.Files[last+1].Offset < end {
		last++
	}
	return last
}

func (c *contents) any(first, last int) bool {
	for i := first; i <= last; i++ {
		if c.objects[i] != nil && c.objects[i].size > 0 {
			return true
		}
	}
	return false
}

// hash compares one piece, which lies in the files first to last; false when some of it is not there.
func (c *contents) hash(x *examination, piece, first, last int, begin, end int64, found func(Violation)) (bool, error) {
	for i := first; i <= last; i++ {
		if f := c.m.Files[i]; c.objects[i] == nil && f.Size > 0 && !f.Pad {
			return false, nil
		}
	}
	sum := sha1.New()
	for i := first; i <= last; i++ {
		f := c.m.Files[i]
		from, to := max(begin, f.Offset), min(end, f.Offset+f.Size)
		if err := c.copy(x, sum, i, from-f.Offset, to-from); errors.Is(err, storage.ErrNotFound) {
			return false, nil
		} else if err != nil {
			return false, err
		}
	}
	if want := c.m.PieceHash(piece); string(sum.Sum(nil)) != string(want[:]) {
		c.blame(piece, first, last, found)
	}
	return true, nil
}

// copy writes length bytes of file i to sum; pad files are zeros (BEP 47).
func (c *contents) copy(x *examination, sum hash.Hash, i int, offset, length int64) error {
	if length <= 0 {
		return nil
	}
	if c.m.Files[i].Pad {
		_, err := io.CopyN(sum, zeros{}, length)
		return err
	}
	o := c.objects[i]
	if err := o.seek(x, offset); err != nil {
		return err
	}
	n, err := io.CopyN(sum, o.reader, length)
	if o.offset += n; err != nil {
		return fmt.Errorf("read %s: %w", o.key, err)
	}
	return nil
}

func (o *content) seek(x *examination, offset int64) error {
	if o.reader != nil && o.offset == offset {
		return nil
	}
	o.close()
	r, err := x.store.Open(x, o.key, offset, -1)
	if err != nil {
		return err
	}
	o.reader, o.offset = r, offset
	return nil
}

func (o *content) close() {
	if o != nil && o.reader != nil {
		o.reader.Close()
		o.reader = nil
	}
}

func (c *contents) closeAll() {
	for _, o := range c.objects {
		o.close()
	}
}

// blame names each object with bytes in a piece, once.
func (c *contents) blame(piece, first, last int, found func(Violation)) {
	for i := first; i <= last; i++ {
		if o := c.objects[i]; o != nil && o.size > 0 && !o.bad {
			o.bad = true
			found(Violation{o.id, fmt.Sprintf("differs from the torrent in piece %d (file %d)", piece, i)})
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
