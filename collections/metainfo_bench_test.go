package collections

import (
	"fmt"
	"strings"
	"testing"
)

func BenchmarkParse100000Files(b *testing.B) {
	files := make([]dict, MaxFiles)
	for i := range files {
		files[i] = dict{"length": i % 2, "path": []string{fmt.Sprint(i % 100), fmt.Sprint(i) + ".bin"}}
	}
	input := torrent(changed(manyFiles(files...), dict{"pieces": strings.Repeat("h", 20*4)}))
	b.SetBytes(int64(len(input)))
	b.ReportAllocs()
	for b.Loop() {
		mustParse(b, input)
	}
}
