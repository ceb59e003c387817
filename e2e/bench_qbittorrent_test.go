package e2e

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// plainConfig has no encryption, which the seeder lacks: qBittorrent would try it first and wait a minute. Its API
// shows progress every 100 ms instead of every 1.5 s.
var plainConfig = strings.Replace(qbittorrentConfig, "[BitTorrent]\n", "[BitTorrent]\nSession\\Encryption=2\nSession\\RefreshInterval=100\nSession\\Preallocation=false\n", 1)

// qbittorrent downloads the torrent with qbittorrent-nox; time runs from adding it until its API calls it whole.
func qbittorrent(b *testing.B, torrent []byte) usage {
	b.Helper()
	profile, dir := shortDir(b), b.TempDir()
	defer os.RemoveAll(dir)
	config := filepath.Join(profile, "qBittorrent", "config")
	must(b, os.MkdirAll(config, 0o755))
	must(b, os.WriteFile(filepath.Join(config, "qBittorrent.conf"), []byte(plainConfig), 0o644))
	ui := freeAddr(b)
	cmd := exec.Command("qbittorrent-nox", "--profile="+profile, "--webui-port="+portOf(ui), "--torrenting-port="+portOf(freeAddr(b)))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(b, cmd.Start())
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	poll(b, func() bool { return dial(ui) == nil })

	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, _ := form.CreateFormFile("torrents", "race.torrent")
	part.Write(torrent)
	form.WriteField("savepath", dir)
	form.Close()
	stop := watch(cmd.Process.Pid)
	resp, err := http.Post("http://"+ui+"/api/v2/torrents/add", form.FormDataContentType(), &body)
	must(b, err)
	resp.Body.Close()
	poll(b, func() bool { return whole(ui) })
	return stop()
}

func whole(ui string) bool {
	resp, err := http.Get("http://" + ui + "/api/v2/torrents/info")
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	var torrents []struct{ Progress float64 }
	return json.NewDecoder(resp.Body).Decode(&torrents) == nil && len(torrents) == 1 && torrents[0].Progress == 1
}

// poll asks each 25 ms for at most ten minutes.
func poll(b *testing.B, done func() bool) {
	b.Helper()
	limit := time.After(10 * time.Minute)
	for tick := time.NewTicker(25 * time.Millisecond); !done(); {
		select {
		case <-limit:
			b.Fatal("not within ten minutes")
		case <-tick.C:
		}
	}
}
