// Package plugins is the seam between an agent and its torrent engines: the
// contract (Engine), the wire (engine.proto and both its ends) and the launch of
// an engine as a subprocess.
package plugins

import (
	"context"
	"time"
)

// Engine drives torrents. Every method may be called from several goroutines at
// once. An engine writes regular files below the folder it is given and nothing
// else; bytes never travel through this interface.
//
// A method answers an *Error; its Code says what happened: not_found for an id that
// was never added, unsupported for a call the engine lacks the capability for, invalid
// for input it cannot use, disk_full, closed when the engine's process is gone, internal.
// When ctx ends before the answer came, the error is ctx's.
type Engine interface {
	// Describe answers name, version and capabilities. It never changes while the process lives.
	Describe(ctx context.Context) (Description, error)

	// Add takes a torrent up, or goes on with one it has: it is idempotent, and
	// recovery after a crash is Add again with the same folder. Add with Metainfo for
	// an id that was added by Magnet opens its storage and starts the download; until
	// then a magnet fetches metadata only and writes nothing.
	Add(ctx context.Context, req AddRequest) error

	// Remove forgets the torrent after flushing its resume data; the caller removes
	// files when it wants them gone. Removing an unknown id is no error.
	Remove(ctx context.Context, id string) error

	// Pause ends all traffic of the torrent and flushes its resume data; Resume undoes it. Both are idempotent.
	Pause(ctx context.Context, id string) error
	Resume(ctx context.Context, id string) error

	// Files answers where on disk each file lies, in the metainfo's order; not_found before metadata is accepted.
	Files(ctx context.Context, id string) ([]File, error)

	// Statistics answers the present figures of one torrent.
	Statistics(ctx context.Context, id string) (Statistics, error)

	// Prioritise replaces all earlier priorities: pieces in no range have PriorityNormal
	// when they belong to a selected file. Pieces that are not wanted stay unwanted. Needs "ranges".
	Prioritise(ctx context.Context, id string, ranges []PriorityRange) error

	// Skip makes pieces unwanted for good that are in the store already: they are never
	// requested. A skipped piece that is on disk all the same may be served. Needs "skip".
	Skip(ctx context.Context, id string, ranges []Range) error

	// Release says that the bytes of these pieces are to go: the engine never requests,
	// serves, advertises or verifies them again and punches holes. Needs "release".
	Release(ctx context.Context, id string, ranges []Range) error

	// Events answers the one stream of events of all torrents. A later call ends the earlier
	// stream. For every torrent that is there, the stream begins with what holds now:
	// metadata if known, then all verified ranges, then finished or error if they hold. The channel is closed when
	// ctx ends or the engine dies. Nothing is dropped: an engine buffers or merges.
	Events(ctx context.Context) (<-chan Event, error)

	// Shutdown flushes resume data of all torrents and ends all traffic; the process may be killed after it.
	Shutdown(ctx context.Context) error
}

// Capability names something an engine can do.
type Capability string

// The capabilities.
const (
	CapRanges  Capability = "ranges"  // Prioritise, and verified ranges as they come
	CapSkip    Capability = "skip"    // Skip
	CapRelease Capability = "release" // Release
	CapSelect  Capability = "select"  // AddRequest.Selection
	CapV2      Capability = "v2"      // v2-only torrents (BEP 52)
	CapGuard   Capability = "guard"   // refuses forbidden networks at dial time
)

// Description says what an engine is.
type Description struct {
	Name         string
	Version      string
	Capabilities []Capability
}

// Has says whether the engine can do c.
func (d Description) Has(c Capability) bool {
	for _, have := range d.Capabilities {
		if have == c {
			return true
		}
	}
	return false
}

// AddRequest says what to download and where to.
type AddRequest struct {
	ID        string // the caller's; letters and digits
	Dir       string // absolute, exists, belongs to this torrent alone; resume data goes there too, in names that begin with ".longshore-"
	Magnet    string
	Metainfo  []byte // a .torrent; wins over Magnet
	Selection []int  // wanted file indexes; nil means all
	Skip      []Range
	Peers     []string // host:port, dialled at once
	Paused    bool
}

// Range is the half-open range of pieces [Begin, End).
type Range struct{ Begin, End int }

// Priority orders wanted pieces.
type Priority int

// The priorities, lowest first.
const (
	PriorityNormal Priority = iota
	PriorityHigh
	PriorityReadahead
	PriorityNext
	PriorityNow
)

// PriorityRange gives a range a priority.
type PriorityRange struct {
	Range
	Priority Priority
}

// File is one file of a torrent on disk.
type File struct {
	Index int
	Path  string // relative to AddRequest.Dir, with "/"; "" for a file that has no place on disk (pad, symlink)
	Size  int64
}

// Statistics are the figures of one torrent. Rates are bytes per second over the last seconds.
type Statistics struct {
	DownloadRate int64
	UploadRate   int64
	Downloaded   int64   // payload bytes received since Add, wasted ones too
	Uploaded     int64   // payload bytes sent since Add
	Peers        int     // connected
	Seeds        int     // connected with everything
	Availability []Range // pieces that at least one connected peer has
	Paused       bool
}

// EventKind says what an Event tells.
type EventKind int

// The kinds.
const (
	EventMetadata EventKind = iota + 1 // InfoBytes is set
	EventVerified                      // Ranges; Resumed when they were found on disk
	EventFinished                      // every wanted piece is verified and written
	EventError                         // Err is set; disk_full heals by itself, and EventHealed follows; invalid: a magnet's metadata is of no use
	EventHealed
)

// Event is something that happened to a torrent.
type Event struct {
	ID        string
	Kind      EventKind
	InfoBytes []byte
	Ranges    []Range
	Resumed   bool
	Err       *Error
	At        time.Time
}
