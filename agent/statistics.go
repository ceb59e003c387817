package agent

import (
	"context"
	"time"

	"github.com/longshore-project/longshore/plugins"
)

// pollStatistics asks for figures about once a second while the torrent is in the session under this id.
func (j *job) pollStatistics(s *session, id string) {
	t := &j.torrent
	if t.session != s || t.id != id || j.failure != nil {
		return
	}
	j.spawn(func(ctx context.Context) {
		var stats plugins.Statistics
		err := s.call(ctx, j, "statistics", func(ctx context.Context) (err error) {
			stats, err = s.engine.Statistics(ctx, id)
			return err
		})
		j.post(func() { j.handleStatistics(s, id, stats, err) })
	})
}

func (j *job) handleStatistics(s *session, id string, stats plugins.Statistics, err error) {
	t := &j.torrent
	if t.session != s || t.id != id {
		return
	}
	if err == nil {
		t.stats = stats
		j.window.dirty = true
		if stats.Peers > 0 {
			t.lonely = time.Time{}
		} else if t.lonely.IsZero() {
			t.lonely = time.Now()
		}
	}
	pause := statsInterval
	if j.parts != nil && j.parts.done == 0 {
		pause = statsEager
	}
	time.AfterFunc(pause, func() { j.post(func() { j.pollStatistics(s, id) }) })
}
