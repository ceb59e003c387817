package collections

import "testing"

func TestPartsCoverAnObjectExactly(t *testing.T) {
	const gib = 1 << 30
	cases := []struct {
		name     string
		size     int64
		partSize int64
		count    int
	}{
		{"an empty object", 0, 8 << 20, 0},
		{"one byte", 1, 8 << 20, 1},
		{"one part exactly", 8 << 20, 8 << 20, 1},
		{"one part and a byte", 8<<20 + 1, 8 << 20, 2},
		{"the most of the smallest parts", 9_500 * 8 << 20, 8 << 20, 9_500},
		{"one byte more takes larger parts", 9_500*8<<20 + 1, 9 << 20, 8_445},
		{"1 TiB", 1024 * gib, 111 << 20, 9_447},
		{"5 TiB, the largest object of S3", 5 * 1024 * gib, 552 << 20, 9_498},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			partSize := PartSize(c.size)
			if n := PartCount(c.size, partSize); partSize != c.partSize || n != c.count {
				t.Fatalf("%d parts of %d bytes", n, partSize)
			}
			var covered int64
			for number := 1; number <= c.count; number++ {
				offset, length := PartRange(c.size, partSize, number)
				if offset != covered || length < 1 || length > partSize || number < c.count && length != partSize {
					t.Fatalf("part %d: %d bytes from %d", number, length, offset)
				}
				covered += length
			}
			if covered != c.size {
				t.Errorf("%d of %d bytes", covered, c.size)
			}
		})
	}
}
