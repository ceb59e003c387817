package fake

import "time"

// meter measures a rate over whole seconds.
type meter struct {
	total    int64
	second   int64 // since 1970
	now, was int64 // bytes of that second and of the one before
}

func (m *meter) add(n int64, at time.Time) {
	m.turn(at)
	m.now += n
	m.total += n
}

// rate answers the bytes of the last whole second.
func (m *meter) rate(at time.Time) int64 {
	m.turn(at)
	return m.was
}

func (m *meter) turn(at time.Time) {
	switch second := at.Unix(); second - m.second {
	case 0:
	case 1:
		m.was, m.now, m.second = m.now, 0, second
	default:
		m.was, m.now, m.second = 0, 0, second
	}
}
