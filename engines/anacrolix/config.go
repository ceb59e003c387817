package anacrolix

import (
	"log/slog"
	"net"
	"net/netip"
	"os"
	"time"

	lib "github.com/anacrolix/torrent"
)

// Config is what an Engine can be told. The zero value is right for the open internet.
type Config struct {
	AllowPrivate bool         // peers, trackers and webseeds on loopback and private addresses
	UTP          bool         // BEP 29 beside TCP
	ListenHost   string       // address to listen on; "" means all of them. The port is always a free one
	MemoryBudget int64        // bytes of unverified pieces held in memory; 0 means 64 MiB
	Version      string       // for the user agent; "" means 0.1.0
	Logger       *slog.Logger // nil means slog's default, whatever it is at the time
}

// ConfigFromEnv reads LONGSHORE_ALLOW_PRIVATE_NETWORK, LONGSHORE_UTP and LONGSHORE_LISTEN_HOST.
func ConfigFromEnv() Config {
	return Config{
		AllowPrivate: os.Getenv("LONGSHORE_ALLOW_PRIVATE_NETWORK") == "1",
		UTP:          os.Getenv("LONGSHORE_UTP") == "1",
		ListenHost:   os.Getenv("LONGSHORE_LISTEN_HOST"),
	}
}

const (
	defaultMemoryBudget = 64 << 20
	peerIDPrefix        = "-LS0100-" // BEP 20
)

func (c Config) withDefaults() Config {
	if c.MemoryBudget == 0 {
		c.MemoryBudget = defaultMemoryBudget
	}
	if c.Version == "" {
		c.Version = "0.1.0"
	}
	if c.Logger == nil {
		c.Logger = slog.New(defaultHandler{})
	}
	return c
}

func (c Config) client(g guard) *lib.ClientConfig {
	cfg := lib.NewDefaultClientConfig()
	cfg.ListenHost = func(string) string { return c.ListenHost }
	cfg.ListenPort = 0
	host, err := netip.ParseAddr(c.ListenHost)
	cfg.DisableIPv6 = err == nil && host.Is4()
	cfg.DisableIPv4 = err == nil && host.Is6() && !host.IsUnspecified()
	cfg.NoDHT = err == nil && host.IsLoopback() // nobody of the DHT can be reached from there
	cfg.DefaultStorage = noStorage{}
	cfg.DisableUTP = !c.UTP
	cfg.DisableWebtorrent = true
	cfg.NoDefaultPortForwarding = true
	cfg.Seed = true
	cfg.FailedAnnounceMinInterval = 15 * time.Second
	cfg.FailedAnnounceMaxInterval = 10 * time.Minute
	// With a limit, pieces that no peer has use it up and stop the torrent for good.
	cfg.MaxUnverifiedBytes = 0
	cfg.PieceHashersPerTorrent = 2
	cfg.Slogger = quietLogger(c.Logger)

	agent := "Longshore/" + c.Version
	cfg.Bep20 = peerIDPrefix
	cfg.HTTPUserAgent = agent
	cfg.ExtendedHandshakeClientVersion = agent
	c.guardClient(cfg, g, agent)
	return cfg
}

// guardClient routes every way out of the library through g.
func (c Config) guardClient(cfg *lib.ClientConfig, g guard, agent string) {
	dialer := g.dialer()
	cfg.IPBlocklist = g
	cfg.DialForPeerConns = false // New adds guarded dialers
	cfg.TrackerDialContext = dialer.DialContext
	cfg.HTTPDialContext = dialer.DialContext
	cfg.WebTransport = webTransport(dialer, agent)
	cfg.ListenPacket = g.listenPacket
	cfg.TrackerListenPacket = func(network, _ string) (net.PacketConn, error) {
		return g.listenPacket(network, net.JoinHostPort(c.ListenHost, "0"))
	}
}

const (
	rateWindow     = 5 * time.Second // rates are means over this time
	sampleInterval = time.Second
	redialInterval = 5 * time.Second // between attempts to reach the peers of a lonely torrent
	maxOpenFiles   = 64              // per torrent
)
