package anacrolix

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/longshore-project/longshore/collections"
)

// generations counts how often the engine gave a torrent to the library. The library
// remembers when it last announced a torrent to a tracker and would, for one that
// comes back, wait out the whole interval (half an hour, often) without a peer. A fragment,
// which never goes over the wire, makes it a tracker that was not asked yet.
type generations map[collections.Infohash]int

// announceURLs answers the trackers in a spelling that the library takes without a panic: the one it
// would itself write. Only HTTP and UDP (BEP 3, 15) are kept.
func announceURLs(trackers []string, generation int) (out []string) {
	for _, s := range trackers {
		u, err := url.Parse(strings.TrimSpace(s))
		if err != nil || u.Hostname() == "" {
			continue
		}
		switch u.Scheme {
		case "http", "https", "udp":
		default:
			continue
		}
		u.Fragment, u.RawFragment = "", ""
		if generation > 0 {
			u.Fragment = strconv.Itoa(generation)
		}
		if again, err := url.Parse(u.String()); err == nil && again.String() == u.String() {
			out = append(out, u.String())
		}
	}
	return out
}
