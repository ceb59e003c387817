package plugins

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/longshore-project/longshore/plugins/enginepb"
)

// client is an Engine in another process.
type client struct {
	wire   enginepb.EngineClient
	gone   <-chan struct{} // closed when the process died
	logger *slog.Logger
}

type rpc[Req, Rep any] func(context.Context, *Req, ...grpc.CallOption) (*Rep, error)

func call[Req, Rep any](ctx context.Context, c *client, do rpc[Req, Rep], req *Req) (*Rep, error) {
	var trailer metadata.MD
	rep, err := do(ctx, req, grpc.Trailer(&trailer))
	return rep, errorFromWire(ctx, c.gone, err, trailer)
}

func (c *client) Describe(ctx context.Context) (Description, error) {
	rep, err := call(ctx, c, c.wire.Describe, &enginepb.DescribeRequest{})
	return descriptionFromWire(rep), err
}

func (c *client) Add(ctx context.Context, req AddRequest) error {
	if err := validateRanges(req.Skip); err != nil {
		return err
	}
	_, err := call(ctx, c, c.wire.Add, addToWire(req))
	return err
}

func (c *client) Remove(ctx context.Context, id string) error {
	_, err := call(ctx, c, c.wire.Remove, &enginepb.TorrentRequest{Id: id})
	return err
}

func (c *client) Pause(ctx context.Context, id string) error {
	_, err := call(ctx, c, c.wire.Pause, &enginepb.TorrentRequest{Id: id})
	return err
}

func (c *client) Resume(ctx context.Context, id string) error {
	_, err := call(ctx, c, c.wire.Resume, &enginepb.TorrentRequest{Id: id})
	return err
}

func (c *client) Files(ctx context.Context, id string) ([]File, error) {
	rep, err := call(ctx, c, c.wire.Files, &enginepb.TorrentRequest{Id: id})
	if err != nil {
		return nil, err
	}
	return filesFromWire(rep), nil
}

func (c *client) Statistics(ctx context.Context, id string) (Statistics, error) {
	rep, err := call(ctx, c, c.wire.Statistics, &enginepb.TorrentRequest{Id: id})
	if err != nil {
		return Statistics{}, err
	}
	return statisticsFromWire(rep)
}

func (c *client) Prioritise(ctx context.Context, id string, ranges []PriorityRange) error {
	for _, r := range ranges {
		if err := validateRanges([]Range{r.Range}); err != nil {
			return err
		}
	}
	_, err := call(ctx, c, c.wire.Prioritise, &enginepb.PrioritiseRequest{Id: id, Prioritised: prioritiesToWire(ranges)})
	return err
}

func (c *client) Skip(ctx context.Context, id string, ranges []Range) error {
	return c.ranges(ctx, c.wire.Skip, id, ranges)
}

func (c *client) Release(ctx context.Context, id string, ranges []Range) error {
	return c.ranges(ctx, c.wire.Release, id, ranges)
}

func (c *client) ranges(ctx context.Context, do rpc[enginepb.RangesRequest, enginepb.Done], id string, ranges []Range) error {
	if err := validateRanges(ranges); err != nil {
		return err
	}
	_, err := call(ctx, c, do, &enginepb.RangesRequest{Id: id, Ranges: rangesToWire(ranges)})
	return err
}

// Events opens the stream and answers at once. What goes wrong later closes the channel.
func (c *client) Events(ctx context.Context) (<-chan Event, error) {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := c.wire.Events(ctx, &enginepb.EventsRequest{})
	if err != nil {
		defer cancel()
		return nil, errorFromWire(ctx, c.gone, err, nil)
	}
	events := make(chan Event)
	go func() {
		defer cancel()
		defer close(events)
		c.logEnd(ctx, forward(ctx, stream, events), stream.Trailer())
	}()
	return events, nil
}

// logEnd tells why a stream ended that its reader did not end; a death is told elsewhere, too.
func (c *client) logEnd(ctx context.Context, err error, trailer metadata.MD) {
	switch err := errorFromWire(ctx, c.gone, err, trailer); {
	case ctx.Err() != nil:
	case errors.Is(err, io.EOF) || EngineError(err).Code == ErrClosed:
		c.logger.Debug("the engine ended its event stream", "error", err)
	default:
		c.logger.Warn("the engine's event stream failed", "error", err)
	}
}

func forward(ctx context.Context, stream grpc.ServerStreamingClient[enginepb.Event], to chan<- Event) error {
	for {
		wire, err := stream.Recv()
		if err != nil {
			return err
		}
		e, err := eventFromWire(wire)
		if err != nil {
			return err
		}
		select {
		case to <- e:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (c *client) Shutdown(ctx context.Context) error {
	_, err := call(ctx, c, c.wire.Shutdown, &enginepb.ShutdownRequest{})
	return err
}
