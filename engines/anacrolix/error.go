package anacrolix

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/longshore-project/longshore/plugins"
)

var errNoMetainfo = &plugins.Error{Code: plugins.ErrNotFound, Message: "the metainfo is not accepted yet"}

func invalidf(format string, args ...any) error {
	return &plugins.Error{Code: plugins.ErrInvalid, Message: fmt.Sprintf(format, args...)}
}

func closedError() error {
	return &plugins.Error{Code: plugins.ErrClosed, Message: "the engine has been shut down"}
}

func notFoundError(id string) error {
	return &plugins.Error{Code: plugins.ErrNotFound, Message: fmt.Sprintf("there is no torrent %s", id)}
}

// engineError answers err as an *plugins.Error; nil stays nil.
func engineError(err error) error {
	if err == nil {
		return nil
	}
	return asError(err)
}

func asError(err error) *plugins.Error {
	if e, ok := errors.AsType[*plugins.Error](err); ok {
		return e
	}
	return &plugins.Error{Code: codeOf(err), Message: err.Error()}
}

func codeOf(err error) plugins.ErrorCode {
	if _, ok := errors.AsType[*fs.PathError](err); ok || isErrno(err) {
		if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
			return plugins.ErrDiskFull
		}
		return plugins.ErrIO
	}
	return plugins.ErrInternal
}

func isErrno(err error) bool {
	_, ok := errors.AsType[unix.Errno](err)
	return ok || errors.Is(err, errNotRegular)
}
