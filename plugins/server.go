package plugins

import (
	"context"

	"google.golang.org/grpc"

	"github.com/longshore-project/longshore/plugins/enginepb"
)

// server lets another process call an Engine.
type server struct {
	enginepb.UnimplementedEngineServer
	engine Engine
}

func done(ctx context.Context, err error) (*enginepb.Done, error) {
	return &enginepb.Done{}, errorToWire(ctx, err)
}

func (s *server) Describe(ctx context.Context, _ *enginepb.DescribeRequest) (*enginepb.DescribeReply, error) {
	d, err := s.engine.Describe(ctx)
	return descriptionToWire(d), errorToWire(ctx, err)
}

func (s *server) Add(ctx context.Context, w *enginepb.AddRequest) (*enginepb.Done, error) {
	req, err := addFromWire(w)
	if err == nil {
		err = req.Validate()
	}
	if err == nil {
		err = s.engine.Add(ctx, req)
	}
	return done(ctx, err)
}

func (s *server) Remove(ctx context.Context, w *enginepb.TorrentRequest) (*enginepb.Done, error) {
	return done(ctx, s.engine.Remove(ctx, w.Id))
}

func (s *server) Pause(ctx context.Context, w *enginepb.TorrentRequest) (*enginepb.Done, error) {
	return done(ctx, s.engine.Pause(ctx, w.Id))
}

func (s *server) Resume(ctx context.Context, w *enginepb.TorrentRequest) (*enginepb.Done, error) {
	return done(ctx, s.engine.Resume(ctx, w.Id))
}

func (s *server) Files(ctx context.Context, w *enginepb.TorrentRequest) (*enginepb.FilesReply, error) {
	files, err := s.engine.Files(ctx, w.Id)
	return filesToWire(files), errorToWire(ctx, err)
}

func (s *server) Statistics(ctx context.Context, w *enginepb.TorrentRequest) (*enginepb.StatisticsReply, error) {
	figures, err := s.engine.Statistics(ctx, w.Id)
	return statisticsToWire(figures), errorToWire(ctx, err)
}

func (s *server) Prioritise(ctx context.Context, w *enginepb.PrioritiseRequest) (*enginepb.Done, error) {
	ranges, err := prioritiesFromWire(w.Prioritised)
	if err == nil {
		err = s.engine.Prioritise(ctx, w.Id, ranges)
	}
	return done(ctx, err)
}

func (s *server) Skip(ctx context.Context, w *enginepb.RangesRequest) (*enginepb.Done, error) {
	return s.ranges(ctx, s.engine.Skip, w)
}

func (s *server) Release(ctx context.Context, w *enginepb.RangesRequest) (*enginepb.Done, error) {
	return s.ranges(ctx, s.engine.Release, w)
}

func (s *server) ranges(ctx context.Context, do func(context.Context, string, []Range) error, w *enginepb.RangesRequest) (*enginepb.Done, error) {
	ranges, err := rangesFromWire(w.Ranges)
	if err == nil {
		err = do(ctx, w.Id, ranges)
	}
	return done(ctx, err)
}

func (s *server) Events(_ *enginepb.EventsRequest, stream grpc.ServerStreamingServer[enginepb.Event]) error {
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	events, err := s.engine.Events(ctx)
	if err != nil {
		return errorToWire(ctx, err)
	}
	for e := range events {
		if err := stream.Send(eventToWire(e)); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) Shutdown(ctx context.Context, _ *enginepb.ShutdownRequest) (*enginepb.Done, error) {
	return done(ctx, s.engine.Shutdown(ctx))
}
