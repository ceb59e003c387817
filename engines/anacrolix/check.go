package anacrolix

// startCheck reads, in the background, the pieces that lie on disk without a record that
// is to be trusted.
func (t *torrent) startCheck() {
	var found []int
	for i := range t.store.pieces {
		if t.store.pieces[i].is(unchecked) {
			found = append(found, i)
		}
	}
	if found == nil {
		return
	}
	t.work.Go(func() {
		select {
		case <-t.ctx.Done():
			return
		case t.engine.checks <- struct{}{}:
		}
		defer func() { <-t.engine.checks }()
		t.check(found)
	})
}

func (t *torrent) check(found []int) {
	for _, i := range found {
		if t.ctx.Err() != nil {
			return
		}
		p := &t.store.pieces[i]
		if err := p.check(); err != nil {
			t.engine.logger.Warn("a piece found on disk could not be read", "job", t.id, "piece", i, "error", err)
		}
		t.checked(i)
	}
}

// checked tells the library about piece i.
func (t *torrent) checked(i int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.apply(i, i+1)
		t.updateCompletion(i, i+1)
	}
}
