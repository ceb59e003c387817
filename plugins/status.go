package plugins

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// codeTrailer is the trailing metadata that carries an ErrorCode; see engine.proto.
const codeTrailer = "longshore-code"

var codeToStatus = map[ErrorCode]codes.Code{
	ErrNotFound:    codes.NotFound,
	ErrUnsupported: codes.Unimplemented,
	ErrInvalid:     codes.InvalidArgument,
	ErrDiskFull:    codes.ResourceExhausted,
	ErrIO:          codes.DataLoss,
	ErrClosed:      codes.Unavailable,
	ErrInternal:    codes.Internal,
}

var statusToCode = func() map[codes.Code]ErrorCode {
	m := map[codes.Code]ErrorCode{}
	for code, status := range codeToStatus {
		m[status] = code
	}
	return m
}()

// EngineError answers the *Error in err's chain, one of code internal when there is none, nil for nil.
func EngineError(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Code: ErrInternal, Message: err.Error()}
}

func invalid(format string, args ...any) *Error {
	return &Error{Code: ErrInvalid, Message: fmt.Sprintf(format, args...)}
}

// knownCode maps words an engine made up to internal.
func knownCode(s string) ErrorCode {
	if _, ok := codeToStatus[ErrorCode(s)]; ok {
		return ErrorCode(s)
	}
	return ErrInternal
}

// errorToWire makes the status and trailer of a failed call.
func errorToWire(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return status.FromContextError(ctx.Err()).Err()
	}
	e := EngineError(err)
	code := knownCode(string(e.Code))
	_ = grpc.SetTrailer(ctx, metadata.Pairs(codeTrailer, string(code)))
	return status.Error(codeToStatus[code], e.Message)
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// errorFromWire makes an *Error of a failed call. When ctx ended first it answers ctx's error.
// gone is closed when the process died. The regular end of a stream, io.EOF, stays what it is.
func errorFromWire(ctx context.Context, gone <-chan struct{}, err error, trailer metadata.MD) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, io.EOF) {
		return err
	}
	s := status.Convert(err)
	words := trailer.Get(codeTrailer)
	if closed(gone) || s.Code() == codes.Unavailable && len(words) == 0 {
		return &Error{Code: ErrClosed, Message: "the engine's process is gone"}
	}
	code, ok := statusToCode[s.Code()]
	if !ok {
		code = ErrInternal
	}
	if len(words) > 0 {
		code = knownCode(words[0])
	}
	return &Error{Code: code, Message: s.Message()}
}
