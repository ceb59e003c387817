package storage

import "time"

// SetPageSize makes lists come in small pages.
func (s *S3) SetPageSize(n int32) { s.pageSize = &n }

// SetStall changes how long a client may stand still.
func (l *Local) SetStall(d time.Duration) { l.stall = d }

// Writing counts the PUTs under way.
func (l *Local) Writing() int {
	l.gate.mu.Lock()
	defer l.gate.mu.Unlock()
	return len(l.gate.puts)
}
