// Package utp offers the names that github.com/anacrolix/torrent expects of
// github.com/anacrolix/go-utp, on top of github.com/anacrolix/utp (pure Go).
// README.md says why it exists and when to drop it.
package utp

import (
	"context"
	"log/slog"
	"net"

	"github.com/anacrolix/utp"
)

// Default names the implementation.
const Default = "anacrolix/utp"

// FirewallCallback answers true for an incoming address that is to be refused.
type FirewallCallback func(net.Addr) bool

// Socket is a uTP endpoint (BEP 29) that also passes on packets of other protocols.
type Socket interface {
	net.PacketConn
	Accept() (net.Conn, error)
	Addr() net.Addr
	DialContext(ctx context.Context, network, addr string) (net.Conn, error)
	SetFirewallCallback(FirewallCallback)
}

// Option changes how a Socket is made.
type Option func()

// WithLogger is accepted and ignored: the library underneath does not log.
func WithLogger(*slog.Logger) Option { return func() {} }

type socket struct{ *utp.Socket }

// SetFirewallCallback does nothing: the library underneath has no such hook, and
// the torrent client checks the address again when it accepts the connection.
func (socket) SetFirewallCallback(FirewallCallback) {}

// NewSocket listens on addr; network is "udp", "udp4" or "udp6".
func NewSocket(network, addr string, _ ...Option) (Socket, error) {
	s, err := utp.NewSocket(network, addr)
	if err != nil {
		return nil, err
	}
	return socket{s}, nil
}

// NewSocketFromPacketConn takes over pc, which the socket closes.
func NewSocketFromPacketConn(pc net.PacketConn, _ ...Option) (Socket, error) {
	s, err := utp.NewSocketFromPacketConn(pc)
	if err != nil {
		return nil, err
	}
	return socket{s}, nil
}
