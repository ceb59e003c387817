package anacrolix

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/longshore-project/longshore/collections"
)

func TestMetadataIsPutTogetherOfItsBlocks(t *testing.T) {
	info := bytes.Repeat([]byte("info"), 10_000)
	sum := sha1.Sum(info)
	infohash := collections.Infohash(hex.EncodeToString(sum[:]))
	block := func(i int) string {
		part := info[i*metadataBlock : min((i+1)*metadataBlock, len(info))]
		return fmt.Sprintf("d8:msg_typei1e5:piecei%de10:total_sizei%dee%s", i, len(info), part)
	}
	for name, messages := range map[string][]string{
		"in order":                     {block(0), block(1), block(2)},
		"in another order and twice":   {block(2), block(0), block(0), block(1)},
		"after wrong bytes":            {"d8:msg_typei1e5:piecei0e10:total_sizei5eewrong", block(0), block(1), block(2)},
		"after a lie about the size":   {block(0), block(1), "d8:msg_typei1e5:piecei0e10:total_sizei99999ee" + block(0), block(0), block(1), block(2)},
		"among messages without bytes": {"", "x", "d8:msg_typei2e5:piecei0ee", block(0), "d8:msg_typei0e5:piecei1ee", block(1), block(2)},
		"among blocks that cannot be": {
			block(0), block(1),
			"d8:msg_typei1e5:piecei-1e10:total_sizei40000ee" + string(info), "d8:msg_typei1e5:piecei3e10:total_sizei40000ee" + string(info),
			"d8:msg_typei1e5:piecei0e10:total_sizei1099511627776ee" + string(info), "d8:msg_typei1e5:piecei2e10:total_sizei40000eex", "d8:msg_typei1e5:piecei0e10:total_sizei-1eex",
			block(2),
		},
	} {
		t.Run(name, func(t *testing.T) {
			var a assembly
			for i, m := range messages {
				got := a.add([]byte(m), infohash)
				if last := i == len(messages)-1; last != bytes.Equal(got, info) || !last && got != nil {
					t.Errorf("message %d brought %d bytes", i, len(got))
				}
			}
			if a.blocks != nil {
				t.Error("blocks are kept")
			}
		})
	}
}
