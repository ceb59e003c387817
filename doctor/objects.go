package doctor

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/storage"
)

// orphanAge is how long something may lie in the store before a row must name it: the
// sweeper's hour, and the time until its next round is over.
const orphanAge = storage.SweepAge + 15*time.Minute

// inventory is what rows and store say about each key, side by side.
type inventory struct {
	rows    map[string]*object
	making  map[string]bool // keys of uploads, which an object takes once a row says so
	orphans []storage.Info  // old objects that no row names
	twice   []Violation
}

// object is a row of objects that names a key.
type object struct {
	id     string
	store  string
	size   int64
	state  collections.ObjectState
	inside bool  // the store has it
	actual int64 // bytes in the store
}

func (x *examination) inventory() (*inventory, error) {
	if x.keys != nil {
		return x.keys, nil
	}
	inv := &inventory{rows: map[string]*object{}, making: map[string]bool{}}
	if err := errors.Join(inv.readUploads(x), inv.readRows(x)); err != nil {
		return nil, fmt.Errorf("read the objects: %w", err)
	}
	if err := x.store.List(x, storage.KeyPrefix, func(info storage.Info) error { return inv.add(x, info) }); err != nil {
		return nil, fmt.Errorf("list the store: %w", err)
	}
	x.keys = inv
	return inv, nil
}

func (inv *inventory) readUploads(x *examination) error {
	var keys []string
	err := x.app.ConcurrentDB().Select("key").From("uploads").WithContext(x).Column(&keys)
	for _, key := range keys {
		inv.making[key] = true
	}
	return err
}

func (inv *inventory) readRows(x *examination) error {
	rows, err := x.app.ConcurrentDB().NewQuery(`SELECT id, key, store, CAST(size_bytes AS INTEGER), state FROM objects WHERE key != ''`).WithContext(x).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var key string
		o := new(object)
		if err := rows.Scan(&o.id, &key, &o.store, &o.size, &o.state); err != nil {
			return err
		}
		if other := inv.rows[key]; other != nil {
			inv.twice = append(inv.twice, Violation{o.id, "has the key of object " + other.id})
		}
		inv.rows[key] = o
	}
	return rows.Err()
}

func (inv *inventory) add(x *examination, info storage.Info) error {
	o := inv.rows[info.Key]
	switch {
	case o != nil:
		o.inside, o.actual = true, info.Size
	case !inv.making[info.Key] && x.opts.Now().Sub(info.Modified) > orphanAge:
		inv.orphans = append(inv.orphans, info)
	}
	return nil
}

func storedObjectsAreThere(x *examination, found func(Violation)) (string, error) {
	inv, err := x.inventory()
	if err != nil {
		return "", err
	}
	for _, v := range inv.twice {
		found(v)
	}
	elsewhere := 0
	for key, o := range inv.rows {
		switch {
		case o.state != collections.ObjectStored || o.inside:
		case o.store != x.store.Kind():
			elsewhere++
		default:
			found(Violation{o.id, "is stored by its row, but the store has no " + key})
		}
	}
	err = x.query(found, `SELECT id, 'is stored by its row, which names no key' FROM objects WHERE state = 'stored' AND key = ''`, nil)
	if elsewhere > 0 {
		return fmt.Sprintf("%d objects lie in a store that is not %s", elsewhere, x.store.Kind()), err
	}
	return "", err
}

func noOrphanObjects(x *examination, found func(Violation)) (string, error) {
	inv, err := x.inventory()
	if err != nil {
		return "", err
	}
	for _, o := range inv.orphans {
		found(Violation{o.Key, fmt.Sprintf("%d bytes since %s", o.Size, stamp(o.Modified))})
	}
	return "", nil
}

const (
	neededUploads = `SELECT uploads.upload_id FROM uploads
		JOIN files ON files.object_id = uploads.object_id JOIN jobs ON jobs.id = files.job_id
		WHERE jobs.status NOT IN ('completed', 'failed', 'cancelled')`
	// doomedUploads are ended at once while a control plane runs, else when it starts.
	doomedUploads = ` UNION SELECT uploads.upload_id FROM uploads JOIN objects ON objects.id = uploads.object_id WHERE objects.state = 'deleting'`
)

func noOrphanUploads(x *examination, found func(Violation)) (string, error) {
	var old []storage.Unfinished
	err := x.store.ListUploads(x, func(u storage.Unfinished) error {
		if strings.HasPrefix(u.Key, storage.KeyPrefix) && x.opts.Now().Sub(u.Initiated) > orphanAge {
			old = append(old, u)
		}
		return nil
	})
	if err != nil || len(old) == 0 {
		return "", err
	}
	needs := neededUploads
	if !x.opts.Serving {
		needs += doomedUploads
	}
	var ids []string
	if err := x.app.ConcurrentDB().NewQuery(needs).WithContext(x).Column(&ids); err != nil {
		return "", err
	}
	needed := make(map[string]bool, len(ids))
	for _, id := range ids {
		needed[id] = true
	}
	for _, u := range old {
		if !needed[u.UploadID] {
			found(Violation{u.Key, fmt.Sprintf("upload %s since %s", u.UploadID, stamp(u.Initiated))})
		}
	}
	return "", nil
}
