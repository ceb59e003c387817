// Package anacrolix is the default engine: github.com/anacrolix/torrent over TCP
// (uTP when asked for), with a storage of its own that keeps open pieces in memory
// under a budget, hashes them there and writes each verified piece once.
//
// What a torrent has is recorded in ".longshore-pieces" beside its files. A record is
// written after the bytes of its piece and trusted within the boot that wrote it: the
// page cache outlives this process, but not the machine. Whatever else lies on disk
// is read and hashed in the background before it counts, and never requested until then.
//
// Pieces that are skipped or released are incomplete and unwanted for the library,
// never "complete": it would go on serving them. The package keeps its own account of
// what is done.
package anacrolix
