package anacrolix

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/plugins"
	"github.com/longshore-project/longshore/plugins/enginetest"
)

// webseed serves a payload of one file over HTTP and notes the bytes it sent (BEP 19).
type webseed struct {
	URL  string
	mu   sync.Mutex
	sent []int64 // by piece
}

func newWebseed(t *testing.T, p *enginetest.Payload) *webseed {
	t.Helper()
	w := &webseed{sent: make([]int64, p.NumPieces)}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(rw, r, "", time.Time{}, &counted{SectionReader: p.Open(0), webseed: w, pieceLength: p.PieceLength})
	}))
	t.Cleanup(server.Close)
	w.URL = server.URL + "/" + p.Name
	return w
}

// counted notes what is read through it.
type counted struct {
	*io.SectionReader
	webseed     *webseed
	pieceLength int64
}

func (c *counted) Read(b []byte) (int, error) {
	at, _ := c.Seek(0, io.SeekCurrent)
	n, err := c.SectionReader.Read(b[:min(int64(len(b)), c.pieceLength-at%c.pieceLength)])
	c.webseed.mu.Lock()
	defer c.webseed.mu.Unlock()
	c.webseed.sent[min(int(at/c.pieceLength), len(c.webseed.sent)-1)] += int64(n)
	return n, err
}

func TestWebseedIsUsedAndNotAskedForSkippedPieces(t *testing.T) {
	p := enginetest.MakePayload(t, enginetest.PayloadSpec{PieceLength: 256 << 10, Single: true, Files: []enginetest.PayloadFile{{Name: "x", Size: 64 << 20}}})
	seed := newWebseed(t, p)
	e, dir := newEngine(t), t.TempDir()
	w := watch(t, e)
	must(t, e.Add(t.Context(), plugins.AddRequest{
		ID: "j", Dir: dir, Metainfo: collections.BuildMetainfo(p.InfoBytes, nil, []string{seed.URL}),
		Skip: []plugins.Range{{Begin: 20, End: 200}},
	}))
	w.awaitFinished(t, "j")
	st, err := e.Statistics(t.Context(), "j")
	must(t, err)
	if len(st.Availability) != 1 || st.Availability[0].End != p.NumPieces {
		t.Errorf("availability: %v", st.Availability)
	}
	seed.mu.Lock()
	defer seed.mu.Unlock()
	for i, n := range seed.sent {
		if wanted := i < 20 || i >= 200; wanted != (n >= p.PieceLength) || !wanted && n > 0 {
			t.Errorf("%d bytes of piece %d were sent", n, i)
		}
	}
}
