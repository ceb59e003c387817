package plugins

// ErrorCode says what went wrong in an engine.
type ErrorCode string

// The codes.
const (
	ErrNotFound    ErrorCode = "not_found"
	ErrUnsupported ErrorCode = "unsupported"
	ErrInvalid     ErrorCode = "invalid"
	ErrDiskFull    ErrorCode = "disk_full"
	ErrIO          ErrorCode = "io"     // reading or writing below the folder failed
	ErrClosed      ErrorCode = "closed" // the engine's process is gone or going
	ErrInternal    ErrorCode = "internal"
)

// Error is an engine's failure with its code.
type Error struct {
	Code    ErrorCode
	Message string
}

func (e *Error) Error() string { return e.Message }
