package plugins

import "time"

// Hasten makes a supervisor wait for an hour at most after initial, and count a life of healthy as a good one.
func (s *Supervisor) Hasten(initial, healthy time.Duration) {
	s.wait.InitialInterval, s.wait.MaxInterval, s.wait.RandomizationFactor = initial, time.Hour, 0
	s.wait.Multiplier, s.healthy = 1000, healthy
	s.wait.Reset()
}
