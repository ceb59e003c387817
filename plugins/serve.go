package plugins

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/longshore-project/longshore/plugins/enginepb"
)

// The go-plugin side of engine.proto; see there.
const (
	cookieKey   = "LONGSHORE_ENGINE"
	cookieValue = "5f2c7d0a-longshore-engine"
	socketDir   = "PLUGIN_UNIX_SOCKET_DIR"
	pluginName  = "engine"
)

var handshake = plugin.HandshakeConfig{
	ProtocolVersion:  1,
	MagicCookieKey:   cookieKey,
	MagicCookieValue: cookieValue,
}

// grpcPlugin is an Engine as go-plugin knows it.
type grpcPlugin struct {
	plugin.NetRPCUnsupportedPlugin
	engine Engine // served; nil at the agent's end
	gone   <-chan struct{}
	logger *slog.Logger
}

func (p *grpcPlugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	enginepb.RegisterEngineServer(s, &server{engine: p.engine})
	return nil
}

func (p *grpcPlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return &client{wire: enginepb.NewEngineClient(conn), gone: p.gone, logger: p.logger}, nil
}

// Serve is the main of an engine process: it lets the agent that started this process drive e,
// and returns when the agent ends the connection. An agent that dies takes the process with it.
// It makes slog's default logger write to the agent, and ends a process that a person started by exit status 1.
func Serve(e Engine) {
	slog.SetDefault(slog.New(engineLog(os.Stderr)))
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: handshake,
		Plugins:         plugin.PluginSet{pluginName: &grpcPlugin{engine: e}},
		Logger:          engineHclog(os.Stderr),
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(opts, grpc.MaxRecvMsgSize(MaxMessageBytes), grpc.MaxSendMsgSize(MaxMessageBytes))...)
		},
	})
	end, cancel := context.WithTimeout(context.Background(), shutdownLimit)
	defer cancel()
	if err := e.Shutdown(end); err != nil {
		slog.Warn("the engine did not shut down cleanly", "error", err)
	}
}

// shutdownLimit is how long an engine may take to flush before it is killed.
const shutdownLimit = 5 * time.Second
