package dispatch

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/hooks"
)

const blocklistHook = "longshore.dispatch.blocklist"

// heedBlocklist ends jobs of blocked torrents: those that the transaction which blocked one left, and those that another process
// blocked, which every sweep looks for.
func (d *Dispatcher) heedBlocklist() {
	for {
		select {
		case <-d.ctx.Done():
			return
		case <-d.block:
			if err := hooks.EnforceBlocklist(d.ctx, d.App); err != nil && d.ctx.Err() == nil {
				d.Logger.Error("the blocklist could not be enforced; the next sweep tries again", "error", err)
				d.forgetBlocklist()
			}
		}
	}
}

func (d *Dispatcher) blocklistChanged(*core.Record) { poke(d.block) }

// blockState tells one content of the blocklist from another as far as rows are added or changed.
type blockState struct {
	Last    int64  `db:"last"`
	Updated string `db:"updated"`
}

// lookAtBlocklist wakes heedBlocklist when rows were added or changed since it looked last, and at the first look.
func (d *Dispatcher) lookAtBlocklist() error {
	now, err := one[blockState](d.App, `SELECT COALESCE(MAX(rowid), 0) AS last, COALESCE(MAX(updated_at), '-') AS updated FROM blocklist`, nil)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if now != d.blocked {
		d.blocked = now
		poke(d.block)
	}
	return nil
}

func (d *Dispatcher) forgetBlocklist() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.blocked = blockState{}
}
