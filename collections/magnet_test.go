package collections

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

const (
	hexHash    = "0123456789abcdef0123456789abcdef01234567"
	base32Hash = "AERUKZ4JVPG66AJDIVTYTK6N54ASGRLH"
	hashV2     = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	good       = "magnet:?xt=urn:btih:" + hexHash
	goodV2     = "urn:btmh:1220" + hashV2
)

func TestParseMagnet(t *testing.T) {
	cases := []struct {
		name, link string
		want       Magnet
	}{
		{"a bare infohash", good, Magnet{}},
		{"spaces around the link", "  " + good + "\n", Magnet{}},
		{"capital letters", "MAGNET:?XT=URN:BTIH:" + strings.ToUpper(hexHash), Magnet{}},
		{"base32", "magnet:?xt=urn:btih:" + base32Hash, Magnet{}},
		{"base32 in small letters", "magnet:?xt=urn:btih:" + strings.ToLower(base32Hash), Magnet{}},
		{"the same infohash in both spellings", good + "&xt=urn:btih:" + base32Hash, Magnet{}},
		{"a hybrid", good + "&xt=" + goodV2, Magnet{InfohashV2: hashV2}},
		{"a hybrid with numbered topics", "magnet:?xt.1=urn:btih:" + hexHash + "&xt.2=" + goodV2, Magnet{InfohashV2: hashV2}},
		{"a topic of another network", good + "&xt=urn:ed2k:354B15E68FB8F36D7CD88FF94116CDC1", Magnet{}},
		{"unknown parameters", good + "&xl=10&kt=a&x.what=1&&=&novalue", Magnet{}},
		{"a name with plus and percent", good + "&dn=a+b%20c%26d", Magnet{Name: "a b c&d"}},
		{"a name with a stray percent", good + "&dn=100% sure", Magnet{Name: "100% sure"}},
		{"a name that is no UTF-8", good + "&dn=a%ff%00", Magnet{Name: "a\uFFFD\uFFFD"}},
		{"a long name", good + "&dn=" + strings.Repeat("n", 300), Magnet{Name: strings.Repeat("n", 255)}},
		{"two names", good + "&dn=first&dn=second", Magnet{Name: "first"}},
		{"trackers, numbered and twice", good + "&tr=http%3A%2F%2Fa.example%2Fx&tr.1=udp://b.example:6969&tr=http://a.example/x", Magnet{Trackers: []string{"http://a.example/x", "udp://b.example:6969"}}},
		{"trackers that are none", good + "&tr=file:///etc/passwd&tr=unix:/run/x&tr=&tr=javascript:alert(1)", Magnet{}},
		{"links copied from HTML", good + "&amp;dn=a&amp;tr=http://a.example", Magnet{Name: "a", Trackers: []string{"http://a.example"}}},
		{"webseeds", good + "&ws=http://w.example/f&ws=ftp://w.example/", Magnet{Webseeds: []string{"http://w.example/f"}}},
		{"peers", good + "&x.pe=10.0.0.1:6881&x.pe=[2001:db8::1]:1&x.pe=host.example:65535&x.pe=10.0.0.1:6881", Magnet{Peers: []string{"10.0.0.1:6881", "[2001:db8::1]:1", "host.example:65535"}}},
		{"peers that are none", good + "&x.pe=10.0.0.1&x.pe=10.0.0.1:0&x.pe=10.0.0.1:65536&x.pe=:1&x.pe=a/b:1&x.pe=a%0ab:1", Magnet{}},
		{"a selection", good + "&so=0,2,4,6-8", Magnet{Select: []int{0, 2, 4, 6, 7, 8}}},
		{"a selection out of order and twice", good + "&so=7-8,2,,7&so=1-3", Magnet{Select: []int{1, 2, 3, 7, 8}}},
		{"an empty selection", good + "&so=", Magnet{}},
		{"an escaped selection", good + "&so=1%2C3", Magnet{Select: []int{1, 3}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.want.Infohash = hexHash
			m, err := ParseMagnet(c.link)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(*m, c.want) {
				t.Errorf("%+v", *m)
			}
			again, err := ParseMagnet(m.String())
			if err != nil || !reflect.DeepEqual(again, m) {
				t.Errorf("%s is read as %+v, %v", m, again, err)
			}
		})
	}
}

func TestParseMagnetRefuses(t *testing.T) {
	other := strings.Replace(hexHash, "0", "f", 1)
	cases := []struct {
		name, link string
		code       Code
	}{
		{"nothing", "", CodeInvalidMagnet},
		{"a web address", "https://example.com/?xt=urn:btih:" + hexHash, CodeInvalidMagnet},
		{"a bare hash", hexHash, CodeInvalidMagnet},
		{"no parameters", "magnet:?", CodeInvalidMagnet},
		{"no topic", "magnet:?dn=a", CodeInvalidMagnet},
		{"a topic of another network only", "magnet:?xt=urn:sha1:" + base32Hash, CodeInvalidMagnet},
		{"an infohash of 39 digits", good[:len(good)-1], CodeInvalidMagnet},
		{"an infohash of 41 digits", good + "0", CodeInvalidMagnet},
		{"an infohash that is not hexadecimal", good[:len(good)-1] + "g", CodeInvalidMagnet},
		{"an infohash of 32 characters that are not base32", "magnet:?xt=urn:btih:" + strings.Repeat("1", 32), CodeInvalidMagnet},
		{"an empty infohash", "magnet:?xt=urn:btih:", CodeInvalidMagnet},
		{"two infohashes", good + "&xt=urn:btih:" + other, CodeInvalidMagnet},
		{"v2 only", "magnet:?xt=" + goodV2, CodeInvalidMagnet},
		{"two v2 infohashes", good + "&xt=" + goodV2 + "&xt=" + strings.Replace(goodV2, "ff", "00", 1), CodeInvalidMagnet},
		{"a v2 infohash in the place of a v1", "magnet:?xt=urn:btih:1220" + hashV2, CodeInvalidMagnet},
		{"a v1 infohash in the place of a v2", good + "&xt=urn:btmh:" + hexHash, CodeInvalidMagnet},
		{"a multihash of another function", good + "&xt=urn:btmh:1114" + hexHash, CodeInvalidMagnet},
		{"a multihash that is too short", good + "&xt=" + goodV2[:len(goodV2)-2], CodeInvalidMagnet},
		{"a selection of words", good + "&so=all", CodeInvalidMagnet},
		{"a negative index", good + "&so=-1", CodeInvalidMagnet},
		{"an open range", good + "&so=1-", CodeInvalidMagnet},
		{"a range backwards", good + "&so=3-1", CodeInvalidMagnet},
		{"an index beyond all files", good + "&so=0-100000", CodeInvalidMagnet},
		{"an index of 30 digits", good + "&so=" + strings.Repeat("9", 30), CodeInvalidMagnet},
		{"64 KiB and a byte", good + "&dn=" + strings.Repeat("a", MaxMagnetBytes-len(good)-3), CodeTooLarge},
		{"a link that grows beyond 64 KiB when it is escaped", good + escapedTrackers(60), CodeTooLarge},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if m, err := ParseMagnet(c.link); CodeOf(err) != c.code {
				t.Errorf("%+v, %v", m, err)
			}
		})
	}
}

// escapedTrackers answers n trackers of 1,000 bytes that take 3,000 when escaped.
func escapedTrackers(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("&tr=http://" + string(rune('a'+i%26)) + string(rune('a'+i/26)) + ".example/" + strings.Repeat("ä", 490))
	}
	return b.String()
}

func TestParseMagnetCutsLongLists(t *testing.T) {
	link := good
	for i := range 400 {
		n := string(rune('a'+i%26)) + string(rune('a'+i/26))
		link += "&tr=udp://" + n + ":1&ws=http://" + n + "&x.pe=" + n + ":1"
	}
	m, err := ParseMagnet(link)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Trackers) != MaxTrackers || len(m.Webseeds) != MaxWebseeds || len(m.Peers) != MaxMagnetPeers {
		t.Errorf("%d trackers, %d webseeds, %d peers", len(m.Trackers), len(m.Webseeds), len(m.Peers))
	}
}

func TestParseMagnetExpandsOverlappingRangesOnce(t *testing.T) {
	ranges := strings.TrimSuffix(strings.Repeat("0-99999,", 8000), ",")
	m, err := ParseMagnet(good + "&so=" + ranges)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Select) != MaxFiles || !slices.IsSorted(m.Select) || !strings.HasSuffix(m.String(), "&so=0-99999") {
		t.Errorf("%d files selected", len(m.Select))
	}
}

func TestParseInfohash(t *testing.T) {
	for _, s := range []string{hexHash, strings.ToUpper(hexHash), base32Hash, strings.ToLower(base32Hash)} {
		if h, err := ParseInfohash(s); err != nil || h != hexHash {
			t.Errorf("%s: %s, %v", s, h, err)
		}
	}
	for _, s := range []string{"", hexHash[1:], hexHash + "00", hexHash[1:] + "é", base32Hash[1:], base32Hash[1:] + "="} {
		if h, err := ParseInfohash(s); CodeOf(err) != CodeInvalidInput {
			t.Errorf("%s: %s, %v", s, h, err)
		}
	}
}
