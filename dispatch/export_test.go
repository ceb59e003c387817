package dispatch

// SweepLeases does at once what the schedule does every few seconds.
func (d *Dispatcher) SweepLeases() error { return d.sweepLeases() }
