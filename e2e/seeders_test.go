package e2e

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/longshore-project/longshore/plugins"
	"github.com/longshore-project/longshore/plugins/enginetest"
)

// seeder starts a foreign client that seeds the payload and announces to the tracker.
type seeder func(t testing.TB, p *enginetest.Payload, tracker string)

// startTracker runs opentracker for one infohash and answers its announce URL.
func startTracker(t testing.TB, infohash string) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "whitelist"), []byte(infohash+"\n"), 0o644))
	addr := freeAddr(t)
	host, port, _ := net.SplitHostPort(addr)
	start(t, "opentracker", nil, "opentracker", "-i", host, "-p", port, "-P", port, "-d", dir, "-w", "whitelist")
	eventually(t, "opentracker listens", 10*time.Second, func() error { return dial(addr) })
	return "http://" + addr + "/announce"
}

// waitAnnounced waits until the tracker knows a seed: whoever asks it earlier has to wait for the next interval.
func waitAnnounced(t testing.TB, tracker, infohash string) {
	t.Helper()
	raw, err := hex.DecodeString(infohash)
	must(t, err)
	scrape := strings.Replace(tracker, "/announce", "/scrape?info_hash="+url.QueryEscape(string(raw)), 1)
	eventually(t, "the seeder has announced itself", time.Minute, func() error {
		resp, err := http.Get(scrape)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		if !bytes.Contains(b, []byte("8:completei1e")) {
			return fmt.Errorf("%q", b)
		}
		return nil
	})
}

func seedTransmission(t testing.TB, p *enginetest.Payload, tracker string) {
	rpc, port := freeAddr(t), portOf(freeAddr(t))
	config := t.TempDir()
	file := writeMetainfo(t, p.WithTrackers(tracker))
	start(t, "transmission-daemon", nil, "transmission-daemon", "-f", "-g", config, "-w", p.Dir(),
		"-r", "127.0.0.1", "-p", portOf(rpc), "-P", port, "-i", "127.0.0.1", "-T", "-O", "-Y", "-M", "--no-utp", "--log-error")
	eventually(t, "transmission takes the torrent", 20*time.Second, func() error {
		out, err := exec.Command("transmission-remote", rpc, "-a", file, "-w", p.Dir()).CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("success")) && !bytes.Contains(out, []byte("duplicate")) {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
	eventually(t, "transmission seeds", 60*time.Second, func() error {
		out, _ := exec.Command("transmission-remote", rpc, "-t", "1", "-i").CombinedOutput()
		if !bytes.Contains(out, []byte("Percent Done: 100%")) {
			return fmt.Errorf("%s", out)
		}
		return nil
	})
}

func seedAria2(t testing.TB, p *enginetest.Payload, tracker string) { startAria2(t, p, tracker) }

// aria2 is a running aria2 that seeds one torrent.
type aria2 struct {
	*process
	rpc string
}

func startAria2(t testing.TB, p *enginetest.Payload, tracker string, options ...string) *aria2 {
	a := &aria2{rpc: freeAddr(t)}
	a.process = start(t, "aria2c", nil, "aria2c", append(options, "--no-conf", "--dir="+p.Dir(), "--enable-dht=false", "--enable-dht6=false", "--bt-enable-lpd=false",
		"--listen-port="+portOf(freeAddr(t)), "--seed-ratio=0", "--check-integrity=true", "--interface=127.0.0.1", "--allow-overwrite=true",
		"--enable-rpc", "--rpc-listen-port="+portOf(a.rpc), "--summary-interval=0", writeMetainfo(t, p.WithTrackers(tracker)))...)
	eventually(t, "aria2 seeds", 60*time.Second, func() error {
		if state, err := a.state(); err != nil || state.Seeder != "true" {
			return fmt.Errorf("%+v %w", state, err)
		}
		return nil
	})
	return a
}

// aria2State is what aria2 tells of its torrent (aria2.tellActive).
type aria2State struct {
	Seeder   string `json:"seeder"`
	Uploaded int64  `json:"uploadLength,string"` // bytes to peers
}

func (a *aria2) state() (aria2State, error) {
	var active []aria2State
	if err := a.call("aria2.tellActive", &active); err != nil || len(active) != 1 {
		return aria2State{}, fmt.Errorf("%d torrents are active: %w", len(active), err)
	}
	return active[0], nil
}

func (a *aria2) call(method string, result any, params ...any) error {
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": "1", "method": method, "params": append([]any{}, params...)})
	if err != nil {
		return err
	}
	resp, err := http.Post("http://"+a.rpc+"/jsonrpc", "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 {
		return fmt.Errorf("%s answered %s", method, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(&struct {
		Result any `json:"result"`
	}{result})
}

// qbittorrentConfig allows several connections per address: the tracker tells qBittorrent of itself
// on 127.0.0.1, and without that it refuses every other peer there.
const qbittorrentConfig = `[LegalNotice]
Accepted=true

[BitTorrent]
Session\Interface=lo
Session\InterfaceName=lo
Session\InterfaceAddress=127.0.0.1
Session\DHTEnabled=false
Session\LSDEnabled=false
Session\PeXEnabled=false
Session\BTProtocol=TCP
Session\MultiConnectionsPerIp=true
Session\QueueingSystemEnabled=false

[Preferences]
WebUI\LocalHostAuth=false
WebUI\Address=127.0.0.1
`

func seedQbittorrent(t testing.TB, p *enginetest.Payload, tracker string) {
	ui, addr := freeAddr(t), freeAddr(t)
	profile := t.TempDir()
	config := filepath.Join(profile, "qBittorrent", "config")
	must(t, os.MkdirAll(config, 0o755))
	must(t, os.WriteFile(filepath.Join(config, "qBittorrent.conf"), []byte(qbittorrentConfig), 0o644))
	start(t, "qbittorrent-nox", nil, "qbittorrent-nox", "--profile="+profile, "--webui-port="+portOf(ui), "--torrenting-port="+portOf(addr))
	eventually(t, "qbittorrent listens", 30*time.Second, func() error { return dial(ui) })
	addToQbittorrent(t, ui, p.WithTrackers(tracker), p.Dir())
	eventually(t, "qbittorrent seeds", 60*time.Second, func() error {
		resp, err := http.Get("http://" + ui + "/api/v2/torrents/info")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		var torrents []struct{ State string }
		if err := json.NewDecoder(resp.Body).Decode(&torrents); err != nil {
			return err
		}
		if len(torrents) == 0 || !strings.HasSuffix(torrents[0].State, "UP") || strings.HasPrefix(torrents[0].State, "checking") {
			return fmt.Errorf("%+v", torrents)
		}
		return nil
	})
	// For about a second after that it closes the connections of peers.
	eventually(t, "qbittorrent takes peers", 30*time.Second, func() error {
		peer, err := enginetest.DialLeecher(addr, p)
		if err == nil {
			peer.Close()
		}
		return err
	})
}

func addToQbittorrent(t testing.TB, ui string, metainfo []byte, dir string) {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, _ := form.CreateFormFile("torrents", "payload.torrent")
	part.Write(metainfo)
	form.WriteField("savepath", dir)
	form.Close()
	resp, err := http.Post("http://"+ui+"/api/v2/torrents/add", form.FormDataContentType(), &body)
	must(t, err)
	resp.Body.Close()
}

func writeMetainfo(t testing.TB, metainfo []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "payload.torrent")
	must(t, os.WriteFile(path, metainfo, 0o644))
	return path
}

func dial(addr string) error {
	c, err := net.Dial("tcp", addr)
	if err == nil {
		c.Close()
	}
	return err
}

func portOf(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return port
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// lack answers the pieces from begin to the end of a torrent.
func lack(begin, end int) []plugins.Range { return []plugins.Range{{Begin: begin, End: end}} }
